"""Vault secrets to the keys they should become: today one enabled secret, one key of its name."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from sync.errors import Permanent
from sync.model import ListedSecret, VaultSecret


def listed_keys(listing: Iterable[ListedSecret]) -> Mapping[str, ListedSecret]:
    """Return the secrets that are to be in, by key.

    Names that differ only in case are one secret to Key Vault, which may list it twice; the latest
    spelling stays, whatever the order of the listing.
    """
    latest: dict[str, ListedSecret] = {}
    for secret in sorted(listing, key=lambda secret: (secret.updated, secret.name)):
        latest[secret.name.lower()] = secret
    return {secret.name: secret for secret in latest.values() if secret.enabled}


def value_bytes(secret: VaultSecret) -> bytes:
    """Return the key's value; raises Permanent for text that UTF-8 cannot carry."""
    with suppress(UnicodeEncodeError):
        return secret.value.encode()
    raise Permanent(  # outside of an except clause, whose error would hold the value
        "ValueNotUnicode",
        f"Secret {secret.name!r} holds characters that UTF-8 cannot encode (lone surrogates): "
        "set a new version of it.",
    )
