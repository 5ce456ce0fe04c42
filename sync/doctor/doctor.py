"""Examines what the sync needs, from the settings to each Secret, a few subjects at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sync.app.registry import Claims, claims
from sync.app.requests import Resync
from sync.app.use_cases import App
from sync.core.errors import Permanent, SyncError
from sync.core.model import ListedSecret, Target, Unserved, VaultName
from sync.core.ports import Deadline, Known, Vaults
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject
from sync.doctor.secret_checks import Access, ManagedSecret, SecretExamination, Server
from sync.projection.placement import Placement
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.reconcile.observed import ObservedSecret

SUBJECT_SECONDS = 30
GROUP_SECONDS = 100  # for all vaults, for all clusters and for all Secrets

_SHOWN_FAULTS = 10  # how many unreadable secrets of one vault have a check each

_SETTINGS = Subject("settings")

type _Types = Mapping[str, str]
"""Secrets by name, each with the type that tags ask for, empty if none."""


class Login(Protocol):
    """The identity that reads the vaults."""

    def sign_in(self) -> str:
        """Get a token and return the kind of login; raises Permanent or Transient."""
        ...


@dataclass(frozen=True, slots=True)
class _Read:
    """The result for one vault: the checks, and its enabled secrets if it could be listed."""

    checks: Sequence[Check]
    listed: Sequence[ListedSecret] = ()


@dataclass(frozen=True, slots=True)
class Doctor:
    """The examination of one app; it reads `vaults` with the identity of `login`."""

    app: App
    vaults: Vaults
    login: Login
    access: Access
    rules: Rules = DEFAULT_RULES

    def examine(self, request: Resync) -> Iterator[Check]:
        """Check what the chosen vaults need; raises NotOurs if there is no such vault."""
        known = self.app.choose(Resync())
        chosen = self.app.choose(request).vaults
        yield from _idle(self.app.subscriptions, known)
        yield (login := self._login())
        contests = claims(self.app.naming, dict.fromkeys([*known.vaults, *chosen]))
        places = [self._place(vault, contests) for vault in chosen]
        readings = self._ask(chosen, lambda vault, end: self._vault(vault, login, end))
        wanted: dict[Target, _Types] = {}
        for vault, (place, target), read in zip(chosen, places, readings, strict=True):
            yield place
            if isinstance(read, SyncError):
                yield _about(vault).refused("list", read)
            else:
                yield from read.checks
            if target is not None:
                listed = () if isinstance(read, SyncError) else read.listed
                wanted[target] = self._asked_for(target, listed)
        yield from self._targets(wanted, self._clusters(request, wanted))

    def _targets(self, wanted: Mapping[Target, _Types], clusters: Sequence[str]) -> Iterator[Check]:
        """Check each cluster, and then the Secrets in it."""
        servers: dict[str, Server] = {}
        groups: dict[str, list[Check]] = {}
        for cluster, answer in zip(clusters, self._ask(clusters, self.access.server), strict=True):
            about = Subject(f"cluster {cluster}")
            if isinstance(answer, SyncError):
                check = about.refused("answers", answer, remedies.of_server(answer))
            else:
                servers[cluster] = answer
                whom = f" to user {answer.user!r}" if answer.user else ""
                check = about.ok("answers", f"Kubernetes {answer.version} answers{whom}.")
            groups[cluster] = [check]
        kept = self._kept(wanted, servers)
        told = self._ask(kept, lambda each, end: self._secret(each, servers, end))
        for each, checks in zip(kept, told, strict=True):
            about = Subject(f"Secret {each.target}")
            groups[each.target.cluster] += (
                [about.refused("namespace", checks)] if isinstance(checks, SyncError) else checks
            )
        for group in groups.values():
            yield from group

    def _kept(
        self, wanted: Mapping[Target, _Types], servers: Collection[str]
    ) -> Sequence[ManagedSecret]:
        """Return the vaults' Secrets: their own, the indexed ones and those that tags ask for."""
        asked = [target for target in wanted if target.cluster in servers]
        index = dict(zip(asked, self._ask(asked, self._remembered), strict=True))
        kept: list[ManagedSecret] = []
        for target, types in wanted.items():
            remembered = index.get(target, ())
            others = {*types, *(() if isinstance(remembered, SyncError) else remembered)}
            secrets = (target.secret, *sorted(others - {target.secret}))
            kept += [
                ManagedSecret(replace(target, secret=secret), secrets, types.get(secret, ""))
                for secret in secrets
            ]
        return kept

    def _remembered(self, target: Target, deadline: Deadline) -> Collection[str]:
        """Return the further Secrets in the index of a vault's own Secret."""
        return ObservedSecret.of(target, self.app.cluster.read(target, deadline)).index

    def _asked_for(self, target: Target, listed: Iterable[ListedSecret]) -> _Types:
        """Return the Secrets that a vault's secrets go to; ignores wrong tags."""
        types: dict[str, str] = {}
        for secret in listed:
            try:
                place = self.rules.place(target, secret.name, secret.tags, secret.content_type)
            except Permanent:
                continue
            if isinstance(place, Placement):
                for name in place.secrets:
                    types[name] = place.type or types.get(name, "")
        return types

    def _ask[Asked, Told](
        self, asked: Iterable[Asked], tell: Callable[[Asked, Deadline], Told]
    ) -> Iterator[Told | SyncError]:
        return self.app.work_queue.ask(asked, tell, SUBJECT_SECONDS, GROUP_SECONDS)

    def _login(self) -> Check:
        try:
            kind = self.login.sign_in()
        except SyncError as error:
            return _SETTINGS.refused("log-in", error, remedies.of_login(error))
        return _SETTINGS.ok("log-in", f"{kind} gets a token for Key Vault.")

    def _place(self, vault: VaultName, contests: Claims) -> tuple[Check, Target | None]:
        about = _about(vault)
        try:
            target = self.app.naming.target(vault)
        except Permanent as error:
            return about.refused("target", error), None
        if rivals := sorted(contests[target.place] - {vault}):
            contest = (
                f"TargetContested: {', '.join(map(str, rivals))} leads to Secret {target} as well. "
                "Rename one of the vaults, or tell them apart in SYNC_NAMESPACE or SYNC_CLUSTERS."
            )
            return about.failed("target", contest), target
        return about.ok("target", f"It is kept in Secret {target}."), target

    def _clusters(self, request: Resync, targets: Iterable[Target]) -> Sequence[str]:
        """Return the chosen vaults' clusters, or all clusters if all vaults are chosen."""
        every = [match.cluster for match in self.app.naming.clusters]
        if request.vault is None and request.project is None:
            return every
        led_to = {target.cluster for target in targets}
        return [cluster for cluster in every if cluster in led_to]

    def _vault(self, vault: VaultName, login: Check, deadline: Deadline) -> _Read:
        about = _about(vault)
        if not login.well:
            return _Read(about.skipped("the log-in gets no token", "list", "read"))
        try:
            listed = self.vaults.list(vault, deadline)
        except SyncError as error:
            unlisted = about.refused("list", error, remedies.of_vault(vault, error))
            return _Read([unlisted, *about.skipped("the vault cannot be listed", "read")])
        enabled = [secret for secret in listed if secret.enabled]
        counted = about.ok("list", f"It lists {len(listed)} secret(s), {len(enabled)} enabled.")
        unreadable = [
            about.refused(f"secret {secret.name}", secret.fault)
            for secret in listed
            if secret.fault is not None
        ]
        checks = [counted, *unreadable[:_SHOWN_FAULTS]]
        if len(unreadable) > _SHOWN_FAULTS:
            more = len(unreadable) - _SHOWN_FAULTS
            checks.append(about.failed("secrets", f"{more} more cannot be read."))
        if not enabled:
            unproven = "It has no enabled secret: whether one could be read is not known."
            return _Read([*checks, about.warning("read", unproven, remedies.empty_vault(vault))])
        return _Read([*checks, self._read(vault, enabled[0].name, deadline)], enabled)

    def _read(self, vault: VaultName, name: str, deadline: Deadline) -> Check:
        about = _about(vault)
        try:
            served = not isinstance(self.vaults.get(vault, name, deadline), Unserved)
        except SyncError as error:
            return about.refused("read", error, remedies.of_vault(vault, error))
        if not served:
            changing = f"Secret {name!r} is listed but not served: it has changed just now."
            return about.warning("read", changing, f"keyvault-sync doctor {vault}")
        return about.ok("read", f"Secret {name!r} can be read.")

    def _secret(
        self, kept: ManagedSecret, servers: Mapping[str, Server], deadline: Deadline
    ) -> Sequence[Check]:
        server = servers.get(kept.target.cluster)
        if server is None:
            return SecretExamination.skipped(kept.target)
        examination = SecretExamination(kept, server.user, self.access, self.app.cluster)
        return examination.checks(deadline)


