"""The interfaces of this package to the outside: objects to read, vault secrets to prepare."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from sync.applications.kinds import Kind
from sync.applications.paths import Names
from sync.core.model import SecretName, Target, VaultName
from sync.core.ports import Deadline


@dataclass(frozen=True, slots=True)
class Declared:
    """An object and what it lists; `deleting` says that it is being deleted."""

    name: str
    names: Names
    deleting: bool = False


class Applications(Protocol):
    """The objects of the clusters. Every method raises Permanent or Transient.

    The namespace is that of a target in it.
    """

    def list(self, place: Target, kind: Kind, deadline: Deadline) -> Sequence[Declared]:
        """Return every object of a kind in the target's namespace."""
        ...

    def get(self, place: Target, kind: Kind, name: str, deadline: Deadline) -> Declared | None:
        """Return an object, None only if the cluster serves the kind and has no such object."""
        ...


class Neighbours(Protocol):
    """Returns the own targets that known vaults have in a target's namespace, itself among them.

    Raises Transient if that is not known.
    """

    def __call__(self, own: Target, deadline: Deadline, /) -> Collection[Target]:
        """Return them."""
        ...


class Preparer(Protocol):
    """Makes vault secrets that wait for their values."""

    def prepare(self, vault: VaultName, name: SecretName, waiting: str, deadline: Deadline) -> bool:
        """Make a secret, disabled and empty, tagged with the application that waits for it.

        Returns False, and makes nothing, if it exists by now. Raises Permanent or Transient,
        Permanent also for one that is soft-deleted.
        """
        ...
