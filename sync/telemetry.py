"""One log line for what became of an event, a vault or a pass: names and versions, never values."""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Sized
from threading import Lock

from sync.app.outcomes import DISCOVERY, key_of
from sync.core.changes import Action
from sync.core.errors import NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.core.model import Target
from sync.core.outcomes import Converged, Failed, Ignored, Outcome
from sync.core.reasons import Reason
from sync.core.restarts import Restart
from sync.doctor.checks import Check, Verdict

_LOG = logging.getLogger("keyvault-sync")
_NAMED = 20  # how many changes or warnings a line names
_OPERATORS_CONCERN = frozenset(
    {
        Reason.SUBSCRIPTIONS_UNSET,
        Reason.SUBSCRIPTION_NOT_ALLOWED,
        Reason.VAULT_NAME_OFF_PATTERN,
        Reason.SECRET_NEAR_EXPIRY,
        Reason.SECRET_EXPIRED,
        Reason.CERTIFICATE_NEAR_EXPIRY,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CALLER_UNKNOWN,
    }
)
_CAUSES = 100  # of one reason, which are a few dozen: whoever varies names fills no log
_OF_A_CAUSE = 10  # nor does whoever repeats one, and each of a few is seen
_REPEATS = 100  # of all causes of one reason
_LATE_SECONDS = 120.0
_FORGET_SECONDS = 3600.0
_REPORT_SECONDS = 300.0


