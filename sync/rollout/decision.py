"""Decides for one workload whether it is restarted, only remembers, or has to wait.

What decides is the difference between the counts of the keys that it reads and those that its
annotation remembers. So a restart that failed is made good by whoever looks next, and nobody
restarts anything twice for one change.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sync.core.errors import Permanent, SyncError, Transient
from sync.core.reasons import Reason
from sync.core.restarts import RestartRules
from sync.rollout.opting import RESTART_ANNOTATION, Reading, Secrets, choice, readings
from sync.rollout.pods import SKEW, all_newer, has_older
from sync.rollout.record import LARGEST_RECORD, Changed, Counts, Record, restarted_for
from sync.rollout.workloads import Kind, Pod, Workload, Write

_POLL = 3.0
"""Seconds until it is worth looking again whether another rollout is through."""

RECENT = 3600.0
"""Seconds for which a workload that is not ready after its deadline is thought to be so by us."""

_NAMED = 5  # how many keys a sentence names
_AHEAD = 60  # seconds by which a clock may be ahead, or a burst's counts


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for all workloads of one look: the time in epoch seconds, the settings, the pods.

    `pods` is None where they are not known. `open` says whether a restart may begin now.
    """

    now: float
    rules: RestartRules
    pods: Sequence[Pod] | None = None
    open: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What a workload's annotation is to remember, and for which changes it is restarted.

    Without `changed` it only remembers; `waited` says that this is because its pods seem to have
    waited for a key. With `error` nothing is written; `due` is when it is worth
    looking again, in epoch seconds, None for the next pass.
    """

    workload: Workload
    counts: Counts
    changed: tuple[Changed, ...] = ()
    error: SyncError | None = None
    due: float | None = None
    waited: bool = False

    @property
    def restarts(self) -> bool:
        """Whether the workload is restarted."""
        return bool(self.changed) and self.error is None

    def refused(self, error: SyncError, due: float | None = None) -> "Decision":
        """Return the decision to write nothing, and why."""
        return replace(self, error=error, due=due)

    def write(self, now: float) -> Write:
        """Return our annotations; whatever of ours is in the template stays if nothing restarts.

        An apply that left it out would remove it, and so restart the pods.
        """
        workload = self.workload
        at = int(now) if self.changed else workload.record.at if workload.record else 0
        record = Record(self.counts, at).text
        if workload.kind is Kind.ROLLOUT:
            return Write(record, None, self._restart_at)
        return Write(
            record, restarted_for(self.changed) if self.changed else workload.restarted_for
        )

    @property
    def _restart_at(self) -> str | None:
        """Return which pods an Argo Rollout restarts: those that were made before this time.

        Like the template's annotation it is made of the changes alone.
        """
        present = self.workload.restart_at
        if not self.changed:
            return present
        ours = datetime.fromtimestamp(self.changed[0].at + SKEW, UTC)
        return max(present or "", ours.strftime("%Y-%m-%dT%H:%M:%SZ"))


def decide(workload: Workload, secrets: Secrets, moment: Moment) -> Decision | None:
    """Return what to do with a workload; None if there is nothing to do.

    The order of other workloads is not considered: see `sync.rollout.sequence`.
    """
    chosen = choice(workload, moment.rules)
    found = list(readings(workload, chosen, secrets))
    if chosen.unread is not None and found:
        return Decision(workload, {}, error=_unread(workload))
    new = [each for each in found if each.opted and _is_new(each, workload)]
    if not new:
        return None
    changed = [_changed(each) for each in new if _restarts(each, workload, moment)]
    counts = _counts(workload, found, secrets, forgets=bool(changed))
    waited = any(_waited(each, workload) for each in new)
    decision = Decision(workload, counts, tuple(sorted(changed, reverse=True)), waited=waited)
    if len(decision.write(moment.now).record) > LARGEST_RECORD:
        decision = decision.refused(_too_large(workload))
    if not changed or decision.error is not None:
        return decision if changed or decision.error is None else None
    for error in _obstacles(workload, secrets, found, decision.changed, moment.rules):
        return decision.refused(error)
    return _postponed(decision, moment)


def needs_pods(decision: Decision | None) -> bool:
    """Return whether the pods may show that a restart is not needed, or that it is."""
    return decision is not None and (bool(decision.changed) or decision.waited)


def _is_new(reading: Reading, workload: Workload) -> bool:
    """Return whether the workload does not remember the present value.

    A count that is older than the remembered one is of a Secret that was read before: counts only
    grow.
    """
    if reading.count is None or not reading.there:
        return False
    known = workload.record.count(reading.secret, reading.key) if workload.record else None
    return known is None or known < reading.count.at


def _restarts(reading: Reading, workload: Workload, moment: Moment) -> bool:
    """Return whether pods of the workload run without the present value of a key."""
    assert reading.count is not None
    at = reading.count.at
    if not workload.replicas or workload.created > at or all_newer(workload, moment.pods, at):
        return False
    return not _waited(reading, workload) or has_older(workload, moment.pods, at)


def _waited(reading: Reading, workload: Workload) -> bool:
    """Return whether the workload's pods seem to have waited for a key, since it is new.

    A key is new as well in a Secret that was deleted and made anew. A workload that remembers
    nothing of it may then run with the value before: only its pods show that.
    """
    assert reading.count is not None
    known = workload.record.count(reading.secret, reading.key) if workload.record else None
    return known is None and reading.count.first and reading.needed


def _counts(
    workload: Workload, found: Iterable[Reading], secrets: Secrets, *, forgets: bool
) -> Counts:
    """Return what the workload is to remember, also of used Secrets that were not visited.

    A key that its Secret lacks may still be in running pods, so only a restart `forgets` it.
    """
    used = {use.secret for use in workload.uses}
    before = workload.record.counts if workload.record else {}
    counts = {
        secret: dict(keys)
        for secret, keys in before.items()
        if secret in used and not (forgets and secret in secrets)
    }
    for each in found:
        if each.opted and each.count is not None and each.there:
            known = before.get(each.secret, {}).get(each.key, 0)
            counts.setdefault(each.secret, {})[each.key] = max(each.count.at, known)
    return counts


def _changed(reading: Reading) -> Changed:
    assert reading.count is not None
    return Changed(reading.count.at, reading.secret, reading.key)


def _obstacles(
    workload: Workload,
    secrets: Secrets,
    found: Iterable[Reading],
    changed: Iterable[Changed],
    rules: RestartRules,
) -> Iterator[SyncError]:
    """Yield why a workload is not restarted until somebody acts."""
    if missing := [f"{each.secret}/{each.key}" for each in found if each.needed and not each.there]:
        yield lacks(workload, missing)
    kind, _, owner = workload.owner.partition("/")
    if workload.owner and rules.owners.isdisjoint({kind, kind.partition(".")[0]}):
        yield Permanent(
            Reason.WORKLOAD_OWNED,
            f"{workload} belongs to {kind} {owner}, which may revert what is written to it: "
            "restart it by that owner, or name its kind in SYNC_RESTART_OWNERS.",
        )
    if workload.obstacle is not None:
        reason = workload.obstacle
        yield Permanent(reason, f"{workload} is not restarted: {reason.meaning}")
    if frozen := sorted({each.secret for each in changed if secrets[each.secret].immutable}):
        yield Permanent(
            Reason.WORKLOAD_SECRET_IMMUTABLE,
            f"{workload} is not restarted, since Secret {', '.join(frozen)} is immutable: new pods "
            "might get its old values. Make it anew without immutable.",
        )


def lacks(workload: Workload, missing: Sequence[str]) -> Permanent:
    """Return why a workload is not restarted without keys, or Secrets, that it needs."""
    return Permanent(
        Reason.WORKLOAD_KEY_MISSING,
        f"{workload} is not restarted, since its pods would not start without "
        f"{_listed(missing)}: set the vault secret, or mark that use as optional.",
    )


def _postponed(decision: Decision, moment: Moment) -> Decision:
    """Return the decision to look again later, if it is too early now."""
    workload, rules, now = decision.workload, moment.rules, moment.now
    newest = decision.changed[0].at
    quiet = newest + rules.quiet
    if now < quiet < now + _AHEAD:
        return decision.refused(_waits(workload, "its values have just changed"), quiet)
    if _is_replaced_by_others(workload, moment) and now < newest + rules.deadline:
        return decision.refused(_waits(workload, "a rollout of it is under way"), now + _POLL)
    if not moment.open:
        return decision.refused(
            Transient(
                Reason.WORKLOAD_OUTSIDE_WINDOW,
                f"{workload} is restarted in the next window of SYNC_RESTART_WINDOWS.",
            )
        )
    return decision


def is_ours(workload: Workload, moment: Moment) -> bool:
    """Return whether a restart by us is under way, and in time."""
    at = _restarted(workload)
    return at > 0 and not workload.progress.complete and moment.now < at + moment.rules.deadline


def _is_replaced_by_others(workload: Workload, moment: Moment) -> bool:
    """Return whether a rollout is under way that is none of our restarts, as far as is known."""
    at = _restarted(workload)
    ours = 0 < at <= moment.now < at + moment.rules.deadline + RECENT
    return not workload.progress.replaced and not ours


def _restarted(workload: Workload) -> int:
    """Return when we last restarted a workload, in epoch seconds; 0 if we never did."""
    return workload.record.at if workload.record else 0


def waits_for(decision: Decision, other: Workload | None, now: float) -> Decision:
    """Return the decision to wait until another workload is through; None for any elsewhere."""
    first = str(other) if other else "as many as may be restarted at once in other namespaces"
    return decision.refused(_waits(decision.workload, f"{first} come first"), now + _POLL)


def _waits(workload: Workload, why: str) -> Transient:
    return Transient(Reason.WORKLOAD_WAITS, f"{workload} is restarted later: {why}.")


def _unread(workload: Workload) -> Permanent:
    return Permanent(
        Reason.WORKLOAD_UNREADABLE,
        f"{workload} is not restarted: its annotation {RESTART_ANNOTATION} is to be true, env or "
        "false.",
    )


def _too_large(workload: Workload) -> Permanent:
    return Permanent(
        Reason.WORKLOAD_TOO_LARGE,
        f"{workload} is not restarted: it reads more keys than its annotation has room for.",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
