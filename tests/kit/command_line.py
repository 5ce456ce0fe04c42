"""Runs the command line in this process, over a source that a test gives it."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from sync.app.use_cases import App
from sync.cli.choice import Options, source_of
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


def own_rights(app: App, screen: Screen, doctor: Doctor | None = None) -> OwnRights:
    """Return the caller's own rights on an app in memory."""

    def examination() -> Doctor:
        assert doctor is not None
        return doctor

    return OwnRights(lambda: app, examination, screen)


def say(
    given: App | Callable[[str, Fields], Document] | None,
    *argv: str,
    width: int | None = None,
    colour: bool = False,
    typed: str | None = None,
    doctor: Doctor | None = None,
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
    code = run(argv, Session(lambda _verbose: screen, choose), usage=stderr)
    return Said(code, out.getvalue(), err.getvalue() + stderr.getvalue())
