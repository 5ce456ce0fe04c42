"""In-memory vaults and cluster behind the ports, a clock, and a hook before each remote call."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_none

from sync.core.errors import Conflict, Permanent, SyncError
from sync.core.model import (
    FIELD_MANAGER,
    SECRET_TYPE,
    STATE_ANNOTATION,
    Actual,
    Desired,
    ListedSecret,
    ListedVersion,
    SecretName,
    Target,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.ports import NO_VALUES, Deadline
from sync.core.reasons import Reason
from sync.core.vault_names import DEFAULT_PATTERN, Naming

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z, when every fake clock starts."""


@dataclass(slots=True)
class Clock:
    """Epoch seconds that pass when a test says so."""

    now: float = NOON

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Call:
    """One remote call, as the hook and the faults see it.

    `subject` is a vault secret's name, or a Secret's that is not the vault's own, or empty.
    """

    verb: str
    subject: str = ""


type Hook = Callable[[Call], None]


def _nothing(_call: Call) -> None:
    """Let a call pass."""


@dataclass(slots=True)
class Wire:
    """What every remote call goes through: the record of it, a test's hook, and planned faults."""

    before: Hook = _nothing
    calls: list[Call] = field(default_factory=list)
    faults: dict[Call, list[SyncError]] = field(default_factory=dict)

    def fail(self, verb: str, error: SyncError, subject: str = "", times: int = 1000) -> None:
        """Answer the next such calls with an error."""
        self.faults[Call(verb, subject)] = [error] * times

    def recover(self) -> None:
        """Answer all calls again."""
        self.faults.clear()

    def pass_on(self, call: Call) -> None:
        """Record the call, run the hook, raise a planned fault."""
        self.before(call)
        self.calls.append(call)
        if planned := self.faults.get(call):
            raise planned.pop()

    def count(self, verb: str) -> int:
        """Return how many calls of a kind there were."""
        return sum(call.verb == verb for call in self.calls)


@dataclass(slots=True)
class _Version:
    version: str
    value: str = field(repr=False)
    created: int
    updated: int
    enabled: bool = True
    expires: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    not_before: int | None = None
    managed: bool = False


@dataclass(slots=True)
class _Kept:
    name: str
    versions: list[_Version]
    lag: int = 0