def unparsed(faults: Iterable[str]) -> Sequence[Check]:
    """Return the checks of settings that do not parse: nothing else can be examined."""
    wrong = [_SETTINGS.failed("parse", fault) for fault in faults]
    because = "the settings do not parse"
    return [*wrong, *_SETTINGS.skipped(because, "log-in", "vaults", "clusters")]


def _about(vault: VaultName) -> Subject:
    return Subject(f"vault {vault}")


def _idle(subscriptions: frozenset[str], known: Known) -> Iterator[Check]:
    """Report what the settings leave the app unable to do."""
    yield _SETTINGS.ok("parse", "Every setting parses.")
    if subscriptions:
        yield _SETTINGS.ok("events", f"Events of {len(subscriptions)} subscription(s) are taken.")
    else:
        idle = "SYNC_SUBSCRIPTIONS is not set, so every event is refused."
        ours = '"$(az account show --query id --output tsv)"'
        yield _SETTINGS.warning("events", idle, remedies.setting("SYNC_SUBSCRIPTIONS", ours))
    if known.fault is not None:
        yield _SETTINGS.refused("vaults", known.fault, remedies.SEARCH)
    elif known.vaults:
        yield _SETTINGS.ok("vaults", f"{len(known.vaults)} vault(s) are known.")
    else:
        idle = "No vault is known, so the timer has nothing to do."
        yield _SETTINGS.warning("vaults", idle, remedies.setting("SYNC_VAULTS", "VAULT,VAULT"))
