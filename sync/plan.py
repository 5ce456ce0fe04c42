"""The pure difference of desired and actual, and the reasons to refuse it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sync.errors import Permanent
from sync.model import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    SECRET_TYPE,
    STATE_ANNOTATION,
    Act,
    Actual,
    Change,
    Desired,
    Plan,
    Target,
)
from sync.ownership import claim, taken
from sync.state import Record, State, decode, encode

MAX_DATA_BYTES = (
    1024 * 1024
)  # of all values, https://kubernetes.io/docs/concepts/configuration/secret
MAX_ANNOTATION_BYTES = 256 * 1024  # of all keys and values
GUARDED_KEYS = 10
GUARDED_RATIO = 0.3


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it shall be: its value and what to remember of the vault secret behind it."""

    value: bytes = field(repr=False)
    record: Record


UNREAD = Record(version="", updated=0, settled=False)
"""The record of a key that we own and of which we no longer know the version."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a Secret stands with us before a reconcile, an absent one included."""

    target: Target
    actual: Actual | None
    state: State | None

    @classmethod
    def of(cls, target: Target, actual: Actual | None) -> "Standing":
        """Read our state off the Secret: none where somebody else wrote it last."""
        if actual is None or not actual.owns_state:
            return cls(target, actual, None)
        state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
        return cls(target, actual, state if state and state.vault == target.vault.text else None)

    @property
    def data(self) -> Mapping[str, bytes]:
        """The Secret's data, ours and others'."""
        return self.actual.data if self.actual else {}

    @property
    def records(self) -> Mapping[str, Record]:
        """What we remember of each vault secret."""
        return self.state.secrets if self.state else {}

    @property
    def intact(self) -> frozenset[str]:
        """The keys we wrote that nobody has touched since."""
        if self.actual is None:
            return frozenset()
        return frozenset(self.records.keys() & self.actual.owned & self.actual.data.keys())

    @property
    def ours(self) -> frozenset[str]:
        """Every key that is there because of us."""
        owned = self.actual.owned if self.actual else frozenset[str]()
        return frozenset((owned | self.records.keys()) & self.data.keys())

    @property
    def held(self) -> frozenset[str]:
        """The keys that are there and ours, recorded or not: an apply without them drops them."""
        return frozenset(self.actual.owned & self.data.keys()) if self.actual else frozenset()

    def entry(self, key: str) -> Entry:
        """Return a held key as it is."""
        return Entry(self.data[key], self.records.get(key, UNREAD))

    def drifted(self) -> frozenset[str]:
        """Return the keys we recorded and no longer own, or that are gone."""
        return frozenset(self.records.keys() - self.intact)


def labels(target: Target) -> Mapping[str, str]:
    """Return the labels of the target's Secret."""
    vault = target.vault
    return {
        MANAGED_BY_LABEL: FIELD_MANAGER,
        "keyvault-sync/project": vault.project,
        "keyvault-sync/stage": vault.stage,
        "keyvault-sync/region": vault.region,
        "keyvault-sync/number": str(vault.number),
    }


def refuse_foreign(target: Target, actual: Actual) -> None:
    """Raise Permanent for a Secret that another controller or another vault has."""
    found = claim(target, actual)
    if found is not None:
        raise taken(target, found)


