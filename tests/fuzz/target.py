"""What a fuzz target is, and what must hold of every input that one is given."""

import re
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sync.core.errors import SyncError
from tests.leaks.dye import PLANTED

CORPUS = Path(__file__).parent / "corpus"
SECONDS_PER_INPUT = 5
"""Of this process's own time: a busy machine is no fault of the input."""
_QUOTED = re.compile(r"'[^'\n]{0,66}'|\"[^\"\n]{0,66}\"")
_LITERAL = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_BODY = "\n\n"


class TooSlow(BaseException):
    """An input took longer than any may; no parser can mistake it for an error of its own."""


class Spilled(AssertionError):
    """What is told of an input holds the value that was planted in it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test: `run` gives it one input and returns what operators are told of it.

    It may raise the `refusals` and nothing else. In a seed the planted value stands where nothing
    may be told of it, in quotation marks or not. What chance makes of a seed may have it in a
    name's place: where `quotes` is set, such a name may be told in quotation marks, and only what
    stands outside of these is searched. `longest` is in bytes.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (SyncError,)
    longest: int = 25_600
    quotes: bool = False

    @property
    def corpus(self) -> Path:
        """The folder of inputs that are kept."""
        return CORPUS / self.name


def check(target: Target, given: bytes) -> None:
    """Run one input; raises what a parser must not raise, Spilled, or TooSlow."""
    with _alarm():
        try:
            told, names = repr(target.run(given)), _LITERAL
        except target.refusals as refusal:
            told, names = told_of(refusal), _QUOTED
    if target.quotes and given not in target.seeds:
        told = names.sub("", told)
    if PLANTED in told:
        raise Spilled(target.name)


def told_of(refusal: Exception) -> str:
    """Return all that a log may make of it, its causes included, in text that a log can hold."""
    told = "".join([repr(vars(refusal)), *traceback.format_exception(refusal)])
    told.encode()
    return told


def unquoted(told: str) -> str:
    """Leave out what stands in quotation marks, where that is short enough for a name."""
    return _QUOTED.sub("", told)


def text_of(given: bytes) -> str:
    """Decode an input; what is no UTF-8 becomes lone surrogates, which JSON may bring, too."""
    return given.decode("utf-8", "surrogateescape")


def fields_of(given: bytes) -> tuple[dict[str, str], str]:
    """Read an input of several parts: lines of NAME=TEXT, an empty line, and the rest."""
    head, _, body = text_of(given).partition(_BODY)
    pairs = (line.partition("=") for line in head.splitlines())
    return {name: text for name, _, text in pairs}, body


def written(body: str, **fields: str) -> bytes:
    """Write an input of several parts."""
    head = "\n".join(f"{name}={text}" for name, text in fields.items())
    return f"{head}{_BODY}{body}".encode()


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow

    former = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_INPUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)
