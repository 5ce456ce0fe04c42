"""Key Vault on loopback: vaults as state machines behind the data plane's HTTP."""

from local.key_vault.certificates import new_certificate
from local.key_vault.faults import Faults, Kind
from local.key_vault.paging import Page, Quirks
from local.key_vault.refusals import Refused
from local.key_vault.secret import Attributes, Secret, Version
from local.key_vault.server import key_vault_app
from local.key_vault.vault import Vault
from local.key_vault.vaults import KeyVaults

__all__ = [
    "Attributes",
    "Faults",
    "KeyVaults",
    "Kind",
    "Page",
    "Quirks",
    "Refused",
    "Secret",
    "Vault",
    "Version",
    "key_vault_app",
    "new_certificate",
]