def diff(
    standing: Standing, entries: Mapping[str, Entry], carried: Mapping[str, Record], now: str
) -> Plan:
    """Plan the way from the Secret as it stands to the entries.

    `carried` are records of keys that are left as they are, since their vault secret was not looked
    at or could not be read. `now` is the time to write down, ISO 8601. Raises Permanent for what
    the API server would refuse.
    """
    target, actual = standing.target, standing.actual
    removed = standing.ours - entries.keys() - carried.keys()
    changes = sorted(
        [change for key in entries if (change := _change(standing, key, entries[key]))]
        + [Change(key, Act.REMOVE) for key in removed]
    )
    written = standing.state.written if standing.state and not changes else now
    records = {**carried, **{key: entry.record for key, entry in entries.items()}}
    overruled = tuple(sorted(actual.owner_uids)) if actual else ()
    text = encode(State(target.vault.text, written, records, overruled))
    desired = Desired(
        data={key: entry.value for key, entry in entries.items()},
        labels=labels(target),
        annotations={STATE_ANNOTATION: text},
    )
    if actual is None or standing.state is None:
        needed = bool(entries or changes)
    else:
        needed = (
            bool(changes)
            or actual.annotations.get(STATE_ANNOTATION) != text
            or not desired.labels.items() <= actual.labels.items()
        )
    if not needed:
        return Plan()
    _refuse_unwritable(standing, desired, removed)
    evict = removed if actual is None else removed - (actual.owned - actual.owned_by_others)
    return Plan(tuple(changes), desired, evict)


def refuse_unsafe(standing: Standing, names: AbstractSet[str], *, listed: int) -> None:
    """Raise Permanent when a listing would take away more than an accident is allowed to.

    `names` are the enabled secrets of a listing of `listed` secrets.
    """
    kept = {name.lower() for name in names}
    ours = standing.ours
    gone = [key for key in ours if key.lower() not in kept]
    if not gone:
        return
    if listed == 0:
        what = "is listed as empty"
    elif len(ours) >= GUARDED_KEYS and len(gone) > GUARDED_RATIO * len(ours):
        what = f"no longer has {len(gone)} of the {len(ours)} secrets that were synced"
    else:
        return
    raise Permanent(
        "UnsafePlan",
        f"Nothing was removed or written: vault {standing.target.vault} {what}, and Secret "
        f"{standing.target} would lose {len(gone)} keys. If that is meant, resync this vault with "
        "force.",
    )


def _change(standing: Standing, key: str, entry: Entry) -> Change | None:
    version = entry.record.version
    recorded = standing.records.get(key)
    if key not in standing.data:
        return Change(key, Act.REPAIR if recorded else Act.CREATE, version)
    same = standing.data[key] == entry.value
    if recorded and key not in standing.intact:
        return Change(key, Act.REPAIR, version, same)
    if same and (entry.record == UNREAD or (recorded and recorded.version == version)):
        return None
    return Change(key, Act.UPDATE, version, same)


def _refuse_unwritable(standing: Standing, desired: Desired, removed: AbstractSet[str]) -> None:
    target, actual = standing.target, standing.actual
    if actual is not None and actual.type != SECRET_TYPE:
        raise Permanent(
            "SecretTypeMismatch",
            f"Secret {target} is of type {actual.type!r} and a type cannot be changed: delete the "
            f"Secret, it is then made anew as {SECRET_TYPE}.",
        )
    if actual is not None and actual.immutable:
        raise Permanent(
            "SecretImmutable",
            f"Secret {target} is marked immutable: delete it, it is then made anew.",
        )
    others = {key: value for key, value in standing.data.items() if key not in removed}
    size = sum(len(value) for value in {**others, **desired.data}.values())
    if size > MAX_DATA_BYTES:
        raise Permanent(
            "SecretTooLarge",
            f"Secret {target} would hold {size} bytes of values; Kubernetes allows "
            f"{MAX_DATA_BYTES}. Nothing was written: move secrets to an additional vault.",
        )
    annotations = {**(actual.annotations if actual else {}), **desired.annotations}
    noted = sum(len(name.encode()) + len(text.encode()) for name, text in annotations.items())
    if noted > MAX_ANNOTATION_BYTES:
        raise Permanent(
            "TooManyKeys",
            f"Secret {target} would need {noted} bytes of annotations for its {len(desired.data)} "
            f"keys; Kubernetes allows {MAX_ANNOTATION_BYTES}. Nothing was written: move secrets to "
            "an additional vault.",
        )
