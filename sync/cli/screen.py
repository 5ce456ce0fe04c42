"""The process's streams: prints answers, notices and progress, and asks questions."""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from sync.cli.tables import printable

_TICK = 1.0  # seconds
_CLEAR = "\x1b[H\x1b[2J"


@dataclass(frozen=True, slots=True)
class Screen:
    """Prints answers to `out` and everything else to `err`.

    `width` is the terminal's, None if `out` is none. `typed` is a person's input, None without one.
    """

    out: TextIO
    err: TextIO
    width: int | None = None
    colour: bool = False
    progress: bool = False
    typed: TextIO | None = None

    @classmethod
    def of_process(cls, *, verbose: bool) -> "Screen":
        """Inspect this process's streams; a log leaves no room for a progress line."""
        terminal = sys.stdout.isatty()
        return cls(
            out=sys.stdout,
            err=sys.stderr,
            width=shutil.get_terminal_size().columns if terminal else None,
            colour=coloured(os.environ, terminal=terminal),
            progress=sys.stderr.isatty() and not verbose,
            typed=sys.stdin if sys.stdin.isatty() and sys.stderr.isatty() else None,
        )

    def answer(self, text: str) -> None:
        """Print the answer."""
        self.out.write(text)
        self.out.flush()

    def clear(self) -> None:
        """Begin anew at the top of a terminal, or below an empty line where escapes are off."""
        if self.width is not None:
            self.answer(_CLEAR if self.colour else "\n")

    def say(self, line: str) -> None:
        """Print a notice or what failed, on one line."""
        self.err.write(printable(line) + "\n")
        self.err.flush()

    def confirmed(self, question: str) -> bool:
        """Ask the question; anything but yes counts as no."""
        if self.typed is None:
            return False
        self.err.write(f"{printable(question)} [y/N] ")
        self.err.flush()
        return self.typed.readline().strip().lower() in {"y", "yes"}

    def follow[T](self, steps: Iterable[T], of: str) -> list[T]:
        """Collect the steps, and show their progress on one line; `of` is what follows a number."""
        collected: list[T] = []
        told = ""
        try:
            for step in steps:
                collected.append(step)
                told = f"{len(collected)}{of}..."
                self._overwrite(told)
        finally:
            self._overwrite(" " * len(told) + "\r" if told else "")
        return collected

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show on one line for how many seconds this goes on."""
        if not self.progress:
            yield
            return
        from threading import Event, Thread  # noqa: PLC0415 - only here

        done, began = Event(), time.monotonic()

        def tick() -> None:
            while not done.wait(_TICK):
                self._overwrite(f"{what}... {time.monotonic() - began:.0f} s")

        ticking = Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            done.set()
            ticking.join()
            if time.monotonic() - began >= _TICK:
                self._overwrite(" " * (len(what) + 12) + "\r")

    def _overwrite(self, line: str) -> None:
        if self.progress and line:
            self.err.write(f"\r{line}")
            self.err.flush()


def coloured(environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Return whether to colour: on a terminal, unless NO_COLOR or FORCE_COLOR decide it."""
    if environment.get("NO_COLOR"):
        return False
    return terminal or bool(environment.get("FORCE_COLOR"))
