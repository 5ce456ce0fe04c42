"""Reads PKCS#12 bundles that have no password, at a bounded cost, which no library offers.

Owns one public function, `bundle.open_pkcs12`, and what it raises; nothing else is imported from
outside. Imports the BER reader, the budget and the turns of `projection`.

The folder goes, with all its own cryptography, as soon as one of these is true: the `cryptography`
package's `load_pkcs12` takes a limit of rounds, counts those of nested keys, and lets other threads
run meanwhile; or the platform takes certificates in PEM alone (docs/adr/0008).
"""
