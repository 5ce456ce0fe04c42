"""The pure difference of desired and actual, and the reasons to refuse it."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property

from sync.core.annotation import Record, State, decode, encode
from sync.core.errors import Permanent
from sync.core.model import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    SECRET_TYPE,
    STATE_ANNOTATION,
    Action,
    Actual,
    Change,
    Desired,
    Plan,
    Target,
)
from sync.core.reasons import Reason
from sync.projection.secret_types import blank
from sync.projection.tags import SecretType
from sync.reconcile.ownership import another_vault, claim, taken

MAX_DATA_BYTES = (
    1024 * 1024
)  # of all values, https://kubernetes.io/docs/concepts/configuration/secret
MAX_ANNOTATION_BYTES = 256 * 1024  # of all keys and values
MAX_KEYS = 4000  # what the annotations have room for, and what field management bears
_MOVE = "Nothing of it was written: move secrets to an additional vault, or by k8s-secret."
GUARDED_KEYS = 10
GUARDED_RATIO = 0.3


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as it shall be: its value, and the version of the vault secret that it is from.

    The version is empty for a key that we own and of which we no longer know it.
    """

    value: bytes = field(repr=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class DesiredSecret:
    """What a Secret shall hold of ours, and what to remember of the vault secrets behind it.

    Keys of records that are no entries are left as they are, and so are those that are `left`.
    """

    entries: Mapping[str, Entry]
    records: Mapping[str, Record]
    type: str = SECRET_TYPE
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: frozenset[str] = frozenset()

    @property
    def kept(self) -> frozenset[str]:
        """The keys that do not go."""
        recorded = (key for name, record in self.records.items() for key in record.keys(name))
        return self.left.union(self.entries, recorded)


@dataclass(frozen=True)
class ObservedSecret:
    """Where a Secret stands with us before a reconcile, an absent one included."""

    target: Target
    actual: Actual | None
    state: State | None

    @classmethod
    def of(cls, target: Target, actual: Actual | None) -> "ObservedSecret":
        """Read our state off the Secret: none where somebody else wrote it last."""
        if actual is None or not actual.owns_state:
            return cls(target, actual, None)
        state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
        return cls(target, actual, state if state and state.vault == target.vault.text else None)

    @property
    def data(self) -> Mapping[str, bytes]:
        """The Secret's data, ours and others'."""
        return self.actual.data if self.actual else {}

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """What we remember of each vault secret; unsettled where its value may be another's."""
        records = self.state.secrets if self.state else {}
        if self.actual is None or not self.actual.overlaid:
            return records
        sure = self.actual.overlaid.isdisjoint
        return {
            name: replace(record, settled=record.settled and sure(record.keys(name)))
            for name, record in records.items()
        }

    @cached_property
    def keyed(self) -> Mapping[str, Record]:
        """What we remember of each key; of two that claim it, one."""
        return {key: record for name, record in self.records.items() for key in record.keys(name)}

    @cached_property
    def intact(self) -> frozenset[str]:
        """The keys we wrote that nobody has touched since."""
        if self.actual is None:
            return frozenset()
        return frozenset(self.keyed.keys() & self.actual.owned & self.actual.data.keys())

    @cached_property
    def ours(self) -> frozenset[str]:
        """Every key that is there because of us."""
        owned = self.actual.owned if self.actual else frozenset[str]()
        return frozenset((owned | self.keyed.keys()) & self.data.keys())

    @cached_property
    def held(self) -> frozenset[str]:
        """The keys that are there and ours, recorded or not: an apply without them drops them."""
        return frozenset(self.actual.owned & self.data.keys()) if self.actual else frozenset()

    def entry(self, key: str) -> Entry:
        """Return a held key as it is."""
        record = self.keyed.get(key)
        return Entry(self.data[key], record.version if record else "")

    def drifted(self) -> frozenset[str]:
        """Return the keys we recorded and no longer own, or that are gone."""
        return frozenset(self.keyed.keys() - self.intact)


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


def refuse_foreign(
    target: Target, actual: Actual, *, takeover: bool = False, takeover_from: str | None = None
) -> None:
    """Raise Permanent for a Secret that another controller or another vault has.

    `takeover` overrules a controller. Another vault is overruled by its name alone.
    """
    found = claim(target, actual)
    if found is not None and found.vault is None and takeover:
        found = another_vault(target, actual)
    if found is not None and (found.vault is None or found.vault != takeover_from):
        raise taken(target, found)


def refuse_unmarked(
    standing: ObservedSecret, *, takeover: bool = False, takeover_from: str | None = None
) -> None:
    """Raise Permanent for a Secret that tags ask for and that is not ours already."""
    target, actual = standing.target, standing.actual
    if actual is None:
        return
    refuse_foreign(target, actual, takeover=takeover, takeover_from=takeover_from)
    if standing.state is not None or takeover or another_vault(target, actual) is not None:
        return
    raise Permanent(
        Reason.TARGET_TAKEN,
        f"Secret {target} was there before the tag k8s-secret that asks for it, and is not the "
        f"sync's: choose another name, delete it, or take it over by a resync of vault "
        f"{target.vault} with takeover.",
    )


def diff(standing: ObservedSecret, content: DesiredSecret, now: str) -> Plan:
    """Plan the way from the Secret as it stands to the content.

    `now` is the time to write down, ISO 8601. Raises Permanent for what the API server would
    refuse.
    """
    target, actual = standing.target, standing.actual
    filler = _filler(standing, content)
    removed = standing.ours - content.kept - filler.keys()
    changes = sorted(
        [
            change
            for key, entry in content.entries.items()
            if (change := _change(standing, key, entry))
        ]
        + [Change(key, Action.REMOVE) for key in removed | _blanked(standing, filler)]
    )
    written = standing.state.written if standing.state and not changes else now
    overruled = tuple(sorted(actual.owner_uids)) if actual else ()
    text = encode(State(target.vault.text, written, content.records, overruled, content.others))
    desired = Desired(
        data={**filler, **{key: entry.value for key, entry in content.entries.items()}},
        labels=labels(target),
        annotations={STATE_ANNOTATION: text},
        type=content.type,
        uid=actual.uid if actual else "",
    )
    if actual is None or standing.state is None:
        needed = bool(content.entries or content.others or changes)
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


def refuse_losses(target: Target, *, ours: int, gone: int, listed: int) -> None:
    """Raise Permanent when a listing would take away more than an accident is allowed to.

    Of `ours` keys that are there because of us, `gone` would go by a listing of `listed` secrets.
    """
    if not gone:
        return
    if listed == 0:
        what = "is listed as empty"
    elif ours >= GUARDED_KEYS and gone > GUARDED_RATIO * ours:
        what = f"no longer has {gone} of the {ours} secrets that were synced"
    else:
        return
    raise Permanent(
        Reason.UNSAFE_PLAN,
        f"Nothing was removed or written: vault {target.vault} {what}, and Secret "
        f"{target} would lose {gone} keys. If that is meant, resync this vault with "
        "removals.",
    )


def _change(standing: ObservedSecret, key: str, entry: Entry) -> Change | None:
    version = entry.version
    recorded = standing.keyed.get(key)
    if key not in standing.data:
        return Change(key, Action.REPAIR if recorded else Action.CREATE, version)
    same = standing.data[key] == entry.value
    if recorded and key not in standing.intact:
        return Change(key, Action.REPAIR, version, same)
    if same and (not version or (recorded and recorded.version == version)):
        return None
    return Change(key, Action.UPDATE, version, same)


def _filler(standing: ObservedSecret, content: DesiredSecret) -> Mapping[str, bytes]:
    """Return what a typed Secret of ours has to hold when no vault secret brings it."""
    actual = standing.actual
    if actual is None or actual.type != content.type or content.type not in set(SecretType):
        return {}
    filler = blank(SecretType(content.type))
    stays = content.kept | (standing.data.keys() - standing.ours)
    return {} if stays & filler.keys() else filler


def _blanked(standing: ObservedSecret, filler: Mapping[str, bytes]) -> frozenset[str]:
    return frozenset(k for k, value in filler.items() if standing.data.get(k, value) != value)


def _refuse_unwritable(
    standing: ObservedSecret, desired: Desired, removed: AbstractSet[str]
) -> None:
    target, actual = standing.target, standing.actual
    if actual is not None and actual.type != desired.type:
        raise Permanent(
            Reason.SECRET_TYPE_MISMATCH,
            f"Secret {target} is of type {actual.type!r} and a type cannot be changed: delete the "
            f"Secret, it is then made anew as {desired.type}.",
        )
    if actual is not None and actual.immutable:
        raise Permanent(
            Reason.SECRET_IMMUTABLE,
            f"Secret {target} is marked immutable: delete it, it is then made anew.",
        )
    others = {key: value for key, value in standing.data.items() if key not in removed}
    data = {**others, **desired.data}
    size = sum(len(value) for value in data.values())
    if size > MAX_DATA_BYTES:
        raise Permanent(
            Reason.SECRET_TOO_LARGE,
            f"Secret {target} would hold {size} bytes of values; Kubernetes allows "
            f"{MAX_DATA_BYTES}. {_MOVE}",
        )
    if len(data) > MAX_KEYS:
        raise Permanent(
            Reason.TOO_MANY_KEYS,
            f"Secret {target} would hold {len(data)} keys; it has room for {MAX_KEYS}. {_MOVE}",
        )
    annotations = {**(actual.annotations if actual else {}), **desired.annotations}
    noted = sum(len(name.encode()) + len(text.encode()) for name, text in annotations.items())
    if noted > MAX_ANNOTATION_BYTES:
        raise Permanent(
            Reason.TOO_MANY_KEYS,
            f"Secret {target} would need {noted} bytes of annotations for its {len(desired.data)} "
            f"keys; Kubernetes allows {MAX_ANNOTATION_BYTES}. {_MOVE}",
        )
