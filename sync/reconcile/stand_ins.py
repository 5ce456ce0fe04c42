"""Decides which version stands in for a newest one that may not be used.

The newest version is not valid yet, or it is a certificate's that is disabled: Key Vault lists the
secret of a certificate so while its next version waits for an authority.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sync.core.model import ListedSecret, ListedVersion, SecretName, moment
from sync.core.outcomes import Notice
from sync.core.reasons import Reason
from sync.core.state import LATEST
from sync.projection.placement import Excluded
from sync.projection.validity import Validity
from sync.reconcile.observed import ObservedVault

DISABLED = Excluded("it is disabled")


@dataclass(frozen=True, slots=True)
class Newest:
    """A newest version that may not be used: when it was updated, and why it waits.

    Times are epoch seconds; `until` is when it becomes valid, 0 if no time is known.
    """

    updated: int
    why: Reason
    until: int = 0

    def excluded(self, due: int) -> Excluded:
        """Return the verdict if no version can stand in before `due`, 0 if no time is known."""
        return Excluded(f"it is not valid before {moment(due)}", due) if due else DISABLED


@dataclass(frozen=True, slots=True)
class Choice:
    """The version that stands in, None without one, and when another one may, 0 if never."""

    version: ListedVersion | None
    due: int


def notice(name: SecretName, why: Reason, due: int) -> Notice:
    """Return the warning about a version that stands in until `due`, 0 if no time is known."""
    if why is not Reason.NOT_VALID_YET:
        return Notice(why, why.meaning, str(name))
    message = (
        f"A newer version of secret {name!r} is not valid before {moment(due)}. The version in the "
        "Secret stays until then."
    )
    return Notice(why, message, str(name))


def barred(secret: ListedSecret, validity: Validity, now: float) -> Newest | None:
    """Return the newest version of a listed secret if another one has to stand in."""
    if secret.fault is not None:
        return None
    if secret.managed and not secret.enabled:
        return Newest(secret.updated, Reason.CERTIFICATE_PENDING)
    return ahead(secret.not_before, secret.updated, validity, now) if secret.enabled else None


def ahead(not_before: int | None, updated: int, validity: Validity, now: float) -> Newest | None:
    """Return a newest version that is not valid yet."""
    if not_before is None or not validity.is_ahead(not_before, now):
        return None
    return Newest(updated, Reason.NOT_VALID_YET, min(not_before, LATEST))


def expired(expires: int | None) -> Excluded:
    """Return the verdict on a version whose time is over."""
    return Excluded(f"it expired at {moment(expires or 0)}")


def is_standing(observed: ObservedVault, name: SecretName, newest: Newest, now: float) -> bool:
    """Return whether a version stands in already, in every Secret that it belongs in.

    Under other settings than the last pass had, it may belong elsewhere.
    """
    if name not in observed.homes:
        return False
    for secret in observed.home(name):
        there = observed.secrets.get(secret)
        record = there.records.get(name) if there else None
        if there is None or record is None or not there.intact.issuperset(record.keys):
            return False
        in_time = record.due > now or (not record.due and not newest.until)
        if not (in_time and record.settled and record.updated == newest.updated):
            return False
    return True


def chosen(
    versions: Iterable[ListedVersion], held: str, newest: Newest, validity: Validity, now: float
) -> Choice:
    """Choose the newest version that may be used, and tell when that may change by time alone.

    `held` is the version in the Secret, empty if there is none. It is not replaced by an older one
    only because its own `nbf` was moved ahead.
    """
    enabled = [
        each for each in versions if each.enabled and not validity.is_over(each.expires, now)
    ]
    usable = [
        each
        for each in enabled
        if not validity.is_ahead(each.not_before, now) or (newest.until and each.version == held)
    ]
    found = max(usable, key=lambda each: (each.created, each.version == held), default=None)
    times = [newest.until] if newest.until else []
    times += [
        each.not_before
        for each in enabled
        if each.not_before is not None
        and validity.is_ahead(each.not_before, now)
        and (found is None or (each is not found and each.created >= found.created))
    ]
    expires = None if found is None else found.expires
    if expires is not None and expires > now and validity.removes_expired:
        times.append(expires)
    return Choice(found, min([*times, LATEST]) if times else 0)
