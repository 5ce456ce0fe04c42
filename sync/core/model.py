"""The things the sync speaks of: vaults, targets, vault secrets, Secrets, plans and outcomes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum

from sync.core.errors import SyncError

FIELD_MANAGER = "keyvault-sync"
STATE_ANNOTATION = "keyvault-sync/state"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
SECRET_TYPE = "Opaque"  # noqa: S105 - the type of a Kubernetes Secret

CREATE_ONLY = "1"
"""A resourceVersion that no Secret has: the server creates what is absent and refuses the rest."""


OBJECT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)
"""What Key Vault calls a secret."""


class SecretName(str):
    """A vault secret's name as it is spelled; names that differ only in case are equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.lower())


def secret_name(text: object) -> SecretName:
    """Read a vault secret's name; raises ValueError for what Key Vault does not allow."""
    if not isinstance(text, str) or not OBJECT_NAME.fullmatch(text):
        raise ValueError(type(text).__name__)
    return SecretName(text)


def moment(epoch: float) -> str:
    """Write epoch seconds as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, order=True)
class VaultName:
    """A vault's name, lower-cased, and the parts that the pattern found in it."""

    text: str
    region: str
    project: str
    stage: str
    number: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Target:
    """A Secret that a vault is kept in: its own, or one that tags of its secrets ask for."""

    vault: VaultName
    cluster: str
    namespace: str
    secret: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.secret} in cluster {self.cluster}"

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it is, whoever it belongs to: two vaults with one place contend for it."""
        return (self.cluster, self.namespace, self.secret)


@dataclass(frozen=True, slots=True)
class ListedSecret:
    """A vault secret as a listing shows it: no version, no value. Times are epoch seconds.

    `fault` says why the entry could not be read: then only its name is to be believed.
    """

    name: SecretName
    enabled: bool
    updated: int
    expires: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    fault: SyncError | None = None


@dataclass(frozen=True, slots=True)
class VaultSecret:
    """One version of a vault secret. Times are epoch seconds; `name` is as Key Vault spells it."""

    name: SecretName
    version: str
    value: str = field(repr=False)
    created: int
    updated: int
    read_at: float
    """When the vault read it, or before: epoch seconds by the vault's own clock."""
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""


class Unserved(Enum):
    """Why a vault does not serve a secret that it was asked for by name."""

    MISSING = "missing"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Hint:
    """What an event or an operator says of one vault secret: where to look, never what to write.

    `version` and `at` (epoch seconds) come from an event; an operator gives neither.
    """

    secret: SecretName
    version: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """A Secret as the API server shows it."""

    resource_version: str
    type: str
    immutable: bool
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    owner_references: tuple[str, ...] = ()
    """Each as `Kind/name`."""
    owned: frozenset[str] = frozenset()
    """The data keys that our field manager owns."""
    owner_uids: frozenset[str] = frozenset()
    """Their uids: an owner that is made anew has another."""
    owned_by_others: frozenset[str] = frozenset()
    """The data keys that any other field manager owns, alone or with us."""
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the other field managers that own each data key."""
    overlaid: frozenset[str] = frozenset()
    """The data keys whose value may be another field manager's, although the field is ours."""
    owns_state: bool = False
    """Whether our field manager still owns the state annotation."""
    uid: str = ""
    """Which Secret of this name it is: one that is made anew has another."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What we apply: all that our field manager shall own of the Secret."""

    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(repr=False)
    type: str = SECRET_TYPE
    uid: str = ""
    """The Secret that this was planned for, so that none is made in its place; empty for none."""


class Action(StrEnum):
    """What a plan does with one key."""

    CREATE = "create"
    UPDATE = "update"
    REPAIR = "repair"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One key's change; `version` is the vault's, of a key that goes the last one that was in."""

    key: str
    action: Action
    version: str = ""
    same: bool = field(default=False, compare=False)
    """Whether the Secret had that very value before."""
    secret: str = ""
    """The Secret, where it is not the vault's own."""
    source: str = field(default="", compare=False)
    """The vault secret that the key is from, empty where none is known."""
    why: str = field(default="", compare=False)
    """Why a key goes, in a few words for people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference of desired and actual; falsy when there is nothing to write.

    `evict` are keys that go although another field manager holds them, which no apply can remove.
    """

    changes: tuple[Change, ...] = ()
    apply: Desired | None = None
    evict: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.apply is not None


@dataclass(frozen=True, slots=True)
class Converged:
    """The Secret is as the vault is; `changes` is what that took (or, in a dry run, would take)."""

    target: Target
    changes: tuple[Change, ...] = ()
    keys: int = 0
    expired: tuple[str, ...] = ()
    dry_run: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The Secret may differ from the vault; `changes` is what was written nevertheless."""

    vault: str
    error: SyncError
    target: Target | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing was looked at, since it is not this app's business."""

    subject: str
    error: SyncError


type Outcome = Converged | Failed | Ignored
