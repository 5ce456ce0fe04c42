"""The doctor's checks: one thing examined, its verdict, and the command that fixes it."""

from dataclasses import dataclass
from enum import StrEnum

from sync.core.errors import SyncError


class Verdict(StrEnum):
    """The verdict of a check; only OK and WARNING let the sync work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing examined; `remedy` is a command to run, empty if none would help."""

    about: str
    name: str
    verdict: Verdict
    sentence: str
    remedy: str = ""

    @property
    def well(self) -> bool:
        """Whether this check lets the sync work."""
        return self.verdict in {Verdict.OK, Verdict.WARNING}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a group of checks is about; each method returns one of its checks."""

    about: str

    def ok(self, name: str, sentence: str) -> Check:
        """Report that all is well."""
        return Check(self.about, name, Verdict.OK, sentence)

    def warning(self, name: str, sentence: str, remedy: str) -> Check:
        """Report what is wrong, although the sync can work."""
        return Check(self.about, name, Verdict.WARNING, sentence, remedy)

    def failed(self, name: str, sentence: str, remedy: str = "") -> Check:
        """Report what prevents the sync from working."""
        return Check(self.about, name, Verdict.FAILED, sentence, remedy)

    def refused(self, name: str, error: SyncError, remedy: str = "") -> Check:
        """Report an error that made the check fail: the sync would meet the same error.

        Leaves out a remedy that the error's message already contains.
        """
        message = error.message.replace(f": {remedy}", " as follows") if remedy else error.message
        return self.failed(name, f"{error.reason}: {message}", remedy)

    def skipped(self, because: str, *names: str) -> list[Check]:
        """Report the checks that an earlier failure made pointless."""
        return [Check(self.about, name, Verdict.SKIPPED, f"because {because}.") for name in names]
