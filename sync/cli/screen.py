"""Where the command line's answers, failures and questions go."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from sync.cli.arguments import Command
from sync.core.errors import SyncError


@dataclass(frozen=True, slots=True)
class Screen:
    """Where an answer goes: to `out` as tables of that width or as JSON; failures go to `err`."""

    out: TextIO
    err: TextIO
    width: int
    tables: bool
    progress: bool
    typed: TextIO | None = None
    """What somebody types who sees the tables and the questions; None where nobody does."""

    @classmethod
    def of_process(cls, command: Command) -> "Screen":
        """Look at what this process's streams are; a log leaves no room for progress."""
        return cls(
            out=sys.stdout,
            err=sys.stderr,
            width=shutil.get_terminal_size().columns,
            tables=sys.stdout.isatty() and not command.json,
            progress=sys.stderr.isatty() and not command.verbose,
            typed=sys.stdin if sys.stdin.isatty() and sys.stderr.isatty() else None,
        )

    def follow[T](self, steps: Iterable[T], total: int) -> list[T]:
        """Collect the steps, and keep one line that says how far they are."""
        collected: list[T] = []
        self._overwrite(f"0/{total} vaults...")
        try:
            for step in steps:
                collected.append(step)
                self._overwrite(f"{len(collected)}/{total} vaults...")
        finally:
            self._overwrite(" " * len(f"{total}/{total} vaults...") + "\r")
        return collected

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        self.out.write(text)
        self.out.flush()

    def complain(self, subject: str, error: SyncError) -> None:
        """Say what failed and what to do about it."""
        self.err.write(f"{subject}: {error.reason}: {error.message}\n")

    def confirmed(self, question: str) -> bool:
        """Ask; anything but yes is no."""
        if self.typed is None:
            return False
        self.err.write(f"{question} [y/N] ")
        self.err.flush()
        return self.typed.readline().strip().lower() in {"y", "yes"}

    def _overwrite(self, line: str) -> None:
        if self.progress:
            self.err.write(f"\r{line}")
            self.err.flush()
