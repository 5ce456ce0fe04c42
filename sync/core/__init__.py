"""The words of the sync: names, types, errors, ports and the annotation's text form.

Owns what every other package speaks of. Pure: no Azure, Kubernetes, HTTP, clock or log. Imports
nothing of `sync`.
"""
