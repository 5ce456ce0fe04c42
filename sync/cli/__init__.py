"""The command line: asks a deployed app over HTTP, or works with the caller's own rights.

A command is a file; each gets the JSON of the HTTP routes and shows it. The only package that
prints, the only one that needs click, and not deployed. Imports every other, the app's only when
a command works with the caller's own rights.
"""
