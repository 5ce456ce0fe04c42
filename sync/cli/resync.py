"""The command that writes the differences."""

import click

from sync.cli.exits import Exit
from sync.cli.options import manner, request, vaults
from sync.cli.outcomes import OUTCOMES
from sync.cli.session import WRITES, Session


@click.command()
@vaults
@manner
@click.option("--dry-run", is_flag=True, help="the same as plan")
@click.pass_obj
def resync(session: Session, /, **given: object) -> Exit:
    """Write the differences.

    Reads the vaults and writes the differences to their Secrets, as the app does by itself. The
    options allow what it refuses by default. No option takes the Secret of another vault that
    still exists.
    """
    fields = request(given)
    if not given["dry_run"]:
        session.parting = WRITES
    return session.show(session.ask("resync", fields), OUTCOMES)
