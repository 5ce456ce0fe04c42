"""One log line for what became of an event, a vault or a pass: names and versions, never values."""

import logging

from sync.errors import NotOurs, Permanent, SyncError, Unexpected
from sync.model import Converged, Failed, Ignored, Outcome

_LOG = logging.getLogger("keyvault-sync")
_NAMED = 20  # how many changes a line names
_OPERATORS_CONCERN = frozenset({"SubscriptionsUnset", "SecretNearExpiry", "SecretExpired"})


def quiet_sdks() -> None:
    """Keep the Azure SDK from logging each request, which costs time and tells nothing."""
    logging.getLogger("azure").setLevel(logging.WARNING)


def log_outcome(trigger: str, outcome: Outcome) -> None:
    """Log one outcome: quiet ones at debug, failures that need somebody at error."""
    match outcome:
        case Converged(target, changes, keys, expired, dry_run):
            named = ", ".join(f"{c.act} {c.key} {c.version}".rstrip() for c in changes[:_NAMED])
            more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
            _LOG.log(
                logging.INFO if changes else logging.DEBUG,
                "%s: %s %s %s (%d keys): %s%s",
                trigger,
                target,
                "compared with" if dry_run else "in step with",
                target.vault,
                keys,
                named or "no change",
                more,
            )
            if expired:
                _LOG.warning(
                    "%s: vault %s holds expired secrets: %s",
                    trigger,
                    target.vault,
                    ", ".join(expired),
                )
        case Failed(vault, error):
            _LOG.log(_level(error), "%s: %s: %s: %s", trigger, vault, error.reason, error.message)
        case Ignored(subject, error):
            _LOG.log(_level(error), "%s: %s: %s: %s", trigger, subject, error.reason, error.message)


def log_pass(trigger: str, outcomes: list[Outcome]) -> None:
    """Log a pass: each outcome, then one line that counts them."""
    for outcome in outcomes:
        log_outcome(trigger, outcome)
    failed = sum(not isinstance(outcome, Converged) for outcome in outcomes)
    _LOG.info("%s: %d vaults, %d of them failed", trigger, len(outcomes), failed)


def log_settings_fault(fault: Exception) -> None:
    """Log why the app cannot work at all."""
    _LOG.error("The app's settings are wrong. %s", fault)


def _level(error: SyncError) -> int:
    if isinstance(error, NotOurs):
        return logging.WARNING if error.reason in _OPERATORS_CONCERN else logging.INFO
    return logging.ERROR if isinstance(error, Permanent | Unexpected) else logging.WARNING