def quiet_sdks() -> None:
    """Keep the Azure SDK from logging each request, which costs time and tells nothing.

    When azure-identity fails to get a token, it logs the whole response, which may contain one;
    OAuth's libraries log all that they send; of an answer whose head is damaged urllib3 logs what
    it could not read. What failed is in our own words only.
    """
    logging.getLogger("azure").setLevel(logging.WARNING)
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    for library in ("azure.identity", "msal", "oauthlib", "requests_oauthlib"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def log_outcome(trigger: str, outcome: Outcome) -> None:
    """Log one outcome: quiet ones at debug, failures that need somebody at error."""
    match outcome:
        case Converged(target, expired=expired):
            _log_converged(trigger, outcome)
            if expired:
                _LOG.warning("%s: %s", trigger, _expired(target, expired))
        case Failed(subject, error) | Ignored(subject, error):
            about = trigger if subject == trigger else f"{trigger}: {subject}"
            _LOG.log(_level(error), "%s: %s: %s", about, error.reason, error.message)
            if isinstance(outcome, Failed):
                _log_refused(about, outcome)


def _log_refused(about: str, failed: Failed) -> None:
    """Log each refused secret, if the sum of them does not say all."""
    if len(failed.refused) < 2:  # noqa: PLR2004 - of one the sum says all
        return
    for name in sorted(failed.refused)[:_NAMED]:
        error = failed.refused[name]
        _LOG.log(_level(error), "%s/%s: %s: %s", about, name, error.reason, error.message)


def _log_converged(trigger: str, outcome: Converged) -> None:
    target, changes = outcome.target, outcome.changes
    named = (
        f"{c.action} {key_of(c)} {c.version}".rstrip() + (f" ({c.why})" if c.why else "")
        for c in changes[:_NAMED]
    )
    _LOG.log(
        logging.INFO if changes else logging.DEBUG,
        "%s: %s %s %s (%d keys): %s%s",
        trigger,
        target,
        "compared with" if outcome.dry_run else "in step with",
        target.vault,
        outcome.keys,
        ", ".join(named) or "no change",
        _more(changes),
    )


def _expired(target: Target, names: Iterable[str]) -> str:
    return f"vault {target.vault} holds expired secrets: {', '.join(names)}"


def _more(named: Sized) -> str:
    return f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""


def log_pass(trigger: str, outcomes: list[Outcome]) -> None:
    """Log a pass: each outcome, with what is odd of its vault, then one line that counts them."""
    for outcome in outcomes:
        log_passed(trigger, outcome)
    log_sum(trigger, outcomes)


def log_passed(trigger: str, outcome: Outcome) -> None:
    """Log one outcome of a pass, with what is odd of its vault."""
    log_outcome(trigger, outcome)
    match outcome:
        case Converged(target, warnings=(_, *_) as warnings):
            told = " ".join(f"{each.reason}: {each.message}" for each in warnings[:_NAMED])
            _LOG.warning("%s: vault %s: %s%s", trigger, target.vault, told, _more(warnings))


def log_sum(trigger: str, outcomes: Sequence[Outcome]) -> None:
    """Log the line that counts the vaults of a pass."""
    failed = list(
        dict.fromkeys(  # a vault may have several targets
            (each.vault if isinstance(each, Failed) else each.subject, each.error.reason)
            for each in outcomes
            if not isinstance(each, Converged)
            and not (isinstance(each, Failed) and each.vault == DISCOVERY)
        )
    )
    bad = {vault for vault, _ in failed}
    vaults = bad.union(each.target.vault.text for each in outcomes if isinstance(each, Converged))
    named = ", ".join(f"{vault} {reason}" for vault, reason in failed[:_NAMED])
    more = f": {named}{_more(failed)}. keyvault-sync explain VAULT tells more." if failed else ""
    _LOG.info("%s: %d vaults, %d of them failed%s", trigger, len(vaults), len(bad), more)


def log_unannounced(outcomes: Iterable[Outcome], now: float) -> None:
    """Warn of each vault whose changes a pass has found minutes after they were made.

    Events bring a change within seconds, so none came. A Secret that is new has no history to tell
    by. `now` is epoch seconds.
    """
    for outcome in outcomes:
        if not isinstance(outcome, Converged) or len(outcome.changes) == outcome.keys:
            continue
        late = [
            change
            for change in outcome.changes
            if change.action in {Action.CREATE, Action.UPDATE}
            and 0 < change.updated < now - _LATE_SECONDS
        ]
        if late:
            vault = outcome.target.vault
            _LOG.warning(
                "timer: vault %s: %d key(s) changed over two minutes ago, and no event brought "
                "them: "
                "keyvault-sync doctor %s shows whether its events reach this app.",
                vault,
                len(late),
                vault,
            )


def log_status(trigger: str, failures: list[SyncError | None]) -> None:
    """Log who asked for the status, with an error or None for each entry of it."""
    failed = sum(error is not None for error in failures)
    _LOG.info("%s: %d told, %d of them failed", trigger, len(failures), failed)


def log_checks(trigger: str, checks: Iterable[Check]) -> None:
    """Log who asked for an examination, and what does not hold."""
    bad = [f"{each.about}: {each.name}" for each in checks if each.verdict is Verdict.FAILED]
    _LOG.info("%s: %d failed%s%s", trigger, len(bad), ": " if bad else "", ", ".join(bad[:_NAMED]))


class Failures:
    """What comes of events and of strangers' calls: a cause is logged some times an hour.

    Anybody who can send events, or make a vault, can cause most failures as often as they like. So
    a cause, which is a reason with its subject and message, is logged ten times an hour and from
    then on only counted. Passes, and what operators ask for, are logged whole by `log_pass`.
    `clock` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._logged: dict[str, Counter[tuple[str, str]]] = {}
        self._counts: Counter[str] = Counter()
        self._forgotten = self._reported = clock()

    def log(self, trigger: str, outcome: Outcome) -> None:
        """Log an outcome, unless it is a failure of a cause that was logged often enough."""
        match outcome:
            case Converged(target, expired=expired):
                _log_converged(trigger, outcome)
                text = _expired(target, expired)
                if expired and self._is_logged(Reason.SECRET_EXPIRED, target.vault.text, text):
                    _LOG.warning("%s: %s", trigger, text)
                changed = {"", *(change.source for change in outcome.changes)}
                for each in outcome.warnings:  # of the others a pass tells
                    vault = target.vault.text
                    new = each.source in changed
                    if new and self._is_logged(each.reason, vault, each.message):
                        _LOG.warning(
                            "%s: vault %s: %s: %s", trigger, vault, each.reason, each.message
                        )
            case Ignored(subject, error) | Failed(subject, error):
                with self._lock:
                    self._counts[error.reason] += 1
                if self._is_logged(error.reason, subject, error.message):
                    log_outcome(trigger, outcome)
                if self._clock() >= self._reported + _REPORT_SECONDS:
                    self.report(trigger)

    def log_restart(self, trigger: str, restart: Restart) -> None:
        """Log a restart, or why there is none, unless that was logged often enough."""
        error, keys = restart.error, restart.keys
        if error is None:
            named = f"{', '.join(keys[:_NAMED])}{_more(keys)}"
            _LOG.info("%s: restarted %s, which reads %s", trigger, restart, named)
        elif self._is_logged(error.reason, str(restart), error.message):
            level = logging.INFO if isinstance(error, Transient) else logging.WARNING
            _LOG.log(level, "%s: %s: %s", trigger, error.reason, error.message)

    def report(self, trigger: str) -> None:
        """Log how many failures there were since the last report, if any."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            full = {r for r, logged in self._logged.items() if len(logged) >= _CAUSES}
            seconds, self._reported = self._clock() - self._reported, self._clock()
        if counts:
            _LOG.info(
                "%s: %s failed or refused in the last %.0f s: %s",
                trigger,
                f"{counts.total():,}",
                seconds,
                ", ".join(
                    f"{reason} {count:,}{' (not all causes are logged)' if reason in full else ''}"
                    for reason, count in counts.most_common()
                ),
            )

    def _is_logged(self, reason: str, subject: str, message: str) -> bool:
        """Tell whether a cause has a line once more, and count that."""
        with self._lock:
            if self._clock() >= self._forgotten + _FORGET_SECONDS:
                self._logged.clear()
                self._forgotten = self._clock()
            logged = self._logged.setdefault(reason, Counter())
            cause = (subject, message)
            repeats = logged.total() - len(logged)
            if cause in logged:
                due = logged[cause] < _OF_A_CAUSE and repeats < _REPEATS
            else:
                due = len(logged) < _CAUSES
            if due:
                logged[cause] += 1
            return due


def print_settings_fault(fault: Exception) -> None:
    """Say on stderr why the app cannot work at all, in one line.

    This is for the time of indexing, which is outside of any invocation: the Functions host drops
    what is logged then, and passes on what is printed.
    """
    sys.stderr.write(f"The app's settings are wrong. {' '.join(str(fault).split())}\n")
    sys.stderr.flush()


def _level(error: SyncError) -> int:
    if isinstance(error, NotOurs):
        return logging.WARNING if error.reason in _OPERATORS_CONCERN else logging.INFO
    return logging.ERROR if isinstance(error, Permanent | Unexpected) else logging.WARNING
