"""Computes the difference between a Secret's observed and desired contents."""

from collections.abc import Mapping
from dataclasses import replace

from sync.core.annotation import encode
from sync.core.changes import Action, Change, Plan
from sync.core.labels import labels_of
from sync.core.model import STATE_ANNOTATION, Desired, SecretName
from sync.core.reasons import Reason
from sync.core.state import Failure, State
from sync.projection.secret_types import BLANK
from sync.projection.tags import SecretType
from sync.reconcile.desired import DesiredSecret, Entry
from sync.reconcile.guards import refuse_unwritable
from sync.reconcile.marks import NO_MARKS, Marks
from sync.reconcile.memory import noted_on
from sync.reconcile.observed import ObservedSecret

_RENAMED = "its keys have other names now"
_UNKNOWN = "nothing tells which vault secret it was of"


def diff(
    observed: ObservedSecret,
    desired: DesiredSecret,
    now: float,
    rules: str,
    more: Marks = NO_MARKS,
) -> Plan:
    """Plan the changes from the observed to the desired contents of a Secret.

    `now` is the time to record, in epoch seconds, and `rules` the digest of the settings. `more`
    are the labels and annotations beside those that say whose the Secret is. Raises Permanent for a
    write that the API server would refuse.
    """
    target, actual, state = observed.target, observed.actual, observed.state
    filler = _filler(observed, desired)
    removed = observed.ours - desired.kept - filler.keys()
    blanked = {key for key, value in filler.items() if observed.data.get(key, value) != value}
    changes = [
        change
        for key, entry in desired.entries.items()
        if (change := _change(observed, desired, key, entry))
    ] + [_removal(observed, desired, key) for key in removed | blanked]
    wanted = State(
        vault=target.vault.text,
        written=state.written if state and not changes else int(now),
        secrets=desired.records,
        rules=rules,
        overruled=tuple(sorted(actual.owner_uids)) if actual else (),
        others=desired.others,
        refused=desired.refused,
        unnamed=desired.unnamed,
        unusable=desired.unusable,
        secret=target.secret,
        own=target.own,
        uid=actual.uid if actual else "",
        counts=desired.counts,
        applications=state.applications if state else {},
        application="" if target.application is None else str(target.application),
    )
    marks = {**more.labels, **labels_of(target)}
    if actual is None or state is None:
        # Do not create a Secret only to record wrong tags; a wrong value is recorded, as reading it
        # again costs work, and so does a search for a version that may be used.
        costly = any(each.version for each in desired.refused.values())
        costly = costly or bool(desired.unusable)
        needed = bool(desired.entries or desired.others or costly or changes)
    else:
        # A new Secret has no uid when it is written: only the next write that is needed notes it.
        same = replace(wanted, secret=state.secret, own=state.own, uid=state.uid)
        needed = (
            bool(changes)
            or not observed.is_as_written
            or actual.annotations.get(STATE_ANNOTATION) != encode(same)
            or not marks.items() <= actual.labels.items()
            or not actual.owned_labels <= marks.keys()
            or not more.annotations.items() <= actual.annotations.items()
            or not actual.owned_annotations <= {STATE_ANNOTATION, *more.annotations}
        )
    if not needed:
        return Plan(counts=desired.counts)
    applied = Desired(
        data={**filler, **{key: entry.value for key, entry in desired.entries.items()}},
        labels=marks,
        annotations={**more.annotations, STATE_ANNOTATION: encode(wanted)},
        type=desired.type,
        uid=wanted.uid,
    )
    refuse_unwritable(observed, applied, removed)
    evict = removed if actual is None else removed - (actual.owned - actual.owned_by_others)
    replacing = _replacing(observed, desired, applied) if evict else {}
    return Plan(tuple(sorted(changes)), applied, evict, replacing, desired.counts)


def with_failure(observed: ObservedSecret, reason: Reason, now: float) -> Desired | None:
    """Return what to apply to note that the vault could not be read; None if that is noted.

    Nothing else of the Secret changes: the keys that our manager owns keep the values that they
    have. A Secret whose state is not ours, or that a newer release wrote, is left alone.
    """
    actual, state = observed.actual, observed.state
    if actual is None or state is None or state.newer or not actual.owns_state:
        return None
    if state.failure is not None and state.failure.reason is reason:
        return None
    noted = replace(state, secrets=observed.records, failure=Failure(reason, int(now)))
    return noted_on(observed, noted)


def _change(
    observed: ObservedSecret, desired: DesiredSecret, key: str, entry: Entry
) -> Change | None:
    recorded = key in observed.recorded
    if key not in observed.data:
        action, same = Action.REPAIR if recorded else Action.CREATE, False
    else:
        same = observed.data[key] == entry.value
        if recorded and key not in observed.intact:
            action = Action.REPAIR
        elif same and entry.version in {"", observed.version(key)}:
            return None
        else:
            action = Action.UPDATE
    name = SecretName(entry.source)
    record, before = desired.records.get(name), observed.records.get(name)
    is_new = record is not None and (before is None or before.version != record.version)
    awaited = any(each is not None and each.stands_in for each in (before, record))
    updated = record.updated if record is not None and is_new and not awaited else 0
    return Change(key, action, entry.version, same, source=entry.source, updated=updated)


def _removal(observed: ObservedSecret, desired: DesiredSecret, key: str) -> Change:
    source = observed.recorded.get(key)
    why = _UNKNOWN if source is None else desired.why.get(source, _RENAMED)
    updated = 0 if source is None else observed.records[source].updated
    return Change(
        key,
        Action.REMOVE,
        observed.version(key),
        source=str(source or ""),
        why=why,
        updated=updated,
    )


def _replacing(
    observed: ObservedSecret, desired: DesiredSecret, applied: Desired
) -> Mapping[str, bytes]:
    """Return the values that an eviction sets: of keys that come to their vault secret anew.

    A key that its vault secret has on record changes with the apply, and its count with it.
    """
    found: dict[str, bytes] = {}
    for key, value in applied.data.items():
        entry = desired.entries.get(key)
        recorded = entry is not None and observed.recorded.get(key) == entry.source
        if observed.data.get(key) != value and not recorded:
            found[key] = value
    return found


def _filler(observed: ObservedSecret, desired: DesiredSecret) -> dict[str, bytes]:
    """Return the keys that a typed Secret must have and that no vault secret provides."""
    actual = observed.actual
    if actual is None or actual.type != desired.type or desired.type not in set(SecretType):
        return {}
    filler = dict(BLANK[SecretType(desired.type)])
    stays = desired.kept | (observed.data.keys() - observed.ours)
    return {} if stays & filler.keys() else filler
