"""What one turn of a reconcile observed, and the desired contents that follow from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sync.core.changes import Change, Plan
from sync.core.errors import Permanent
from sync.core.model import SECRET_TYPE, SecretName
from sync.core.outcomes import LeftOut, Notice
from sync.core.ports import Pages, no_pages
from sync.core.reasons import Reason
from sync.core.state import Record
from sync.projection.placement import Excluded
from sync.projection.rules import Rules
from sync.reconcile.counts import counts_after, next_time
from sync.reconcile.desired import DesiredVault
from sync.reconcile.marks import Marks, asked_labels, asked_link
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.plan import diff
from sync.reconcile.stand_ins import notice
from sync.reconcile.survey import VaultSurvey


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn observed, and the desired contents that follow from it."""

    vault: ObservedVault
    survey: VaultSurvey
    desired: DesiredVault
    rules: Rules
    now: float
    pages: Pages = no_pages
    counting: bool = False

    def plan(self, observed: ObservedSecret) -> Plan:
        """Plan one Secret; raises Permanent for a write that the API server would refuse."""
        desired = self.desired.secrets[observed.target.secret]
        rules = self.rules.digest
        if self.survey.listed is None and observed.state is not None:
            rules = observed.state.rules  # the other keys are as other settings may have made them
        more = Marks(
            asked_labels(observed, desired.records, self.rules),
            asked_link(observed, self.rules, lambda: self.pages(observed.target.vault)),
        )
        at = next_time(observed.state, self.now) if self.counting else None
        counts = counts_after(observed, desired, at, self._silent if self.counting else ())
        time = self.now if at is None else at
        return diff(observed, replace(desired, counts=counts), time, rules, more)

    @property
    def _silent(self) -> frozenset[SecretName]:
        """The vault secrets that were read and whose tag says that nothing restarts for them."""
        placed = self.survey.placed.items()
        return frozenset(name for name, each in placed if each.options.restart is False)

    def in_order(self) -> Sequence[ObservedSecret]:
        """Return the Secrets in write order: the vault's own first, since it indexes the others."""
        own = self.vault.own
        others = sorted(self.vault.secrets.keys() - {own.target.secret})
        return [own, *(self.vault.secrets[secret] for secret in others)]

    def names_in(self, observed: ObservedSecret) -> frozenset[SecretName]:
        """Return the vault secrets of one Secret, observed and desired."""
        secret = observed.target.secret
        return frozenset({*observed.records, *self.desired.secrets[secret].records})

    def settings_differ(self, name: SecretName) -> Permanent | None:
        """Return the error if other settings wrote a Secret of this vault secret last."""
        errors = (
            observed.settings_differ(self.rules.digest)
            for observed in self.in_order()
            if name in self.names_in(observed)
        )
        return next(filter(None, errors), None)

    @property
    def takes_unrecorded(self) -> bool:
        """Whether a fetched secret would take a key of ours that no record claims.

        It may be another secret's last good value, and only a listing shows whose.
        """
        return any(
            not observed.unrecorded.isdisjoint(fetched.values)
            for secret, observed in self.vault.secrets.items()
            for fetched in self.survey.fetched.values()
            if secret in fetched.placement.secrets
        )

    def warnings(self) -> tuple[Notice, ...]:
        """Return what should be known of what is written, of values not fetched in short."""
        records = {
            name: record
            for desired in self.desired.secrets.values()
            for name, record in desired.records.items()
        }
        of_secrets = [
            notice for name, record in sorted(records.items()) for notice in self._of(name, record)
        ]
        other_rules = [
            Notice(error.reason, error.message)
            for observed in self.in_order()
            if (error := observed.settings_differ(self.rules.digest)) is not None
        ]
        return (*of_secrets, *other_rules)

    def _of(self, name: SecretName, record: Record) -> Iterable[Notice]:
        fetched = self.survey.fetched.get(name)
        if fetched is not None and fetched.record == record:
            return fetched.warnings
        return [notice(name, reason, record.due) for reason in record.warnings]

    def left_out(self, changes: Iterable[Change]) -> tuple[LeftOut, ...]:
        """Return the secrets that are left out and not told of otherwise: changed, or refused."""
        told = {*(SecretName(change.source) for change in changes), *self.desired.refused}
        verdicts = sorted(self.survey.verdicts.items())
        return tuple(
            LeftOut(name, verdict.reason)
            for name, verdict in verdicts
            if isinstance(verdict, Excluded) and name not in told
        )

    def blanked(self, observed: ObservedSecret) -> Notice | None:
        """Return the warning about a typed Secret that the write leaves without any value."""
        desired = self.desired.secrets[observed.target.secret]
        if desired.type == SECRET_TYPE or not observed.ours or desired.kept:
            return None
        return Notice(
            Reason.SECRET_BLANKED,
            f"Nothing is left for Secret {observed.target}, which is of type {desired.type} and "
            "may not lack its keys: they are empty now. Enable its vault secret, or delete it.",
        )
