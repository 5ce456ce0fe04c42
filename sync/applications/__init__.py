"""Objects of a cluster that list vault secrets: what they list, and the Secrets they lead to.

Imports `reconcile` and what is below it; only the adapters, the settings and `app` import it.
"""
