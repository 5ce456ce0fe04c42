"""Reads PKCS#12 bundles with bounded work, which no library offers (docs/adr/0008).

Owns one public function, `bundle.read`. Imports `core`.
"""
