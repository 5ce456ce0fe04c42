"""The help of each command, as docs/cli.md shows it, and what answers are not the app's."""

from collections.abc import Iterator

import click

from sync.cli.group import cli
from sync.cli.no_answers import NoAnswer
from sync.cli.options import SHARED
from sync.cli.session import PROGRAM


def commands() -> str:
    """Return the help of the group and of each command, without what all commands share."""
    root = click.Context(
        cli, info_name=PROGRAM, terminal_width=80, help_option_names=["-h", "--help"]
    )
    return "\n".join((_shown(cli, root, shared=True), *_below(cli, root)))


def reasons() -> str:
    """Return a row for each reason that the command line itself gives."""
    rows = (f"| `{each}` | {each.meaning} |\n" for each in NoAnswer)
    return "| reason | meaning |\n|---|---|\n" + "".join(rows)


def _below(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name, command in group.commands.items():
        with click.Context(command, info_name=name, parent=parent, terminal_width=80) as context:
            yield _shown(command, context, shared=False)
            if isinstance(command, click.Group):
                yield from _below(command, context)


def _shown(command: click.Command, context: click.Context, *, shared: bool) -> str:
    kept = [each for each in command.params if shared or each.name not in SHARED]
    given, epilog = command.params, command.epilog
    try:
        command.params = kept
        command.epilog = epilog if shared or command.name == "completion" else None
        text = command.get_help(context)
    finally:
        command.params, command.epilog = given, epilog
    heading = f"## {context.command_path}"
    lines = (line.rstrip() for line in text.splitlines())
    return f"{heading}\n\n```\n" + "\n".join(lines) + "\n```\n"
