"""Prints the command line's answers and failures, and asks its questions."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from sync.cli.arguments import Command
from sync.core.errors import SyncError


@dataclass(frozen=True, slots=True)
class Screen:
    """Prints answers to `out`, as tables of that width or as JSON, and failures to `err`."""

    out: TextIO
    err: TextIO
    width: int
    tables: bool
    progress: bool
    typed: TextIO | None = None
    """The input of a person who sees the tables and the questions; None without a person."""

    @classmethod
    def of_process(cls, command: Command) -> "Screen":
        """Inspect this process's streams; a log leaves no room for a progress line."""
        return cls(
            out=sys.stdout,
            err=sys.stderr,
            width=shutil.get_terminal_size().columns,
            tables=sys.stdout.isatty() and not command.json,
            progress=sys.stderr.isatty() and not command.verbose,
            typed=sys.stdin if sys.stdin.isatty() and sys.stderr.isatty() else None,
        )

    def follow[T](self, steps: Iterable[T], total: int) -> list[T]:
        """Collect the steps, and show their progress on one line."""
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
        """Print the answer."""
        self.out.write(text)
        self.out.flush()

    def complain(self, subject: str, error: SyncError) -> None:
        """Print what failed and what to do about it."""
        self.err.write(f"{subject}: {error.reason}: {error.message}\n")

    def confirmed(self, question: str) -> bool:
        """Ask the question; anything but yes counts as no."""
        if self.typed is None:
            return False
        self.err.write(f"{question} [y/N] ")
        self.err.flush()
        return self.typed.readline().strip().lower() in {"y", "yes"}

    def _overwrite(self, line: str) -> None:
        if self.progress:
            self.err.write(f"\r{line}")
            self.err.flush()
