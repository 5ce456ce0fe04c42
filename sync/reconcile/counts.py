"""Counts the changes of each data key's value, so that what reads it can be restarted for each."""

from collections.abc import Collection, Mapping

from sync.core.annotation import decode
from sync.core.changes import Count, Plan, SyncedSecret
from sync.core.model import STATE_ANNOTATION, Actual, SecretName
from sync.core.state import LATEST, State
from sync.reconcile.desired import DesiredSecret
from sync.reconcile.members import by_key
from sync.reconcile.observed import ObservedSecret


def next_time(state: State | None, now: float) -> int:
    """Return the epoch second to record of a write: now, but later than the last write.

    It is the count of the keys that the write changes, so no count of a Secret comes twice, also of
    a key that was removed and came back.
    """
    later = 0 if state is None else state.written + 1
    return max(int(now), later if later <= LATEST else 0)


def as_stored(name: str, actual: Actual) -> SyncedSecret:
    """Return a Secret that was read without its vault, with the counts that its annotation has."""
    state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
    counts = {} if state is None else state.counts
    return SyncedSecret(name, frozenset(actual.data), counts, actual.immutable)


def counts_after(
    observed: ObservedSecret,
    desired: DesiredSecret,
    at: int | None,
    silent: Collection[SecretName] = (),
) -> Mapping[str, Count]:
    """Return the counts to store, by data key, if the desired contents are written.

    `at` is the count of the keys that change; with None they lose theirs. The keys of `silent`
    vault secrets have none.
    """
    before = observed.state.counts if observed.state else {}
    if at is None and not before:
        return before
    sources = by_key(desired.records)
    found: dict[str, Count] = {}
    for key in desired.kept:
        count = before.get(key)
        if _changes(observed, desired, key):
            is_new = key not in observed.data and key not in observed.recorded
            count = None if at is None else Count(at, first=is_new)
        if count is not None and sources.get(key) not in silent:
            found[key] = count
    return found


def synced(observed: ObservedSecret, plan: Plan | None) -> SyncedSecret | None:
    """Return what there is after a plan's apply, None if there is no Secret.

    An empty plan wrote nothing, and None stands for one that failed.
    """
    actual, state = observed.actual, observed.state
    keys = frozenset(observed.data)
    if plan is not None and plan.apply is not None:
        removed = actual.owned - actual.owned_by_others if actual else frozenset[str]()
        keys = keys - removed | plan.apply.data.keys()
    elif actual is None:
        return None
    counts = plan.counts if plan is not None else state.counts if state else {}
    return SyncedSecret(
        observed.target.secret, keys, counts, immutable=actual is not None and actual.immutable
    )


def _changes(observed: ObservedSecret, desired: DesiredSecret, key: str) -> bool:
    """Return whether the next apply, or an eviction since the last one, changes a key's value."""
    entry = desired.entries.get(key)
    if entry is None or observed.data.get(key) != entry.value:
        return entry is not None
    return key in observed.unapplied and observed.recorded.get(key) != entry.source
