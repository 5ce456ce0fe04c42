"""The shared vocabulary: names, types, errors, ports and the annotation's text form.

Owns what every other package uses. Pure: no Azure, Kubernetes, HTTP, clock or log. Imports nothing
of `sync`.
"""
