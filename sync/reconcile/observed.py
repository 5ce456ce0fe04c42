"""A vault's Secrets as read from the cluster: its own Secret and those that tags ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sync.core.annotation import decode
from sync.core.errors import Permanent, SyncError
from sync.core.labels import labels_of
from sync.core.model import (
    FIELD_MANAGER,
    STATE_ANNOTATION,
    Actual,
    ListedSecret,
    SecretName,
    Target,
)
from sync.core.reasons import Reason
from sync.core.state import Record, State
from sync.core.vault_names import is_own
from sync.projection.placement import Placement


@dataclass(frozen=True)
class ObservedSecret:
    """One Secret before a reconcile, an absent one included; `state` is what we remember on it.

    Its keys, by who says that they are ours:

    | keys         | recorded       | owned by our manager | in the Secret |
    |--------------|----------------|----------------------|---------------|
    | `recorded`   | yes            |                      |               |
    | `removable`  |                | yes                  | yes           |
    | `ours`       | one of the two | one of the two       | yes           |
    | `intact`     | yes            | yes                  | yes           |
    | `drifted`    | yes            | not both             | not both      |
    """

    target: Target
    actual: Actual | None
    state: State | None

    @classmethod
    def of(cls, target: Target, actual: Actual | None) -> "ObservedSecret":
        """Decode our state from the Secret."""
        return cls(target, actual, None if actual is None else own_state(target, actual))

    @property
    def data(self) -> Mapping[str, bytes]:
        """The Secret's data, ours and others'."""
        return self.actual.data if self.actual else {}

    @cached_property
    def records(self) -> Mapping[SecretName, Record]:
        """Our record of each vault secret.

        A record is unsettled if its value may be somebody else's: if somebody applied the key as
        stringData, or if the Secret was restored or its annotation edited.
        """
        records = self.state.secrets if self.state else {}
        if self.actual is None:
            return records
        overlaid, sure = self.actual.overlaid, self.is_as_written
        if sure and not overlaid:
            return records
        return {
            name: replace(
                record, settled=record.settled and sure and overlaid.isdisjoint(record.keys)
            )
            for name, record in records.items()
        }

    @cached_property
    def is_as_written(self) -> bool:
        """Whether our field manager wrote this state to this very Secret.

        It did not if the Secret was restored from a backup, or exported and applied again.
        """
        actual, state = self.actual, self.state
        if actual is None or state is None:
            return False
        return actual.owns_state and state.uid in {"", actual.uid}

    @cached_property
    def recorded(self) -> Mapping[str, SecretName]:
        """The vault secret of each recorded key."""
        return {key: name for name, record in self.records.items() for key in record.keys}

    @cached_property
    def removable(self) -> frozenset[str]:
        """The keys that an apply removes by leaving them out."""
        return frozenset(self.actual.owned & self.data.keys()) if self.actual else frozenset()

    @cached_property
    def ours(self) -> frozenset[str]:
        """Every key that is there because of us."""
        owned = self.actual.owned if self.actual else frozenset[str]()
        return frozenset((owned | self.recorded.keys()) & self.data.keys())

    @cached_property
    def unapplied(self) -> frozenset[str]:
        """The keys that an eviction set, or may have set, and whose apply has not followed.

        They have our field manager by its update. In a Secret without managed fields, as some tools
        restore it, no key has any manager before the first apply.
        """
        if self.actual is None:
            return frozenset()
        holders, ours = self.actual.holders, (FIELD_MANAGER,)
        left = self.data.keys() - self.actual.owned
        return frozenset(key for key in left if FIELD_MANAGER in holders.get(key, ours))

    @cached_property
    def unrecorded(self) -> frozenset[str]:
        """The keys that are there because of us and that no record claims."""
        return (self.ours | self.unapplied) - self.recorded.keys()

    @cached_property
    def intact(self) -> frozenset[str]:
        """The keys that we wrote and nobody has changed since."""
        return frozenset(self.recorded.keys() & self.removable)

    @cached_property
    def drifted(self) -> frozenset[str]:
        """The recorded keys that others have changed or removed."""
        return frozenset(self.recorded.keys() - self.intact)

    @cached_property
    def index(self) -> Mapping[str, tuple[SecretName, ...]]:
        """The further Secrets in the index, and the vault secrets in each.

        Anybody who can write Secrets in the namespace could add another vault's own Secret to the
        index, so such an entry is ignored.
        """
        others = self.state.others if self.state else {}
        own = self.target.secret
        return {s: n for s, n in others.items() if s != own and not is_own(self.target, s)}

    def label_value(self, label: str, held: Iterable[str]) -> str | None:
        """Return the value of a label that stays, of those that records ask for; None for none.

        They differ only in a Secret that was restored, or after an allowance came back.
        """
        values = sorted(held)
        current = self.actual.labels.get(label) if self.actual else None
        return current if current in values else next(iter(values), None)

    def version(self, key: str) -> str:
        """Return the vault secret version that a key was written from, empty if unknown."""
        name = self.recorded.get(key)
        return self.records[name].version if name is not None else ""

    def settings_differ(self, rules: str) -> Permanent | None:
        """Return the error if settings of another digest than `rules` wrote the Secret last.

        A state without a digest says nothing: an old release wrote it.
        """
        if self.state is None or self.state.rules in {"", rules}:
            return None
        return Permanent(
            Reason.SETTINGS_DIFFER,
            f"Secret {self.target} was last written with other settings than this app's. The next "
            "pass writes it anew. If this comes back, two apps write it in turn: give them the "
            "same settings, or each its own vaults, or another SYNC_NAMESPACE.",
        )


def own_state(target: Target, actual: Actual) -> State | None:
    """Return the annotation's state if it names this vault and Secret, and can be trusted.

    It can be if our field manager owns it, or if the labels name the same vault: a Secret that was
    restored from a backup, or exported and applied again, has lost the field managers. A copy of
    another Secret names that one.
    """
    state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
    if state is None or state.vault != target.vault.text:
        return None
    if state.secret not in {"", target.secret} or is_of_another_target(target, state):
        return None
    labelled = labels_of(target).items() <= actual.labels.items()
    return state if actual.owns_state or labelled else None


def is_of_another_target(target: Target, state: State) -> bool:
    """Return whether another target of the same vault wrote the state.

    A Secret that was made for an application and is empty may become another's.
    """
    if state.vault != target.vault.text:
        return False
    mine = "" if target.application is None else str(target.application)
    if state.application:
        return state.application != mine and bool(state.secrets)
    return state.own not in {"", target.own} or (bool(mine) and state.secret in {"", target.secret})


@dataclass(frozen=True)
class ObservedVault:
    """The Secrets of one target that were read, by name; always includes the vault's own.

    `closed` are the Secrets that could not be read or have another owner, with the reason.
    """

    target: Target
    secrets: Mapping[str, ObservedSecret]
    closed: Mapping[str, SyncError] = field(default_factory=dict)

    @property
    def own(self) -> ObservedSecret:
        """The vault's own Secret."""
        return self.secrets[self.target.secret]

    @property
    def visited(self) -> frozenset[str]:
        """The Secrets that were visited, with or without success."""
        return frozenset({*self.secrets, *self.closed})

    @property
    def index(self) -> Mapping[str, tuple[SecretName, ...]]:
        """The further Secrets in the own Secret's index, and the vault secrets in each."""
        return self.own.index

    @cached_property
    def records(self) -> Mapping[SecretName, Record]:
        """Our record of each vault secret, the latest if it is in several Secrets."""
        found: dict[SecretName, Record] = {}
        for secret in self.secrets.values():
            for name, record in secret.records.items():
                if name not in found or found[name].updated < record.updated:
                    found[name] = record
        return found

    @cached_property
    def homes(self) -> Mapping[SecretName, frozenset[str]]:
        """The Secrets that contain each vault secret, according to our records."""
        found: dict[SecretName, frozenset[str]] = {}
        remembered = {secret: tuple(each.records) for secret, each in self.secrets.items()}
        for secret, names in {**self.index, **remembered}.items():
            for name in names:
                found[name] = found.get(name, frozenset()) | {secret}
        return found

    def home(self, name: SecretName) -> frozenset[str]:
        """Return the Secrets that contain a vault secret, or the vault's own for a new one."""
        return self.homes.get(name, frozenset({self.target.secret}))

    @cached_property
    def spelling(self) -> Mapping[SecretName, SecretName]:
        """Our spelling of each known vault secret's name."""
        return {name: name for name in (*self.homes, *self.records)}

    def concerns(self, secret: ListedSecret) -> bool:
        """Return whether a vault secret can be in the target's Secrets, or is in them."""
        application = self.target.application
        if application is None or secret.name in application.secrets:
            return True
        return secret.name in self.own.records

    def holds(self, secret: str, place: Placement, name: SecretName) -> bool:
        """Return whether a Secret contains a vault secret, under the keys of its placement."""
        observed = self.secrets.get(secret)
        record = observed.records.get(name) if observed else None
        return (
            observed is not None
            and record is not None
            and record.fingerprint == place.fingerprint
            and (bool(record.fingerprint) or record.keys == (place.key,))
            and record.labels == place.options.labels
            and observed.intact.issuperset(record.keys)
        )

    def in_step(self, place: Placement, listed: ListedSecret) -> bool:
        """Return whether a listed secret is unchanged in every Secret where it belongs."""
        for secret in place.secrets:
            if secret in self.closed:
                continue
            if not self.holds(secret, place, listed.name):
                return False
            record = self.secrets[secret].records[listed.name]
            if not record.settled or record.stands_in or record.updated != listed.updated:
                return False
        return True

    def with_more(
        self, secrets: Mapping[str, ObservedSecret], closed: Mapping[str, SyncError]
    ) -> "ObservedVault":
        """Return this with further Secrets added."""
        return replace(self, secrets={**self.secrets, **secrets}, closed={**self.closed, **closed})
