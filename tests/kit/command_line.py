"""Runs the command line in this process, over a source that a test gives it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sync.app.use_cases import App
from sync.cli.choice import Options, source_of
from sync.cli.dead_letters.container import Blob, ContainerError, ContainerUrl, own_container
from sync.cli.documents import Document
from sync.cli.main import run
from sync.cli.own_rights import OwnRights
from sync.cli.screen import Screen
from sync.cli.session import Session
from sync.cli.sources import Fields, Source
from sync.doctor.doctor import Doctor


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Answers:
    """A source whose answers are made by a function of the route and the request."""

    answer: Callable[[str, Fields], Document]
    login: str = "the test"

    def ask(self, route: str, fields: Fields) -> Document:
        """Answer."""
        return self.answer(route, fields)


@dataclass
class Blobs:
    """A container in memory: each blob's content by its name, written at `now` or as `ages` says.

    `failure` is raised instead of each answer; `opened` are the URLs that were asked for.
    """

    held: dict[str, bytes] = field(default_factory=dict)
    ages: dict[str, timedelta] = field(default_factory=dict)
    failure: ContainerError | None = None
    opened: list[ContainerUrl] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    read_names: list[str] = field(default_factory=list)

    def __call__(self, url: ContainerUrl, /, *, verbose: bool) -> "Blobs":
        """Open it."""
        del verbose
        self.opened.append(url)
        return self

    def blobs(self) -> Iterator[Blob]:
        """List every blob."""
        if self.failure is not None:
            raise self.failure
        for name, content in self.held.items():
            age = self.ages.get(name, timedelta())
            yield Blob(name, datetime.now(UTC) - age, len(content))

    def read(self, name: str) -> bytes | None:
        """Return a blob's content."""
        self.read_names.append(name)
        return None if name in self.gone else self.held[name]


def own_rights(app: App, screen: Screen, doctor: Doctor | None = None) -> OwnRights:
    """Return the caller's own rights on an app in memory."""

    def examination() -> Doctor:
        assert doctor is not None
        return doctor

    return OwnRights(lambda: app, examination, screen)


def say(  # noqa: PLR0913 - a command has that many surroundings
    given: App | Callable[[str, Fields], Document] | None,
    *argv: str,
    width: int | None = None,
    colour: bool = False,
    typed: str | None = None,
    doctor: Doctor | None = None,
    blobs: Blobs | None = None,
) -> Said:
    """Run a command on an app or on answers; on the process's own choice if neither is given.

    It runs on a terminal of that width, or into a pipe. Who types sees both streams as one, `out`.
    """
    out, err = io.StringIO(), io.StringIO()
    answers = None if typed is None else io.StringIO(typed)
    told = err if answers is None else out
    screen = Screen(out, told, width, colour, progress=width is not None, typed=answers)

    def choose(options: Options, screen: Screen) -> Source:
        if given is None:
            return source_of(options, screen)
        return own_rights(given, screen, doctor) if isinstance(given, App) else Answers(given)

    stderr = io.StringIO()
    code = run(argv, Session(lambda _verbose: screen, choose, blobs or own_container), usage=stderr)
    return Said(code, out.getvalue(), err.getvalue() + stderr.getvalue())