class FakeVaults:
    """Vaults of named secrets with versions; times are the clock's, in whole seconds."""

    def __init__(self, clock: Clock, wire: Wire) -> None:
        self._clock = clock
        self._wire = wire
        self._numbers = count(1)
        self._vaults: dict[str, dict[str, _Kept]] = {}
        self._unlisted: set[str] = set()

    def put(  # noqa: PLR0913 - a version has this many parts
        self,
        vault: VaultName,
        name: str,
        value: str,
        *,
        enabled: bool = True,
        expires: int = 0,
        tags: Mapping[str, str] | None = None,
        content_type: str = "",
        not_before: int = 0,
        managed: bool = False,
    ) -> str:
        """Set a new version of a secret and return it."""
        version = f"v{next(self._numbers):06}"
        now = int(self._clock())
        kept = self._of(vault).setdefault(name.lower(), _Kept(name, []))
        kept.versions.append(
            _Version(
                version,
                value,
                now,
                now,
                enabled,
                expires or None,
                tags or {},
                content_type,
                not_before or None,
                managed,
            )
        )
        return version

    def tag(self, vault: VaultName, name: str, tags: Mapping[str, str]) -> None:
        """Give the current version these tags."""
        current = self._of(vault)[name.lower()].versions[-1]
        current.tags, current.updated = tags, int(self._clock())

    def respell(self, vault: VaultName, name: str) -> None:
        """Spell a secret's name in another case."""
        self._of(vault)[name.lower()].name = name

    def enable(self, vault: VaultName, name: str, *, enabled: bool) -> None:
        """Enable or disable the current version."""
        current = self._of(vault)[name.lower()].versions[-1]
        current.enabled, current.updated = enabled, int(self._clock())

    def limit(self, vault: VaultName, name: str, *, not_before: int) -> None:
        """Let the current version become valid at that time."""
        current = self._of(vault)[name.lower()].versions[-1]
        current.not_before, current.updated = not_before, int(self._clock())

    def touch(self, vault: VaultName, name: str) -> None:
        """Change a tag, which moves `updated` and nothing else."""
        self._of(vault)[name.lower()].versions[-1].updated = int(self._clock())

    def delete(self, vault: VaultName, name: str) -> None:
        """Delete a secret."""
        del self._of(vault)[name.lower()]

    def lag(self, vault: VaultName, name: str, versions: int) -> None:
        """Serve a secret as it was that many versions ago."""
        self._of(vault)[name.lower()].lag = versions

    def unlist(self, name: str) -> None:
        """Leave a secret out of listings, as a listing that lags does."""
        self._unlisted.add(name)

    def current(self, vault: VaultName) -> Mapping[str, bytes]:
        """Return what a Secret in step with the vault holds."""
        return {
            kept.name: kept.versions[-1].value.encode()
            for kept in self._of(vault).values()
            if kept.versions[-1].enabled
        }

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """Return every secret of the vault."""
        deadline.remaining()
        self._wire.pass_on(Call("list"))
        return [
            ListedSecret(
                SecretName(kept.name),
                served.enabled,
                served.updated,
                served.expires,
                served.tags,
                served.content_type,
                not_before=served.not_before,
                managed=served.managed,
            )
            for kept in self._of(vault).values()
            if (served := _served(kept)) and kept.name not in self._unlisted
        ]

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return the current version of a secret, or the one that is asked for."""
        deadline.remaining()
        read_at = self._clock()
        self._wire.pass_on(Call("get", name))
        kept = self._of(vault).get(name.lower())
        known = kept.versions[: len(kept.versions) - kept.lag] if kept else []
        found = [each for each in known if version in {None, each.version}]
        if kept is None or not found:
            return Unserved.MISSING
        if not found[-1].enabled:
            return Unserved.DISABLED
        last = found[-1]
        return VaultSecret(
            SecretName(kept.name),
            last.version,
            last.value,
            last.created,
            last.updated,
            read_at,
            last.tags,
            last.content_type,
            last.not_before,
            last.expires,
        )

    def versions(self, vault: VaultName, name: str, deadline: Deadline) -> Sequence[ListedVersion]:
        """Return every version of a secret."""
        deadline.remaining()
        self._wire.pass_on(Call("versions", name))
        kept = self._of(vault).get(name.lower())
        return [
            ListedVersion(each.version, each.enabled, each.created, each.not_before, each.expires)
            for each in (kept.versions if kept else ())
        ]

    def _of(self, vault: VaultName) -> dict[str, _Kept]:
        return self._vaults.setdefault(vault.text, {})


def _served(kept: _Kept) -> _Version | None:
    known = kept.versions[: len(kept.versions) - kept.lag]
    return known[-1] if known else None


_BY_UPDATE = " by update"

type Field = tuple[str, str]
"""A field of a Secret: `data`, `label` or `annotation`, and its name."""


@dataclass(slots=True)
class Stored:
    """A Secret on the server: its fields and who manages each."""

    revision: int
    fields: dict[Field, bytes] = field(repr=False)
    managers: dict[Field, set[str]]
    type: str = SECRET_TYPE
    immutable: bool = False
    owners: tuple[str, ...] = ()
    uid: str = ""

    def part(self, kind: str) -> dict[str, bytes]:
        """Return the fields of one kind."""
        return {name: value for (of, name), value in self.fields.items() if of == kind}


class FakeCluster:
    """Secrets with server-side apply, field managers and resourceVersions."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._revisions = count(100)
        self.secrets: dict[tuple[str, str, str], Stored] = {}
        self.changes: list[tuple[str, Mapping[str, bytes]]] = []

    @property
    def history(self) -> Sequence[Mapping[str, bytes]]:
        """What Secrets held after each change of one."""
        return [data for _, data in self.changes]

    def data(self, target: Target) -> Mapping[str, bytes]:
        """Return the Secret's data, empty where there is none."""
        stored = self.secrets.get(target.place)
        return stored.part("data") if stored else {}

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, or None where there is none."""
        deadline.remaining()
        self._wire.pass_on(Call("read", _subject(target)))
        stored = self.secrets.get(target.place)
        return _actual(stored) if stored else None

    def apply(
        self,
        target: Target,
        desired: Desired,
        resource_version: str,
        deadline: Deadline,
        *,
        dry_run: bool = False,
    ) -> None:
        """Apply for our manager with force; absent Secrets are created, whatever the version."""
        deadline.remaining()
        if dry_run:
            self._wire.pass_on(Call("rehearse", _subject(target)))
            self._aside().apply(target, desired, resource_version, deadline)
            return
        self._wire.pass_on(Call("apply", _subject(target)))
        stored = self.secrets.get(target.place)
        if stored is None:
            stored = Stored(next(self._revisions), {}, {}, desired.type)
            self._refuse(stored, desired)
            self.secrets[target.place] = stored
        elif resource_version not in {str(stored.revision), "0"}:  # "0" is any, as on the server
            raise Conflict(Reason.SECRET_CHANGED, "The resourceVersion does not hold.")
        self._refuse(stored, desired)
        before = (dict(stored.fields), {key: set(who) for key, who in stored.managers.items()})
        applied = _fields(desired)
        for key in [key for key, who in stored.managers.items() if FIELD_MANAGER in who]:
            if key not in applied:
                stored.managers[key].discard(FIELD_MANAGER)
                if not stored.managers[key]:
                    del stored.managers[key], stored.fields[key]
        for key, value in applied.items():
            others = stored.managers.get(key, set()) if stored.fields.get(key) == value else set()
            stored.fields[key] = value
            stored.managers[key] = {FIELD_MANAGER} | others
        if before != (stored.fields, stored.managers):
            self._changed(target, stored)

    def evict(  # noqa: PLR0913 - a write, its precondition and what it does
        self,
        target: Target,
        keys: frozenset[str],
        resource_version: str,
        deadline: Deadline,
        *,
        values: Mapping[str, bytes] = NO_VALUES,
        dry_run: bool = False,
    ) -> None:
        """Remove keys whoever manages them, and set values as our manager's update does."""
        deadline.remaining()
        if dry_run:
            self._wire.pass_on(Call("rehearse", _subject(target)))
            self._aside().evict(target, keys, resource_version, deadline, values=values)
            return
        self._wire.pass_on(Call("evict", _subject(target)))
        stored = self.secrets.get(target.place)
        if stored is None or str(stored.revision) != resource_version:
            raise Conflict(Reason.SECRET_CHANGED, "The resourceVersion does not hold.")
        for key in keys:
            stored.fields.pop(("data", key), None)
            stored.managers.pop(("data", key), None)
        for key, value in values.items():
            stored.fields["data", key] = value
            stored.managers["data", key] = {f"{FIELD_MANAGER}{_BY_UPDATE}"}
        self._changed(target, stored)

    def edit(
        self,
        target: Target,
        changes: Mapping[Field, bytes | None],
        manager: str = "kubectl-edit",
        *,
        share: bool = False,
    ) -> None:
        """Change or remove (None) fields as somebody else; `share` applies an equal value too."""
        stored = self.secrets.setdefault(target.place, Stored(next(self._revisions), {}, {}))
        for key, value in changes.items():
            if value is None:
                stored.fields.pop(key, None)
                stored.managers.pop(key, None)
            elif share and stored.fields.get(key) == value:
                stored.managers[key].add(manager)
            elif stored.fields.get(key) != value:
                stored.fields[key] = value
                stored.managers[key] = {manager}
        self._changed(target, stored)

    def wipe_managers(self, target: Target) -> None:
        """Forget who manages what; the next apply finds all of it with an unnamed manager."""
        stored = self.secrets[target.place]
        stored.managers = {key: {"before-first-apply"} for key in stored.fields}
        self._changed(target, stored)

    def restore(self, target: Target, backup: Stored, manager: str | None) -> None:
        """Make a Secret again from a copy of it, as another manager; None keeps the managers."""
        stored = deepcopy(backup)
        revision = next(self._revisions)
        stored.revision, stored.uid = revision, f"uid-{revision}"
        if manager is not None:
            stored.managers = {key: {manager} if manager else set() for key in stored.fields}
        self.secrets[target.place] = stored
        self._changed(target, stored)

    def _aside(self) -> "FakeCluster":
        """Return a copy on which a dry run writes."""
        aside = FakeCluster(Wire())
        aside.secrets = deepcopy(self.secrets)
        return aside

    def _refuse(self, stored: Stored, desired: Desired) -> None:
        if stored.type != desired.type:
            raise Permanent(Reason.SECRET_REFUSED, "The type cannot be changed.")
        if stored.type == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= desired.data.keys():
            raise Permanent(
                Reason.SECRET_REFUSED, "A Secret of this type needs tls.crt and tls.key."
            )
        if stored.immutable and stored.part("data") != desired.data:
            raise Permanent(Reason.SECRET_REFUSED, "The Secret is immutable.")

    def _changed(self, target: Target, stored: Stored) -> None:
        stored.revision = next(self._revisions)
        self.changes.append((target.secret, stored.part("data")))


