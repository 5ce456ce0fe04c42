"""Finds the tags that make the keys that External Secrets Operator makes of an ExternalSecret.

Reads manifests only, never a value. `manifests` reads a file, `entries` what an ExternalSecret
takes of the store, `go_templates` and `wanted` which keys it makes of that, `tag_texts` writes
tags, and `proposals` puts together what several ExternalSecrets want of one vault secret.

What the operator does is taken from its source, version 1 of its API: `pkg/provider/azure/keyvault`
for `property` and `extract`, `pkg/controllers/externalsecret` for the order of data and templates.
"""
