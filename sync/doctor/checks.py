"""The doctor's checks: what each examines, its verdict, and the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum

from sync.core.errors import SyncError
from sync.core.reasons import Reason
from sync.doctor.vault_resources import VaultResource

PAGE = "docs/outcomes.md"


class Verdict(StrEnum):
    """The result of a check; FAILED keeps the sync from working."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Severity(StrEnum):
    """What a check that does not hold means for the sync."""

    ERROR = "error"
    WARNING = "warning"


CHECKS = {
    "settings-parse": (Severity.ERROR, "Every setting has a value that it can have."),
    "settings-events": (Severity.WARNING, "`SYNC_SUBSCRIPTIONS` lets events in."),
    "settings-vaults": (Severity.WARNING, "Vaults are known, by `SYNC_VAULTS` or a search."),
    "settings-names": (Severity.ERROR, "Each name in `SYNC_VAULTS` matches the pattern."),
    "settings-clusters": (Severity.ERROR, "`SYNC_CLUSTERS` can be read."),
    "settings-log-in": (Severity.ERROR, "The identity gets a token for Key Vault."),
    "vault-known": (
        Severity.WARNING,
        "Passes cover the vault. Without one, what has no event stays unnoticed.",
    ),
    "vault-target": (Severity.ERROR, "The vault leads to a Secret, and no other vault to it."),
    "vault-applications": (
        Severity.ERROR,
        "The [applications](applications.md) that list the vault's secrets can be listed.",
    ),
    "vault-events": (
        Severity.WARNING,
        "Events of the vault reach this app. Without them a change waits for the timer.",
    ),
    "vault-permissions": (
        Severity.WARNING,
        (
            "What decides who may read the vault's secrets is known: Azure RBAC, where a role "
            "grants it, or access policies, where only an entry in the vault's own list does."
        ),
    ),
    "vault-recovery": (
        Severity.WARNING,
        (
            "The vault has soft delete and purge protection. Without them a secret, or the whole "
            "vault, can be lost for good; the keys in the cluster are no backup of it."
        ),
    ),
    "vault-network": (Severity.WARNING, "Whose calls reach the vault is known."),
    "vault-audit": (
        Severity.WARNING,
        (
            "A diagnostic setting passes the vault's audit events on. Without one nobody can tell "
            "afterwards who read a secret."
        ),
    ),
    "vault-list": (Severity.ERROR, "The vault can be listed."),
    "vault-entries": (Severity.ERROR, "Each entry of the listing can be read."),
    "vault-read": (Severity.ERROR, "A secret of the vault can be read."),
    "vault-secrets": (Severity.ERROR, "No secret of the vault is refused."),
    "cluster-answers": (Severity.ERROR, "The API server answers, and takes our log-in."),
    "secret-namespace": (Severity.ERROR, "The Secret's namespace exists."),
    "secret-may-get": (Severity.ERROR, "The app may read the Secret."),
    "secret-may-create": (Severity.ERROR, "The app may create the Secret."),
    "secret-may-patch": (Severity.ERROR, "The app may change the Secret."),
    "secret-no-more-rights": (Severity.WARNING, "The app has no rights that it never needs."),
    "secret-may-restart": (
        Severity.WARNING,
        (
            "With `SYNC_RESTART` the app may list and change the workloads of the namespace. "
            "Without that right it restarts none there."
        ),
    ),
    "secret-owner": (Severity.ERROR, "The Secret is the app's, or nobody's."),
    "secret-settings": (Severity.WARNING, "No app with other settings wrote the Secret last."),
}
"""By id: what it means if a check does not hold, and what holds if it does."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing examined; `remedy` is the command that mends it, empty if there is none.

    `reason` is the error behind it, if there is one. One check of each vault carries the vault's
    name and what Resource Manager shows of it.
    """

    about: str
    name: str
    verdict: Verdict
    sentence: str
    remedy: str = ""
    reason: Reason | None = None
    vault: str = ""
    resource: VaultResource | None = None

    @property
    def well(self) -> bool:
        """Whether the sync can work as far as this check is concerned."""
        return self.verdict is not Verdict.FAILED

    @property
    def id(self) -> str:
        """A stable word for what is examined, whichever vault, cluster or Secret it is of."""
        kind, _, _ = self.about.partition(" ")
        return f"{kind.lower()}-{self.name.replace(' ', '-')}"

    @property
    def severity(self) -> Severity:
        """What it means for the sync if the check does not hold."""
        severity, _ = CHECKS[self.id]
        return severity

    @property
    def link(self) -> str:
        """The heading that explains it: of the error behind it, or of the check."""
        return f"{PAGE}#{self.reason.lower() if self.reason else self.id}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a group of checks is about; each method makes one of its checks."""

    about: str

    def ok(self, name: str, sentence: str) -> Check:
        """Return a passed check."""
        return Check(self.about, name, Verdict.OK, sentence)

    def warning(
        self, name: str, sentence: str, remedy: str = "", reason: Reason | None = None
    ) -> Check:
        """Return a warning: something is odd, though the sync can work."""
        return Check(self.about, name, Verdict.WARNING, sentence, remedy, reason)

    def failed(
        self, name: str, sentence: str, remedy: str = "", reason: Reason | None = None
    ) -> Check:
        """Return a failed check: this keeps the sync from working."""
        return Check(self.about, name, Verdict.FAILED, sentence, remedy, reason)

    def refused(self, name: str, error: SyncError, remedy: str = "") -> Check:
        """Return a check that an error kept from passing: the sync would meet the same error.

        A remedy that is part of the error's message is shown once. If only the time was over,
        nothing is known of it.
        """
        if error.reason is Reason.DEADLINE_EXCEEDED:
            return self.unchecked(name, "time.")
        message = error.message.replace(f": {remedy}", " as follows") if remedy else error.message
        return self.failed(name, f"{error.reason}: {message}", remedy, error.reason)

    def skipped(self, because: str, *names: str) -> list[Check]:
        """Return the checks that an earlier failure made pointless."""
        return [Check(self.about, name, Verdict.SKIPPED, f"because {because}.") for name in names]

    def unchecked(self, name: str, why: str) -> Check:
        """Return a check that could not be made."""
        return Check(self.about, name, Verdict.SKIPPED, f"not checked: {why}")
