"""The command that shows what a resync would write."""

import click

from sync.cli.exits import Exit
from sync.cli.options import manner, request, vaults
from sync.cli.outcomes import OUTCOMES
from sync.cli.session import Session


@click.command()
@vaults
@manner
@click.pass_obj
def plan(session: Session, /, **given: object) -> Exit:
    """Show what resync would write, and write nothing.

    Reads the vaults and the cluster. VAULT need not be among the known vaults; --project with
    --stage, and --all, select only those that are.
    """
    return session.show(session.ask("plan", request(given)), OUTCOMES)
