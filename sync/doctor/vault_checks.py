"""Examines one vault: its coverage, its events, its listing and a secret."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.app.use_cases import App
from sync.core.errors import Permanent, SyncError
from sync.core.model import ListedSecret, Unserved, VaultName
from sync.core.ports import Deadline, Known, Vaults
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject
from sync.doctor.event_routes import EventRoutes
from sync.doctor.target_checks import named


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

    def nowhere(self) -> Iterator[Check]:
        """Yield why the vault leads to no Secret, if it does not."""
        try:
            self.app.naming.targets(self.vault)
        except Permanent as error:
            yield self._subject.refused("target", error)

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
            sentence, reason = named(faults)
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