def _subject(target: Target) -> str:
    return target.secret if target.own or target.application else ""


def _fields(desired: Desired) -> dict[Field, bytes]:
    return (
        {("data", name): value for name, value in desired.data.items()}
        | {("label", name): text.encode() for name, text in desired.labels.items()}
        | {("annotation", name): text.encode() for name, text in desired.annotations.items()}
    )


def _actual(stored: Stored) -> Actual:
    def managed(part: str, *, ours: bool) -> frozenset[str]:
        return frozenset(
            name
            for (kind, name), who in stored.managers.items()
            if kind == part and (FIELD_MANAGER in who if ours else who - {FIELD_MANAGER})
        )

    return Actual(
        resource_version=str(stored.revision),
        type=stored.type,
        immutable=stored.immutable,
        data=stored.part("data"),
        labels={name: value.decode() for name, value in stored.part("label").items()},
        annotations={name: value.decode() for name, value in stored.part("annotation").items()},
        owner_references=stored.owners,
        holders={
            name: tuple(
                manager.removesuffix(_BY_UPDATE) for manager in sorted(who - {FIELD_MANAGER})
            )
            for (kind, name), who in stored.managers.items()
            if kind == "data" and who - {FIELD_MANAGER}
        },
        owned=managed("data", ours=True),
        owned_by_others=managed("data", ours=False),
        owned_labels=managed("label", ours=True),
        owned_annotations=managed("annotation", ours=True),
        uid=stored.uid,
        owns_state=FIELD_MANAGER in stored.managers.get(("annotation", STATE_ANNOTATION), set()),
    )


class Inline(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it and return its settled future."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands on whatever was raised
            future.set_exception(error)
        return future


def no_wait_turns() -> Retrying:
    """Return the write's retry with its bound and without its pauses."""
    return Retrying(
        retry=retry_if_exception_type(Conflict),
        stop=stop_after_attempt(6),
        wait=wait_none(),
        reraise=True,
    )


def vault_name(text: str = "weu-ds-akv-shop-dev-1") -> VaultName:
    """Return a vault's name of the default pattern."""
    return VaultName(text)


def target_of(vault: VaultName) -> Target:
    """Return the target that the default rules lead to."""
    (target,) = Naming(re.compile(DEFAULT_PATTERN)).targets(vault)
    return target


def names(prefix: str, how_many: int) -> Iterator[str]:
    """Yield so many names."""
    return (f"{prefix}{number:02}" for number in range(how_many))
