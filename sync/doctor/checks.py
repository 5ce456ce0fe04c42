"""What the doctor tells: a check is one thing looked at, and the command that puts it right."""

from dataclasses import dataclass
from enum import StrEnum

from sync.core.errors import SyncError


class Verdict(StrEnum):
    """What a check came to; only OK and WARNING let the sync work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `remedy` is a command to run, and empty where none would help."""

    about: str
    name: str
    verdict: Verdict
    sentence: str
    remedy: str = ""

    @property
    def well(self) -> bool:
        """Whether the sync can work as far as this goes."""
        return self.verdict in {Verdict.OK, Verdict.WARNING}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a group of checks is about; each method makes one of its checks."""

    about: str

    def ok(self, name: str, sentence: str) -> Check:
        """Say that all is well."""
        return Check(self.about, name, Verdict.OK, sentence)

    def warning(self, name: str, sentence: str, remedy: str) -> Check:
        """Say what is not as it should be, though the sync can work."""
        return Check(self.about, name, Verdict.WARNING, sentence, remedy)

    def failed(self, name: str, sentence: str, remedy: str = "") -> Check:
        """Say what keeps the sync from working."""
        return Check(self.about, name, Verdict.FAILED, sentence, remedy)

    def refused(self, name: str, error: SyncError, remedy: str = "") -> Check:
        """Say what kept the check from being well: the sync would meet the same error.

        A remedy that the error's message names as well is told once.
        """
        message = error.message.replace(f": {remedy}", " as follows") if remedy else error.message
        return self.failed(name, f"{error.reason}: {message}", remedy)

    def skipped(self, because: str, *names: str) -> list[Check]:
        """Say which checks an earlier failure made pointless."""
        return [Check(self.about, name, Verdict.SKIPPED, f"because {because}.") for name in names]
