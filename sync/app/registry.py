"""Tracks which vaults are known, which of them lead to the same Secret, and which are gone."""

from collections.abc import Iterable, Mapping

from sync.core.errors import Permanent, Transient
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
        why = known.fault.message if known.fault else "None was made yet."
        raise Transient(
            Reason.DISCOVERY_NEEDED,
            f"Secret {target} is not created or taken over for vault {target.vault} yet: a search "
            f"must first show that no other vault leads to it. {why}",
            known.fault.retry_after if isinstance(known.fault, Transient) else None,
        )

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Return whether certainly no vault has this name; raises Permanent or Transient."""
        return self._directory.is_gone(vault, deadline)
