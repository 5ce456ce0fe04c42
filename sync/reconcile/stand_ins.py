"""Decides which version stands in for a newest one that may not be used.

The newest version is not valid yet, or it is a certificate's that is disabled: Key Vault lists the
secret of a certificate so while its next version waits for an authority.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sync.core.model import ListedSecret, ListedVersion, Notice, SecretName, moment
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

    def notice(self, name: SecretName) -> Notice:
        """Return the warning about the version that stands in."""
        return notice(name, self.why, self.until)

    @property
    def excluded(self) -> Excluded:
        """The verdict if no version can stand in."""
        if not self.until:
            return DISABLED
        return Excluded(f"it is not valid before {moment(self.until)}", self.until)


def notice(name: SecretName, why: Reason, until: int) -> Notice:
    """Return the warning about a version that stands in; `until` as in `Newest`."""
    if not until:
        return Notice(why, why.meaning, str(name))
    message = (
        f"The newest version of secret {name!r} is not valid before {moment(until)}. The version "
        "in the Secret stays until then."
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


def is_standing(observed: ObservedVault, name: SecretName, newest: Newest) -> bool:
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
        stands_in = (record.updated, record.due) == (newest.updated, newest.until)
        if not (stands_in and record.settled and newest.why in record.warnings):
            return False
    return True


def chosen(
    versions: Iterable[ListedVersion], held: str, newest: Newest, validity: Validity, now: float
) -> ListedVersion | None:
    """Return the version that stands in: the newest one that may be used, None without one.

    `held` is the version in the Secret, empty if there is none. It is not replaced by an older one
    only because its own `nbf` was moved ahead.
    """
    enabled = {each.version: each for each in versions if each.enabled}
    usable = {
        version: each
        for version, each in enabled.items()
        if not validity.is_ahead(each.not_before, now) and not validity.is_over(each.expires, now)
    }
    if newest.until and held in enabled:
        usable[held] = enabled[held]
    return max(usable.values(), key=lambda each: (each.created, each.version == held), default=None)
