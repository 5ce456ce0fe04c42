"""Examines what the sync needs, from the settings to each Secret, a few subjects at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sync import remedies
from sync.app import App, Claims, claims
from sync.checks import Check, Subject
from sync.errors import Permanent, SyncError
from sync.model import Target, Unserved, VaultName
from sync.ports import Deadline, Known, Vaults
from sync.requests import Resync
from sync.rights import Access, SecretExamination, Server

SUBJECT_SECONDS = 30
GROUP_SECONDS = 100  # for all vaults, for all clusters and for all Secrets

_SETTINGS = Subject("settings")


class Login(Protocol):
    """The identity that the vaults are asked with."""

    def sign_in(self) -> str:
        """Get a token, and tell by which kind of log-in; raises Permanent or Transient."""
        ...


@dataclass(frozen=True, slots=True)
class Doctor:
    """The examination of one app; `vaults` are read with the identity of `login`."""

    app: App
    vaults: Vaults
    login: Login
    access: Access

    def examine(self, request: Resync) -> Iterator[Check]:
        """Check what the chosen vaults need; raises NotOurs where there is no such vault."""
        known = self.app.select(Resync())
        chosen = self.app.select(request).vaults
        yield from _idle(self.app.subscriptions, known)
        yield (login := self._login())
        contests = claims(self.app.naming, dict.fromkeys([*known.vaults, *chosen]))
        places = [self._place(vault, contests) for vault in chosen]
        readings = self._ask(chosen, lambda vault, end: self._vault(vault, login, end))
        for vault, (place, _), read in zip(chosen, places, readings, strict=True):
            yield place
            yield from _told(_about(vault), "list", read)
        targets = [target for _, target in places if target]
        yield from self._targets(targets, self._clusters(request, targets))

    def _targets(self, targets: Sequence[Target], clusters: Sequence[str]) -> Iterator[Check]:
        """Check the clusters, and after each the Secrets in it."""
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
        secrets = self._ask(targets, lambda target, end: self._secret(target, servers, end))
        for target, told in zip(targets, secrets, strict=True):
            groups[target.cluster] += _told(Subject(f"Secret {target}"), "namespace", told)
        for group in groups.values():
            yield from group

    def _ask[Asked, Told](
        self, asked: Iterable[Asked], tell: Callable[[Asked, Deadline], Told]
    ) -> Iterator[Told | SyncError]:
        return self.app.fleet.ask(asked, tell, SUBJECT_SECONDS, GROUP_SECONDS)

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
        """Return the chosen vaults' clusters; all, where all vaults are chosen."""
        every = [match.cluster for match in self.app.naming.clusters]
        if request.vault is None and request.project is None:
            return every
        led_to = {target.cluster for target in targets}
        return [cluster for cluster in every if cluster in led_to]

    def _vault(self, vault: VaultName, login: Check, deadline: Deadline) -> Sequence[Check]:
        about = _about(vault)
        if not login.well:
            return about.skipped("the log-in gets no token", "list", "read")
        try:
            listed = self.vaults.list(vault, deadline)
        except SyncError as error:
            unlisted = about.refused("list", error, remedies.of_vault(vault, error))
            return [unlisted, *about.skipped("the vault cannot be listed", "read")]
        names = [secret.name for secret in listed if secret.enabled]
        counted = about.ok("list", f"It lists {len(listed)} secret(s), {len(names)} enabled.")
        if not names:
            unproven = "It has no enabled secret: whether one could be read is not known."
            return [counted, about.warning("read", unproven, remedies.empty_vault(vault))]
        return [counted, self._read(vault, names[0], deadline)]

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
        self, target: Target, servers: Mapping[str, Server], deadline: Deadline
    ) -> Sequence[Check]:
        server = servers.get(target.cluster)
        if server is None:
            return SecretExamination.skipped(target)
        examination = SecretExamination(target, server.user, self.access, self.app.cluster)
        return examination.checks(deadline)


def unparsed(faults: Iterable[str]) -> Sequence[Check]:
    """Return the checks of settings that do not parse: beyond them nothing can be looked at."""
    wrong = [_SETTINGS.failed("parse", fault) for fault in faults]
    because = "the settings do not parse"
    return [*wrong, *_SETTINGS.skipped(because, "log-in", "vaults", "clusters")]


def _about(vault: VaultName) -> Subject:
    return Subject(f"vault {vault}")


def _told(about: Subject, first: str, told: Sequence[Check] | SyncError) -> Sequence[Check]:
    """Return the checks, or the one that says why there are none."""
    return [about.refused(first, told)] if isinstance(told, SyncError) else told


def _idle(subscriptions: frozenset[str], known: Known) -> Iterator[Check]:
    """Tell of what the settings leave to do."""
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
