"""Tracks which vaults are known, which of them lead to the same Secret, and which are gone."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from sync.core.errors import Permanent, Transient, quoted
from sync.core.model import Target, VaultName
from sync.core.ports import Deadline, Known, VaultDirectory
from sync.core.reasons import Reason
from sync.core.vault_names import Naming

_SEARCH_SECONDS = 10.0
"""The time that a reconcile has for a search that it needs."""

type Claims = Mapping[tuple[str, str, str], frozenset[VaultName]]


def claims(naming: Naming, vaults: Iterable[VaultName]) -> Claims:
    """Return the vaults that lead to each place; more than one means a contest."""
    found: dict[tuple[str, str, str], frozenset[VaultName]] = {}
    for vault in vaults:
        try:
            targets = naming.targets(vault)
        except Permanent:  # reported when that vault is reconciled
            continue
        for target in targets:
            found[target.place] = found.get(target.place, frozenset()) | {vault}
    return found


class VaultRegistry:
    """The known vaults and the places that they lead to; thread-safe.

    `listed` are known before the first search.
    """

    def __init__(
        self, naming: Naming, directory: VaultDirectory, listed: Iterable[VaultName]
    ) -> None:
        self._naming = naming
        self._directory = directory
        vaults = tuple(listed)
        self._last = vaults, claims(naming, vaults)

    def neighbours(self, own: Target, deadline: Deadline) -> Collection[Target]:
        """Return the own targets of the known vaults in a target's namespace, and that one.

        Raises Transient if this requires a search and none has succeeded recently.
        """
        known = self.look(Deadline.after(deadline.remaining(_SEARCH_SECONDS), deadline.clock))
        if not known.current:
            raise _undiscovered(
                f"The applications of namespace {own.namespace} are not reconciled yet: without "
                "`vault` in SYNC_APPLICATIONS a search must first show that the namespace is no "
                "other vault's.",
                known,
            )
        found = {own}
        for vault in known.vaults:
            with suppress(Permanent):
                found.update(self._naming.targets(vault))
        space = (own.cluster, own.namespace)
        return [each for each in found if (each.cluster, each.namespace) == space]

    def look(self, deadline: Deadline) -> Known:
        """Ask the directory, which searches if its last search is too old; never raises."""
        known = self._directory.known(deadline)
        vaults, _ = self._last
        if known.vaults != vaults:
            self._last = known.vaults, claims(self._naming, known.vaults)
        return known

    @property
    def knows_any(self) -> bool:
        """Whether any vault is known so far."""
        vaults, _ = self._last
        return bool(vaults)

    def covers(self, vault: VaultName, deadline: Deadline) -> bool:
        """Return whether passes reconcile the vault."""
        return vault in self.look(deadline).vaults

    def contested(self, target: Target, deadline: Deadline) -> bool:
        """Return whether another known vault leads to the same place.

        Raises Transient if this requires a search and none has succeeded recently.
        """
        known = self.look(Deadline.after(deadline.remaining(_SEARCH_SECONDS), deadline.clock))
        _, claimed = self._last
        if claimed.get(target.place, frozenset()) - {target.vault}:
            return True
        if known.current:
            return False
        raise _undiscovered(
            f"Secret {target} is not created or taken over for vault {target.vault} yet: a search "
            "must first show that no other vault leads to it.",
            known,
        )

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Return whether certainly no vault has this name; raises Permanent or Transient."""
        return self._directory.is_gone(vault, deadline)


def _undiscovered(what: str, known: Known) -> Transient:
    fault = known.fault
    return Transient(
        Reason.DISCOVERY_NEEDED,
        f"{what} {fault.message if fault else 'None was made yet.'}",
        fault.retry_after if isinstance(fault, Transient) else None,
    )


def not_gone(target: Target, former: str) -> Permanent:
    """Return the error for a Secret that is not taken from a vault which may still exist."""
    return Permanent(
        Reason.VAULT_NOT_GONE,
        f"Secret {target} is not taken from vault {quoted(former)}: it is not certain that "
        "this vault is gone. With SYNC_DISCOVERY Resource Manager has to call its name free "
        "for a new vault (one that can be recovered is not gone); otherwise a name server has "
        "to say that its host does not exist, which it cannot through a proxy.",
    )
