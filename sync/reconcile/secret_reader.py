"""Reads one secret of a vault, and rejects versions older than a known one and lagging answers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sync.core.errors import Permanent, Transient
from sync.core.model import Hint, ListedSecret, SecretName, Unserved, VaultSecret
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason
from sync.core.state import Record
from sync.projection.budget import ParseBudget
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import TAGGED, Rules
from sync.reconcile.observed import ObservedVault
from sync.reconcile.stand_ins import Newest, ahead, chosen, expired, notice
from sync.reconcile.survey import Fetched, Refused

SETTLED_SECONDS = 3
"""The minimum age of `updated` to be trusted: its second is over, with room for clock skew."""

FRESH_SECONDS = 60
"""How long after a change the vault may still return the previous state."""


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Reads secrets by the platform's rules; `now` returns epoch seconds.

    `budget` limits the total parsing work for their values.
    """

    vaults: Vaults
    now: Callable[[], float]
    rules: Rules
    budget: ParseBudget = field(default_factory=ParseBudget)

    def read(
        self,
        observed: ObservedVault,
        name: SecretName,
        hint: Hint | None,
        deadline: Deadline,
        *,
        is_listed: bool,
    ) -> Fetched | Excluded | Refused | Unserved:
        """Get a secret and make its keys; returns Refused if its tags or its value are wrong.

        `is_listed` says that the name is spelled as the vault lists it. Raises Permanent or
        Transient if the secret cannot be read.
        """
        secret = self.vaults.get(observed.target.vault, name, deadline)
        if hint is not None:
            self._refuse_lagging(observed, hint, secret, deadline)
        if isinstance(secret, Unserved):
            return secret
        self.refuse_older(observed, secret)
        spelled = name if is_listed else observed.spelling.get(name, secret.name)
        newest = ahead(secret.not_before, secret.updated, self.rules.validity, self.now())
        if newest is not None:
            return self.stand_in(observed, spelled, newest, deadline)
        if self.rules.validity.is_over(secret.expires, self.now()):
            return expired(secret.expires)
        return self._rendered(observed, spelled, secret)

    def stand_in(
        self, observed: ObservedVault, name: SecretName, newest: Newest, deadline: Deadline
    ) -> Fetched | Excluded | Refused | Unserved:
        """Get the version that stands in for a newest one that may not be used.

        Raises Permanent or Transient as `read` does.
        """
        vault = observed.target.vault
        record = observed.records.get(name)
        found = chosen(
            self.vaults.versions(vault, name, deadline),
            record.version if record else "",
            newest,
            self.rules.validity,
            self.now(),
        )
        if found.version is None:
            return newest.excluded(found.due)
        secret = self.vaults.get(vault, name, deadline, found.version.version)
        if isinstance(secret, Unserved):
            raise not_served_yet(name)
        rendered = self._rendered(observed, name, replace(secret, updated=newest.updated))
        if isinstance(rendered, Refused):
            return replace(rendered, due=found.due)
        if isinstance(rendered, Excluded):
            return rendered
        notices = (*rendered.warnings, notice(name, newest.why, found.due))
        warnings = tuple(sorted({*rendered.record.warnings, newest.why}))
        return replace(
            rendered,
            record=replace(rendered.record, warnings=warnings, due=found.due),
            warnings=notices,
        )

    def _rendered(
        self, observed: ObservedVault, spelled: SecretName, secret: VaultSecret
    ) -> Fetched | Excluded | Refused:
        """Make the keys of a version."""
        settled = self._is_settled(observed, secret)
        placement: Placement | None = None
        try:
            found = self.rules.place(observed.target, spelled, secret.tags, secret.content_type)
            if isinstance(found, Excluded):
                return found
            placement = found
            self._refuse_lost_tags(observed, secret, placement)
            rendered = self.rules.render(placement, secret, self.budget)
        except Permanent as error:
            # Tags are refused by a listing as well, which shows no version.
            version = secret.version if settled and placement is not None else ""
            return Refused(error, placement, secret.updated, version)
        return Fetched(
            spelled,
            placement,
            rendered.values,
            Record(
                secret.version,
                secret.updated,
                settled,
                tuple(sorted(rendered.values)),
                placement.fingerprint,
                tuple(sorted({each.reason for each in rendered.warnings})),
                placement.options.labels,
            ),
            rendered.warnings,
        )

    def refuse_older(self, observed: ObservedVault, secret: ListedSecret | VaultSecret) -> None:
        """Raise Transient if it is older than a record of the last minute: a replica lags."""
        record = observed.records.get(secret.name)
        if record and secret.updated < record.updated and self._is_fresh(record.updated):
            raise Transient(
                Reason.OLDER_VERSION_SERVED,
                f"The vault serves an older version of secret {secret.name!r} than the one in the "
                "Secret, which is less than a minute old: the vault lags, or somebody restored an "
                "older backup there. The first pass after that minute writes what is served then.",
            )

    def _is_settled(self, observed: ObservedVault, secret: VaultSecret) -> bool:
        """Return whether no other version of the same second can appear any more."""
        record = observed.records.get(secret.name)
        two_of_one_second = (
            record is not None
            and record.version != secret.version
            and record.updated == secret.updated
        )
        if two_of_one_second and self._is_fresh(secret.updated):
            return False  # a replica may lag: only the next read shows
        return secret.read_at - secret.updated >= SETTLED_SECONDS

    def _refuse_lost_tags(
        self, observed: ObservedVault, secret: VaultSecret, placement: Placement
    ) -> None:
        """Raise Permanent for a new version without the tags that shaped or placed the last one."""
        if not placement.tagged and _was_tagged(observed, secret):
            raise Permanent(
                Reason.TAGS_LOST,
                f"The new version of secret {secret.name!r} has none of the tags by which the "
                "previous one was synced: give it the same tags (each version has its own), or "
                "k8s-sync true if it is meant to be plain.",
            )

    def _refuse_lagging(
        self,
        observed: ObservedVault,
        hint: Hint,
        secret: VaultSecret | Unserved,
        deadline: Deadline,
    ) -> None:
        """Raise Transient if the vault has not caught up with the hint's event.

        If two versions were made in one second and the vault knows both, the served one is used:
        the event may as well be the older one's, arriving late. It is not settled, so the next pass
        reads it again.
        """
        if hint.at is None or not self._is_fresh(hint.at):
            return
        if secret is Unserved.MISSING:
            raise not_served_yet(hint.secret)
        if isinstance(secret, Unserved) or hint.version in {None, secret.version}:
            return
        if secret.created > int(hint.at):
            return
        announced = self.vaults.get(observed.target.vault, hint.secret, deadline, hint.version)
        if announced is Unserved.MISSING:
            raise _older_version(hint.secret)
        if isinstance(announced, VaultSecret) and announced.created > secret.created:
            raise _older_version(hint.secret)

    def _is_fresh(self, moment: float) -> bool:
        return abs(self.now() - moment) < FRESH_SECONDS


def _was_tagged(observed: ObservedVault, secret: VaultSecret) -> bool:
    """Return whether tags shaped or placed an earlier version, or would have."""
    record, state = observed.records.get(secret.name), observed.own.state
    if record is not None and record.version != secret.version:
        elsewhere = observed.home(secret.name) != {observed.target.secret}
        return elsewhere or record.fingerprint.startswith(TAGGED) or bool(record.labels)
    refusal = state.refused.get(secret.name) if state else None
    if record is not None or refusal is None or not refusal.tagged:
        return False
    if refusal.reason is Reason.TAGS_LOST:
        return True
    another = bool(refusal.version) and not secret.version.startswith(refusal.version)
    return another and refusal.reason is Reason.KEY_CLASH


def not_served_yet(name: SecretName) -> Transient:
    """Return the error for a secret that should exist but cannot be read yet."""
    return Transient(
        Reason.SECRET_NOT_SERVED_YET, f"The vault does not serve its secret {name!r} yet."
    )


def _older_version(name: SecretName) -> Transient:
    return Transient(
        Reason.OLDER_VERSION_SERVED,
        f"The vault still serves an older version of secret {name!r}.",
    )
