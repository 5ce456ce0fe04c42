"""Examines what the sync needs, from the settings to each Secret, a few subjects at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sync.app.registry import claims
from sync.app.requests import Resync
from sync.app.use_cases import App
from sync.core.errors import Permanent, SyncError
from sync.core.model import ListedSecret, Target, VaultName
from sync.core.outcomes import Failed
from sync.core.ports import Deadline, Known, Vaults
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject
from sync.doctor.event_routes import EventRoutes
from sync.doctor.resource_checks import ResourceExamination
from sync.doctor.secret_checks import Access, ManagedSecret, SecretExamination, Server
from sync.doctor.target_checks import TargetExamination
from sync.doctor.vault_checks import VaultExamination
from sync.doctor.vault_resources import Unseen, VaultResource, VaultResources
from sync.projection.placement import Placement
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.reconcile.observed import ObservedSecret

SUBJECT_SECONDS = 30
EXAMINATION_SECONDS = 200
"""For everything: App Service's front end waits 230 seconds for an answer."""

RESOURCE_SECONDS = 100
"""For how the vaults are set up, counted from the start: the clusters need the rest."""

_SETTINGS = Subject("settings")

type _Types = Mapping[str, str]
"""Secrets by name, each with the type that tags ask for, empty if none."""


class Login(Protocol):
    """The identity that reads the vaults."""

    def sign_in(self) -> str:
        """Get a token and return the kind of login; raises Permanent or Transient."""
        ...


@dataclass(frozen=True, slots=True)
class Doctor:
    """The examination of one app; it reads `vaults` with the identity of `login`."""

    app: App
    vaults: Vaults
    login: Login
    access: Access
    rules: Rules = DEFAULT_RULES
    routes: EventRoutes | None = None
    resources: VaultResources | None = None

    def examine(self, request: Resync, seconds: float = EXAMINATION_SECONDS) -> Iterator[Check]:
        """Check what the chosen vaults need, in so many seconds for everything.

        Raises NotOurs if there is no such vault. What there is no time for is skipped.
        """
        end = Deadline.after(seconds, self.app.clock)
        return _Examination(self, request, end).checks()


