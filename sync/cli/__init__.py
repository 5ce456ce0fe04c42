"""The command line, with the caller's own log-in and kubeconfig.

The only package that prints. Imports every other.
"""
