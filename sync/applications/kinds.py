"""A kind of object that lists vault secrets, as SYNC_APPLICATIONS describes it."""

from dataclasses import dataclass

from sync.applications.paths import Path
from sync.core.model import VARIABLES, Target, Variables, VaultName

NAME = "{name}"
"""Stands for the object's name in the name of its Secret."""

FIRST = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of application, and where its names, its Secrets and its vault are.

    `group` is empty for the core API. `secret` is the name of the Secret, with `{name}` for the
    object's. `vault` is the number or the name of the vault, None for the only one whose target the
    namespace is, else number 1.
    """

    group: str
    version: str
    resource: str
    names: Path
    secret: str = NAME
    vault: int | VaultName | None = None
    variables: Variables = VARIABLES

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def api(self) -> str:
        """The path of its API."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def secret_of(self, name: str) -> str:
        """Return the name of an object's Secret, right or wrong."""
        return self.secret.replace(NAME, name)

    def is_of(self, own: Target) -> bool | None:
        """Return whether its objects belong to an own target; None if its neighbours decide."""
        if isinstance(self.vault, VaultName):
            return own.vault == self.vault
        if self.vault is not None:
            return own.number == self.vault
        return True if own.number == FIRST else None
