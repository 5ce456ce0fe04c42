"""Reads PKCS#12 bundles without a password at a bounded cost, which no library offers.

Has one public function, `bundle.open_pkcs12`, with its limits and errors. Imports the BER reader,
the budget and the turns of `projection`.

Delete this folder once `cryptography`'s `load_pkcs12` takes a limit of rounds, counts those of
nested keys and lets other threads run meanwhile; or once the platform accepts certificates only as
PEM (docs/adr/0008).
"""
