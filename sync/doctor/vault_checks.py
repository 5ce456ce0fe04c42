"""Examines one vault: its coverage, target and events, its listing and its secrets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.app.explain import Explained, Progress, explained
from sync.app.registry import Claims
from sync.app.use_cases import App, Budget
from sync.core.errors import Permanent, SyncError
from sync.core.model import ListedSecret, SecretName, Target, Unserved, VaultName, moment
from sync.core.ports import Deadline, Known, Vaults
from sync.core.reasons import Reason
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject
from sync.doctor.event_routes import EventRoutes
from sync.reconcile.observed import ObservedSecret

_NAMED = 5  # how many secrets a sentence names


@dataclass(frozen=True, slots=True)
class VaultRead:
    """What one vault answered: the checks, and its enabled secrets if it could be listed."""

    checks: Sequence[Check]
    listed: Sequence[ListedSecret] = ()


@dataclass(frozen=True, slots=True)
class VaultExamination:
    """The examination of a vault."""

    app: App
    vaults: Vaults
    vault: VaultName

    @property
    def _subject(self) -> Subject:
        return Subject(f"vault {self.vault}")

    def known(self, known: Known) -> Check:
        """Check whether passes cover the vault."""
        if self.vault in known.vaults:
            return self._subject.ok("known", "Every pass covers it.")
        setting = remedies.setting(
            "SYNC_VAULTS", ",".join([*map(str, known.vaults), str(self.vault)])
        )
        uncovered = "No pass covers it: SYNC_VAULTS does not name it, and no search found it."
        return self._subject.warning("known", uncovered, setting)

    def place(self, contests: Claims) -> tuple[Check, Target | None]:
        """Check where the vault leads; None if it leads nowhere."""
        try:
            target = self.app.naming.targets(self.vault)[0]
        except Permanent as error:
            return self._subject.refused("target", error), None
        if rivals := sorted(contests[target.place] - {self.vault}):
            contest = (
                f"TargetContested: {', '.join(map(str, rivals))} leads to Secret {target} as well. "
                "Rename one of the vaults, or tell them apart in SYNC_NAMESPACE or SYNC_CLUSTERS."
            )
            failed = self._subject.failed("target", contest, reason=Reason.TARGET_CONTESTED)
            return failed, target
        return self._subject.ok("target", f"It is kept in Secret {target}."), target

    def events(self, routes: EventRoutes, deadline: Deadline) -> Check:
        """Check whether the vault's events reach this app."""
        name, subject = "events", self._subject
        try:
            route = routes.find(self.vault, deadline)
        except SyncError as error:
            return subject.unchecked(name, f"{error.reason}: {error.message}")
        allowed = self.app.subscriptions
        if route.subscription is not None and allowed and route.subscription not in allowed:
            refused = (
                f"SubscriptionNotAllowed: it is in subscription {route.subscription}, of which "
                "SYNC_SUBSCRIPTIONS lets no event in."
            )
            ids = ",".join(sorted({*allowed, route.subscription}))
            return subject.warning(name, refused, remedies.setting("SYNC_SUBSCRIPTIONS", ids))
        if route.leads_here is None:
            return subject.unchecked(name, route.note)
        if not route.leads_here:
            return subject.warning(name, route.note, remedies.event_subscription(self.vault))
        return subject.ok(name, route.note)

    def read(self, login: Check, deadline: Deadline) -> VaultRead:
        """Check whether the vault can be listed and one of its secrets read."""
        subject = self._subject
        if not login.well:
            return VaultRead(subject.skipped("the log-in gets no token", "list", "read"))
        try:
            listed = self.vaults.list(self.vault, deadline)
        except SyncError as error:
            unlisted = subject.refused("list", error, remedies.of_vault(self.vault, error))
            return VaultRead([unlisted, *subject.skipped("the vault cannot be listed", "read")])
        enabled = [secret for secret in listed if secret.enabled]
        checks = [subject.ok("list", f"It lists {len(listed)} secret(s), {len(enabled)} enabled.")]
        faults = {each.name: each.fault for each in listed if each.fault is not None}
        if faults:
            sentence, reason = _named(faults)
            checks.append(subject.failed("entries", sentence, reason=reason))
        if not enabled:
            unproven = "It has no enabled secret: whether one could be read is not known."
            return VaultRead([*checks, subject.warning("read", unproven)])
        return VaultRead([*checks, self._read(enabled[0].name, deadline)], enabled)

    def _read(self, name: str, deadline: Deadline) -> Check:
        subject = self._subject
        try:
            served = not isinstance(self.vaults.get(self.vault, name, deadline), Unserved)
        except SyncError as error:
            return subject.refused("read", error, remedies.of_vault(self.vault, error))
        if not served:
            changing = f"Secret {name!r} is listed but not served: it has changed just now."
            return subject.warning("read", changing)
        return subject.ok("read", f"Secret {name!r} can be read.")

    def secrets(self, target: Target, deadline: Deadline, *, thoroughly: bool) -> Check:
        """Check what is refused: by the Secret's own record, or `thoroughly` by a rehearsal."""
        name, subject = "secrets", self._subject
        if not thoroughly:
            return self._recorded(target, deadline)
        left = deadline.remaining()
        (told,) = explained(self.app, [target], None, Budget(left, left))
        if isinstance(told, SyncError):
            return self._unread(told)
        refused = {
            SecretName(each.name): each.why
            for each in told
            if each.progress is Progress.FAILED and isinstance(each.why, SyncError)
        }
        if refused:
            sentence, reason = _named(refused)
            return subject.failed(name, sentence, reason=reason)
        waiting = [each for each in told if each.progress is Progress.WAITING]
        if waiting:
            return subject.warning(name, _waiting(waiting))
        out = [f"{each.name} ({each.why})" for each in told if each.progress is Progress.OUT]
        rest = f"; left out: {_list(out)}" if out else ""
        rest += _warned({each.name: [w.reason for w in each.warnings] for each in told})
        return subject.ok(name, f"{len(told) - len(out)} secret(s) are in step{rest}.")

    def _unread(self, error: SyncError) -> Check:
        """Return the check if vault or Secret cannot be read, which a check of theirs says."""
        if error.reason.remote is not None or error.reason is Reason.DEADLINE_EXCEEDED:
            return self._subject.unchecked("secrets", f"{error.reason}.")
        return self._subject.refused("secrets", error)

    def _recorded(self, target: Target, deadline: Deadline) -> Check:
        name, subject = "secrets", self._subject
        try:
            actual = self.app.reconciler.cluster.read(target, deadline)
        except SyncError as error:
            return self._unread(error)
        state = ObservedSecret.of(target, actual).state
        if state is None:
            return self._unwritten(target, deadline)
        refused: dict[SecretName, SyncError] = {
            secret: Permanent(each.reason, each.reason.meaning)
            for secret, each in state.refused.items()
        }
        if refused:
            sentence, reason = _named(refused)
            return subject.failed(name, sentence, reason=reason)
        if state.failure is not None:
            since, failure = moment(state.failure.since), state.failure.reason
            failed = f"{failure} since {since}: the last pass could not read the vault."
            return subject.failed(name, failed, reason=failure)
        rest = _warned({str(name): each.warnings for name, each in state.secrets.items()})
        return subject.ok(
            name, f"{len(state.secrets)} secret(s) are in, and none is refused{rest}."
        )

    def _unwritten(self, target: Target, deadline: Deadline) -> Check:
        try:
            awaited = self.app.reconciler.awaited(target, deadline)
        except SyncError as error:
            return self._unread(error)
        if not awaited:
            return self._subject.ok("secrets", "It has nothing to write.")
        unwritten = f"Nothing is written yet: {len(awaited)} secret(s) wait: {_list(awaited)}."
        return self._subject.warning("secrets", unwritten)


def _named(refused: Mapping[SecretName, SyncError]) -> tuple[str, Reason]:
    """Return a sentence about refused secrets, and the first one's reason."""
    names = sorted(refused)
    each = "; ".join(
        f"{name}: {refused[name].reason}: {refused[name].message}" for name in names[:_NAMED]
    )
    more = f"; and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} secret(s) are refused: {each}{more}", refused[names[0]].reason


def _warned(warnings: Mapping[str, Sequence[Reason]]) -> str:
    """Return the end of a sentence about secrets that something should be known of."""
    named = [f"{name} ({', '.join(each)})" for name, each in sorted(warnings.items()) if each]
    return f"; with a warning: {_list(named)}" if named else ""


def _waiting(waiting: Sequence[Explained]) -> str:
    due = next((each.due for each in waiting if each.due is not None), None)
    when = f"the timer's pass at {moment(due)}" if due else "an event or a pass"
    names = _list(each.name for each in waiting)
    return f"{len(waiting)} secret(s) wait for {when}: {names}."


def _list(names: Iterable[str]) -> str:
    named = list(names)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{', '.join(named[:_NAMED])}{more}"
