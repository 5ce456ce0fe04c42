"""The command line, with the caller's own login and kubeconfig.

The only package that prints. Imports every other.
"""
