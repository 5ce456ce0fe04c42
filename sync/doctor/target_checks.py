"""Examines one target of a vault: who else leads to its Secret, and which secrets are refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.app.explain import Explained, Progress, explained
from sync.app.registry import Claims
from sync.app.use_cases import App, Budget
from sync.core.errors import Permanent, SyncError
from sync.core.model import SecretName, Target, moment
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.checks import Check, Subject
from sync.reconcile.observed import ObservedSecret

_NAMED = 5  # how many secrets a sentence names


@dataclass(frozen=True, slots=True)
class TargetExamination:
    """The examination of a target; it is named beside its vault if that has several."""

    app: App
    target: Target

    @property
    def subject(self) -> Subject:
        """What the checks are about."""
        vault = self.target.vault
        if self.target.application is None and len(self.app.naming.targets(vault)) == 1:
            return Subject(f"vault {vault}")
        return Subject(f"vault {vault} ({self.target.namespace}/{self.target.secret})")

    def place(self, contests: Claims) -> Check:
        """Check that no other vault leads to the same Secret."""
        target = self.target
        if rivals := sorted(contests[target.parent.place] - {target.vault}):
            contest = (
                f"TargetContested: {', '.join(map(str, rivals))} leads to Secret {target} as well. "
                "Rename one of the vaults, or tell them apart in SYNC_NAMESPACE, SYNC_CLUSTERS or "
                "SYNC_PLACEMENTS."
            )
            return self.subject.failed("target", contest, reason=Reason.TARGET_CONTESTED)
        whose = "It" if target.application is None else f"Application {target.application}"
        return self.subject.ok("target", f"{whose} is kept in Secret {target}.")

    def secrets(self, deadline: Deadline, *, thoroughly: bool) -> Check:
        """Check what is refused: by the Secret's own record, or `thoroughly` by a rehearsal."""
        name, subject = "secrets", self.subject
        if not thoroughly:
            return self._recorded(deadline)
        left = deadline.remaining()
        (told,) = explained(self.app, [self.target], None, Budget(left, left))
        if isinstance(told, SyncError):
            return self._unread(told)
        refused = {
            SecretName(each.name): each.why
            for each in told
            if each.progress is Progress.FAILED and isinstance(each.why, SyncError)
        }
        if refused:
            sentence, reason = named(refused)
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
            return self.subject.unchecked("secrets", f"{error.reason}.")
        return self.subject.refused("secrets", error)

    def _recorded(self, deadline: Deadline) -> Check:
        name, subject = "secrets", self.subject
        try:
            actual = self.app.reconciler.cluster.read(self.target, deadline)
        except SyncError as error:
            return self._unread(error)
        state = ObservedSecret.of(self.target, actual).state
        if state is None:
            return self._unwritten(deadline)
        refused: dict[SecretName, SyncError] = {
            secret: Permanent(each.reason, each.reason.meaning)
            for secret, each in state.refused.items()
        }
        if refused:
            sentence, reason = named(refused)
            return subject.failed(name, sentence, reason=reason)
        if state.failure is not None:
            since, failure = moment(state.failure.since), state.failure.reason
            failed = f"{failure} since {since}: the last pass could not read the vault."
            return subject.failed(name, failed, reason=failure)
        rest = _warned({str(name): each.warnings for name, each in state.secrets.items()})
        return subject.ok(
            name, f"{len(state.secrets)} secret(s) are in, and none is refused{rest}."
        )

    def _unwritten(self, deadline: Deadline) -> Check:
        try:
            awaited = self.app.reconciler.awaited(self.target, deadline)
        except SyncError as error:
            return self._unread(error)
        if not awaited:
            return self.subject.ok("secrets", "It has nothing to write.")
        unwritten = f"Nothing is written yet: {len(awaited)} secret(s) wait: {_list(awaited)}."
        return self.subject.warning("secrets", unwritten)


def named(refused: Mapping[SecretName, SyncError]) -> tuple[str, Reason]:
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