@dataclass(frozen=True, slots=True)
class _Examination:
    """One examination, until its end."""

    doctor: Doctor
    request: Resync
    end: Deadline

    @property
    def app(self) -> App:
        """The app that is examined."""
        return self.doctor.app

    def checks(self) -> Iterator[Check]:
        """Yield the settings' checks, then each vault's, then each cluster's with its Secrets."""
        known = self.app.choose(Resync())
        chosen = self.app.choose(self.request).vaults
        yield from _of_settings(self.app.subscriptions, known)
        yield (login := self._login())
        contests = claims(self.app.naming, dict.fromkeys([*known.vaults, *chosen]))
        exams = [VaultExamination(self.app, self.doctor.vaults, vault) for vault in chosen]
        places = list(self.app.places(chosen, self.request))
        led = [TargetExamination(self.app, place) for place in places if isinstance(place, Target)]
        readings = list(self._ask(exams, lambda exam, end: exam.read(login, end)))
        events = self._events(exams)
        told = self._ask(led, lambda each, end: self._refused(each, login, end))
        resources = self._resources(chosen, login)
        secrets = {each.target: check for each, check in zip(led, told, strict=True)}
        wanted: dict[Target, _Types] = {}
        for exam, read in zip(exams, readings, strict=True):
            about = Subject(f"vault {exam.vault}")
            targets = [each for each in led if each.target.vault == exam.vault]
            yield exam.known(known)
            yield from [each.place(contests) for each in targets] or exam.nowhere()
            if targets:
                yield from _of_applications(self.app, exam.vault, places)
            if event := events.get(exam.vault):
                yield event
            found = [about.refused("list", read)] if isinstance(read, SyncError) else read.checks
            if resource := next(resources, None):
                yield from resource.checks()
                found = [resource.fitted(each) for each in found]
            yield from found
            listed = () if isinstance(read, SyncError) else read.listed
            for each in targets:
                refused = secrets[each.target]
                yield (
                    each.subject.refused("secrets", refused)
                    if isinstance(refused, SyncError)
                    else refused
                )
                wanted[each.target] = self._asked_for(each.target, listed)
        yield from self._targets(wanted, self._clusters(wanted))

    def _events(self, exams: Sequence[VaultExamination]) -> Mapping[VaultName, Check]:
        """Check whether events arrive; not with a caller's rights, who is not the app."""
        routes = self.doctor.routes
        if routes is None:
            return {}
        told = self._ask(exams, lambda exam, end: exam.events(routes, end))
        return {
            exam.vault: Subject(f"vault {exam.vault}").refused("events", check)
            if isinstance(check, SyncError)
            else check
            for exam, check in zip(exams, told, strict=True)
        }

    def _resources(
        self, vaults: Sequence[VaultName], login: Check
    ) -> Iterator[ResourceExamination]:
        """Ask how the vaults are set up, behind what was asked already; none without a port."""
        resources = self.doctor.resources
        if resources is None:
            return iter(())
        if not login.well:
            unseen = Unseen("the log-in gets no token.")
            return (ResourceExamination(each, VaultResource(unseen, unseen)) for each in vaults)
        spare = EXAMINATION_SECONDS - RESOURCE_SECONDS
        told = self._ask(vaults, resources.read, self.end.earlier(spare))
        return map(ResourceExamination.of, vaults, told)

    def _refused(self, exam: TargetExamination, login: Check, end: Deadline) -> Check:
        if not login.well:
            return exam.subject.unchecked("secrets", "the log-in gets no token.")
        thoroughly = self.request.vault is not None or self.request.project is not None
        return exam.secrets(end, thoroughly=thoroughly)

    def _targets(self, wanted: Mapping[Target, _Types], clusters: Sequence[str]) -> Iterator[Check]:
        """Check each cluster, and then the Secrets in it."""
        servers: dict[str, Server] = {}
        groups: dict[str, list[Check]] = {}
        access = self.doctor.access
        for cluster, answer in zip(clusters, self._ask(clusters, access.server), strict=True):
            about = Subject(f"cluster {cluster}")
            if isinstance(answer, SyncError):
                check = about.refused("answers", answer)
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
                ManagedSecret(target.further(secret), secrets, types.get(secret, ""))
                for secret in secrets
            ]
        return kept

    def _remembered(self, target: Target, deadline: Deadline) -> Collection[str]:
        """Return the further Secrets in the index of a vault's own Secret."""
        return ObservedSecret.of(target, self.app.reconciler.cluster.read(target, deadline)).index

    def _asked_for(self, target: Target, listed: Iterable[ListedSecret]) -> _Types:
        """Return the Secrets that a vault's secrets go to; ignores wrong tags."""
        types: dict[str, str] = {}
        for secret in listed:
            try:
                place = self.doctor.rules.place(
                    target, secret.name, secret.tags, secret.content_type
                )
            except Permanent:
                continue
            if isinstance(place, Placement):
                for name in place.secrets:
                    types[name] = place.type or types.get(name, "")
        return types

    def _ask[Asked, Told](
        self,
        asked: Iterable[Asked],
        tell: Callable[[Asked, Deadline], Told],
        end: Deadline | None = None,
    ) -> Iterator[Told | SyncError]:
        end = end or self.end
        left = max(0.0, end.at - end.clock())
        return self.app.work_queue.ask(asked, tell, SUBJECT_SECONDS, left)

    def _login(self) -> Check:
        try:
            kind = self.doctor.login.sign_in()
        except SyncError as error:
            return _SETTINGS.refused("log-in", error, remedies.of_login(error))
        return _SETTINGS.ok("log-in", f"{kind} gets a token for Key Vault.")

    def _clusters(self, targets: Iterable[Target]) -> Sequence[str]:
        """Return the chosen vaults' clusters, or all clusters if all vaults are chosen."""
        every = [match.cluster for match in self.app.naming.clusters]
        if self.request.vault is None and self.request.project is None:
            return every
        led_to = {target.cluster for target in targets}
        return [cluster for cluster in every if cluster in led_to]

    def _secret(
        self, kept: ManagedSecret, servers: Mapping[str, Server], deadline: Deadline
    ) -> Sequence[Check]:
        server = servers.get(kept.target.cluster)
        if server is None:
            return SecretExamination.skipped(kept.target)
        reconciler, rules = self.app.reconciler, self.doctor.rules.digest
        examination = SecretExamination(
            kept,
            server.user,
            self.doctor.access,
            reconciler.cluster,
            rules,
            restarts=self.app.readers is not None,
        )
        return examination.checks(deadline)


def unparsed(faults: Iterable[str]) -> Sequence[Check]:
    """Return the checks of settings that do not parse: nothing else can be examined."""
    wrong = [_SETTINGS.failed("parse", fault) for fault in faults]
    because = "the settings do not parse"
    return [*wrong, *_SETTINGS.skipped(because, "log-in", "vaults", "clusters")]


def _of_applications(
    app: App, vault: VaultName, places: Iterable[Target | Failed]
) -> Iterator[Check]:
    """Check that the applications of a vault's namespaces can be listed, if any are synced."""
    if app.applications is None:
        return
    about = Subject(f"vault {vault}")
    failed = [each for each in places if isinstance(each, Failed) and each.vault == vault.text]
    yield from (about.refused("applications", each.error) for each in failed)
    if not failed:
        yield about.ok("applications", "The objects that list its secrets can be listed.")


def _of_settings(subscriptions: frozenset[str], known: Known) -> Iterator[Check]:
    """Report what the settings leave the app unable to do."""
    yield _SETTINGS.ok("parse", "Every setting parses.")
    for _, error in known.strays:
        yield _SETTINGS.refused("names", error)
    if subscriptions:
        yield _SETTINGS.ok("events", f"Events of {len(subscriptions)} subscription(s) are taken.")
    else:
        idle = "SYNC_SUBSCRIPTIONS is not set, so every event is refused."
        ours = '"$(az account show --query id --output tsv)"'
        yield _SETTINGS.warning("events", idle, remedies.setting("SYNC_SUBSCRIPTIONS", ours))
    if known.fault is not None:
        yield _SETTINGS.refused("vaults", known.fault)
    elif known.vaults:
        yield _SETTINGS.ok("vaults", f"{len(known.vaults)} vault(s) are known.")
    else:
        idle = "No vault is known, so the timer has nothing to do."
        yield _SETTINGS.warning("vaults", idle, remedies.setting("SYNC_VAULTS", "VAULT,VAULT"))
