"""Reads a vault's listing, which may name a secret twice."""

from collections.abc import Iterable, Mapping

from sync.core.model import ListedSecret, SecretName


def latest(listing: Iterable[ListedSecret]) -> Mapping[SecretName, ListedSecret]:
    """Return the secrets by name.

    Names that differ only in case are one secret in Key Vault, which may list it twice. The entry
    with the latest update is kept, whatever the order of the listing.
    """
    found: dict[SecretName, ListedSecret] = {}
    for secret in sorted(listing, key=lambda secret: (secret.updated, str(secret.name))):
        found.pop(secret.name, None)
        found[secret.name] = secret
    return found
