"""Implements the port VaultDirectory with searches in Azure Resource Graph."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sync.adapters.azure.graph_search import (
    COLUMNS,
    VISIBLE_SUBSCRIPTIONS,
    Row,
    reader_command,
    search,
)
from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.adapters.wire.locks import held
from sync.core.errors import NotOurs, Permanent, SyncError, Transient
from sync.core.model import VaultName
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.core.vault_names import Naming

LET_GO_AFTER = 3
"""A vault is dropped after so many searches in a row that see its subscription and not it."""

_NAME_API_VERSION = "2026-02-01"
_NAME_PATH = "/providers/Microsoft.KeyVault/checkNameAvailability"
_VAULTS = f"resources | where type =~ 'microsoft.keyvault/vaults' {COLUMNS}"
_KEPT_SECONDS = 240.0
_CURRENT_SECONDS = 600.0  # two passes at the default schedule: one search may fail
_RETRY_SECONDS = 30.0
_NAMED = 20


@dataclass(frozen=True, slots=True)
class _Seen:
    """A vault that a search found, and how many searches since missed it."""

    row: Row
    missed: int = 0


@dataclass(frozen=True, slots=True)
class _Search:
    """What one search found: the vaults, and the subscriptions that it could see.

    A search that finds no vault at all, on the pattern or off it, counts as having seen nothing.
    """

    vaults: dict[VaultName, Row]
    seen: frozenset[str]


class ResourceGraph:
    """Finds vaults; safe for any number of threads, of which one searches at a time.

    A search's result is used for four minutes. A failed search is repeated after 30 seconds, or
    when the service says; the vaults found before stay known.

    A vault that a search no longer shows was deleted, or the app lost a role: Resource Graph leaves
    out both alike. The vault stays known and is reported. It is dropped once three searches in a
    row see its subscription but not the vault. While its subscription is not seen, it is kept until
    the process ends: syncing a deleted vault then fails visibly, and no live vault goes stale
    unnoticed. Subscriptions that no search sees are reported from the start. None of this removes a
    key from a Secret.
    """

    def __init__(
        self,
        arm: ResourceManager,
        naming: Naming,
        subscriptions: Collection[str],
        listed: Iterable[VaultName] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm = arm
        self._naming = naming
        self._subscriptions = sorted(subscriptions)
        self._listed = tuple(dict.fromkeys(listed))
        self._clock = clock
        self._searching = threading.Lock()
        self._seen: dict[VaultName, _Seen] = {}
        self._known = Known(self._listed)
        self._due = clock()
        self._current_until = clock()

    def known(self, deadline: Deadline) -> Known:
        """Return the listed vaults, then the found ones, with the last search's fault."""
        known = self._searched(deadline)
        return replace(known, current=self._clock() < self._current_until)

    def row(self, vault: VaultName) -> Row | None:
        """Return what the last search that found a vault told of it; never searches."""
        seen = self._seen.get(vault)
        return None if seen is None else seen.row

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Return whether Resource Manager says that the name is free for a new vault.

        It is not free while any vault has it, or while a deleted one can be recovered.
        Raises Permanent or Transient.
        https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/check-name-availability
        """
        if not self._subscriptions:
            return False
        answer = self._arm.ask(
            Question(
                f"/subscriptions/{self._subscriptions[0]}{_NAME_PATH}",
                _NAME_API_VERSION,
                forbidden=f"Let the app's identity ask: {reader_command(self._subscriptions)}",
                missing="SYNC_SUBSCRIPTIONS may name a subscription that is gone: az account list.",
                body={"name": vault, "type": "Microsoft.KeyVault/vaults"},
            ),
            deadline,
        )
        match answer:
            case {"nameAvailable": bool(free)}:
                return free
            case _:
                raise self._arm.broken("no word on whether a vault's name is free")

    def _searched(self, deadline: Deadline) -> Known:
        busy = "Another search took all the time there was."
        try:
            with held(self._searching, deadline, busy):
                if self._clock() >= self._due:
                    self._known = self._updated(deadline)
                return self._known
        except Transient as fault:
            return replace(self._known, fault=fault)

    def _updated(self, deadline: Deadline) -> Known:
        if not self._subscriptions:
            return Known(
                self._listed,
                Permanent(
                    Reason.DISCOVERY_UNSCOPED,
                    "SYNC_DISCOVERY asks for a search, and SYNC_SUBSCRIPTIONS names nowhere to "
                    "search: set it to the platform's subscription ids.",
                ),
            )
        try:
            search = self._search(deadline)
        except SyncError as fault:
            advice = fault.retry_after if isinstance(fault, Transient) else None
            self._due = self._clock() + max(_RETRY_SECONDS, advice or 0.0)
            return replace(self._known, fault=fault)
        self._due = self._clock() + _KEPT_SECONDS
        if search.seen:
            self._current_until = self._clock() + _CURRENT_SECONDS
        missed = self._merge(search)
        found = tuple(sorted(self._seen.keys() - set(self._listed)))
        return Known(self._listed + found, self._doubt(search, missed))

    def _merge(self, search: _Search) -> list[VaultName]:
        """Record what was found; return the known vaults that this search missed.

        They include those that are dropped now, so that this is reported once.
        """
        missed = sorted(self._seen.keys() - search.vaults.keys())
        for vault in missed:
            seen = self._seen[vault]
            if seen.row.subscription in search.seen:
                self._seen[vault] = replace(seen, missed=seen.missed + 1)
            if self._seen[vault].missed >= LET_GO_AFTER:
                del self._seen[vault]
        self._seen |= {vault: _Seen(row) for vault, row in search.vaults.items()}
        return missed

    def _doubt(self, search: _Search, missed: list[VaultName]) -> SyncError | None:
        """Return why the search may not have found every vault; None if nothing suggests it."""
        dark = [one for one in self._subscriptions if one not in search.seen]
        if missed:
            kept = [vault for vault in missed if vault in self._seen]
            fate = f"still covered: {_names(kept)}" if kept else "no longer covered"
            return Permanent(
                Reason.DISCOVERY_SHRANK,
                f"Resource Graph no longer shows {_names(missed)} ({fate}). Nothing was removed "
                "from any Secret. Unless they were deleted, the app's identity has lost a role: "
                f"{reader_command(dark or self._subscriptions)}",
            )
        if dark:
            return Permanent(
                Reason.DISCOVERY_INCOMPLETE,
                f"Resource Graph shows nothing of {_names(dark)}: vaults there are covered "
                "only if SYNC_VAULTS lists them. Let the app's identity see them, or take the "
                f"subscriptions off SYNC_SUBSCRIPTIONS: {reader_command(dark)}",
            )
        return None

    def _search(self, deadline: Deadline) -> _Search:
        vaults: dict[VaultName, Row] = {}
        seen: set[str] = set()
        for row in self._rows(_VAULTS, deadline):
            if row.subscription not in self._subscriptions:  # the service answers for these alone
                continue
            seen.add(row.subscription)
            with suppress(NotOurs):
                vaults[self._naming.vault(row.name)] = row
        if seen:
            seen |= {row.subscription for row in self._rows(VISIBLE_SUBSCRIPTIONS, deadline)}
        return _Search(vaults, frozenset(seen))

    def _rows(self, query: str, deadline: Deadline) -> Iterator[Row]:
        return search(self._arm, query, self._subscriptions, deadline)


def _names(things: Sequence[object]) -> str:
    more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
    return ", ".join(map(str, things[:_NAMED])) + more
