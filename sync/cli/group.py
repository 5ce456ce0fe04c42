"""The group of the commands, and its help."""

import click

from sync.cli.adopt import adopt
from sync.cli.completion import completion
from sync.cli.dead_letters.commands import dead_letters
from sync.cli.doctor import doctor
from sync.cli.explain import explain
from sync.cli.options import EXIT_CODES, LOG_IN, with_shared
from sync.cli.ordered import Commands
from sync.cli.plan import plan
from sync.cli.resync import resync
from sync.cli.session import PROGRAM
from sync.cli.status import status
from sync.cli.version import version
from sync.cli.wait import wait

_ORDER = (status, explain, doctor, plan, resync, wait, dead_letters, adopt, version, completion)


@click.group(
    PROGRAM,
    cls=Commands,
    help=f"Syncs Azure Key Vaults to Kubernetes Secrets.\n\n{LOG_IN}",
    epilog="Secret values are never shown. The answer goes to stdout; failures, progress and "
    f"whose rights are used go to stderr.\n\n{EXIT_CODES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Take the options that may stand before the command."""


@click.command("help")
@click.argument("command", required=False, metavar="[COMMAND]")
@click.pass_context
def show_help(context: click.Context, command: str | None) -> None:
    """Show the help of a command, or this."""
    parent = context.parent or context
    if command is None:
        click.echo(parent.get_help())
        return
    _, found, _ = cli.resolve_command(parent, [command])
    if found is not None:
        with click.Context(found, info_name=command, parent=parent) as asked:
            click.echo(found.get_help(asked))


def _finished() -> None:
    with_shared(cli)
    for command in (*_ORDER, *dead_letters.commands.values()):
        if command is not completion:
            with_shared(command)
        command.epilog = command.epilog or EXIT_CODES
    for command in _ORDER:
        cli.add_command(command)
    cli.add_command(show_help)


_finished()
