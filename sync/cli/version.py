"""The command that shows the versions of the command line and of the app."""

from collections.abc import Iterator, Sequence

import click

from sync.cli.choice import app_of
from sync.cli.documents import Document, is_refusal, text
from sync.cli.exits import Exit
from sync.cli.session import PROGRAM, Blocks, Session, View
from sync.cli.tables import Style, Table


@click.command()
@click.pass_obj
def version(session: Session) -> Exit:
    """Show the versions of this command line and of the app."""
    from importlib import metadata  # noqa: PLC0415 - --help does without

    own = metadata.version(PROGRAM)
    document: Document = {"command_line": own, "app": None}
    if app_of(session.given):
        told = session.ask("version", {})
        if is_refusal(told):
            return session.show(told, _VERSIONS)
        document = {"command_line": own, "app": text(told, "version")}
        if text(told, "version") != own:
            session.screen.say(
                f"{PROGRAM}: warning: the app has version {text(told, 'version')} and this command "
                f"line {own}: what one of them tells the other may not know. Use the same."
            )
    return session.show(document, _VERSIONS)


def _code(document: Document) -> Exit:
    del document
    return Exit.IN_STEP


def _blocks(document: Document, style: Style) -> Blocks:
    del style
    rows = [("command line", text(document, "command_line"))]
    rows += [("app", app)] if (app := text(document, "app")) else []
    yield Table(("PART", "RELEASE"), rows, folds=False)


def _names(document: Document) -> Sequence[str]:
    return list(_versions(document))


def _versions(document: Document) -> Iterator[str]:
    for part in ("command_line", "app"):
        if told := text(document, part):
            yield told


_VERSIONS = View(_code, _blocks, _names)
