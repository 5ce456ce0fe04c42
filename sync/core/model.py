"""The domain types: vaults, targets, vault secrets, Secrets, plans and outcomes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum

from sync.core.errors import SyncError

FIELD_MANAGER = "keyvault-sync"
STATE_ANNOTATION = "keyvault-sync/state"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
SECRET_TYPE = "Opaque"  # noqa: S105 - the type of a Kubernetes Secret

CREATE_ONLY = "1"
"""A resourceVersion that no Secret has: the server creates an absent Secret, else answers 409."""


OBJECT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)
"""The secret names that Key Vault allows."""

SECRET_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,251}[a-z0-9])?", re.ASCII)
"""The names of the app's Secrets. Any other text could lead a URL out of the namespace."""


class SecretName(str):
    """A vault secret's name with its spelling; names that differ only in case are equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.lower())


def secret_name(text: object) -> SecretName:
    """Parse a vault secret's name; raises ValueError for one that Key Vault does not allow."""
    if not isinstance(text, str) or not OBJECT_NAME.fullmatch(text):
        raise ValueError(type(text).__name__)
    return SecretName(text)


def moment(epoch: float) -> str:
    """Format epoch seconds as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, order=True)
class VaultName:
    """A vault's name in lower case."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Variables:
    """How the vault secrets of an application become environment variables.

    `prefixes` are patterns of vault secrets' names, each with the prefix of its variables; the
    first that matches counts. `allowed` are patterns of variables that would otherwise be refused,
    since they can take a process over.
    """

    prefixes: tuple[tuple[str, str], ...] = ()
    allowed: tuple[str, ...] = ()


VARIABLES = Variables()
"""Without a prefix, and without an exception."""


@dataclass(frozen=True, slots=True)
class Application:
    """An object of a cluster that lists vault secrets, whose variables are in a Secret of its own.

    `kind` is its resource and group, as kubectl takes them. `secrets` are the listed names, and
    `unreadable` is how many more entries are no names of vault secrets. `own` is the own Secret of
    the target that it belongs to. `rivals` are other objects that list something and lead
    to the same Secret. `gone` says that the object no longer exists.
    """

    kind: str
    name: str
    secrets: frozenset[SecretName] = frozenset()
    own: str = ""
    variables: Variables = VARIABLES
    unreadable: int = 0
    rivals: tuple[str, ...] = ()
    gone: bool = False

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """A Secret that a vault is synced to: its own, or one that tags of its secrets ask for.

    A vault may have several targets, each with its own project, stage and Secrets. `region` is
    empty and `number` None where neither the vault's name nor its entry gives them. `unprefixed`
    says whether names without a stage's prefix go there. `own` is the own Secret that a further one
    belongs to, empty for an own one. `placed` are the own Secrets of the namespace that the table
    of placements names. The Secret of an `application` is a target of its own, too.
    """

    vault: VaultName
    cluster: str
    namespace: str
    secret: str
    project: str = ""
    stage: str = ""
    region: str = ""
    number: int | None = None
    unprefixed: bool = True
    own: str = ""
    placed: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    application: Application | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.secret} in cluster {self.cluster}"

    @property
    def place(self) -> tuple[str, str, str]:
        """Its location without the vault: two vaults with the same place contend for it."""
        return (self.cluster, self.namespace, self.secret)

    def further(self, secret: str) -> "Target":
        """Return the target's further Secret of that name, or its own one."""
        own = self.own or self.secret
        return replace(self, secret=secret, own="" if secret == own else own)

    def of_application(self, secret: str, application: Application) -> "Target":
        """Return the target of an application's Secret, beside this own one."""
        return replace(self, secret=secret, application=replace(application, own=self.secret))

    @property
    def parent(self) -> "Target":
        """The own target that an application's belongs to."""
        if self.application is None:
            return self
        return replace(self, secret=self.application.own, application=None)


@dataclass(frozen=True, slots=True)
class ListedSecret:
    """A vault secret in a listing: no version, no value. Times are epoch seconds.

    `fault` says why the entry could not be read: then only its name can be trusted.
    """

    name: SecretName
    enabled: bool
    updated: int
    expires: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    fault: SyncError | None = None
    not_before: int | None = None
    managed: bool = False
    """Whether it is the secret of a certificate."""


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """One version in the listing of a secret's versions. Times are epoch seconds."""

    version: str
    enabled: bool
    created: int
    not_before: int | None = None
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class VaultSecret:
    """One version of a vault secret. Times are epoch seconds; `name` is as Key Vault spells it."""

    name: SecretName
    version: str
    value: str = field(repr=False)
    created: int
    updated: int
    read_at: float
    """A time at or before the vault's read, in epoch seconds of the vault's own clock."""
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    not_before: int | None = None
    expires: int | None = None


class Unserved(Enum):
    """Why a vault does not serve a secret that was requested by name."""

    MISSING = "missing"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Hint:
    """A pointer to a vault secret from an event or operator: where to look, never what to write."""

    secret: SecretName
    version: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Actual:
    """A Secret as the API server returns it."""

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
    """The owners' uids: a recreated owner has another."""
    owned_by_others: frozenset[str] = frozenset()
    """The data keys that any other field manager owns, alone or with us."""
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the other field managers that own each data key."""
    overlaid: frozenset[str] = frozenset()
    """The data keys whose value may be another field manager's, although the field is ours."""
    owns_state: bool = False
    """Whether our field manager still owns the state annotation."""
    owned_labels: frozenset[str] = frozenset()
    owned_annotations: frozenset[str] = frozenset()
    """The labels and the annotations that our field manager owns."""
    uid: str = ""
    """Identifies this Secret among those of its name: a recreated Secret has another."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What we apply: everything that our field manager should own in the Secret."""

    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(repr=False)
    type: str = SECRET_TYPE
    uid: str = ""
    """The uid of the planned Secret, so that a recreated one is not written; empty if absent."""
