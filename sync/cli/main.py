"""The entry: runs one command, and turns what ends it into an exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from sync.cli.exits import Exit

if TYPE_CHECKING:
    from sync.cli.session import Session

_WITHOUT_CLICK = """\
keyvault-sync: the command line needs the extra `cli`, which is not installed. Install it with
  pip install 'keyvault-sync[cli] @ git+URL-OF-THE-REPOSITORY'
or from a clone:
  pip install '.[cli]'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of this process and return its exit code."""
    try:
        import click  # noqa: F401, PLC0415 - only looked for
    except ModuleNotFoundError:
        sys.stderr.write(_WITHOUT_CLICK)
        return Exit.FAILED
    from sync.cli.screen import Screen  # noqa: PLC0415 - needs click
    from sync.cli.session import Session  # noqa: PLC0415 - likewise

    session = Session(lambda verbose: Screen.of_process(verbose=verbose))

    def interrupted(_number: int, _frame: object) -> NoReturn:
        """Exit at once: an orderly exit would wait for the vaults in progress.

        Raised as an exception, the interrupt could get lost in code that may not raise.
        """
        os.write(2, f"\n{session.parting}\n".encode())
        os._exit(Exit.INTERRUPTED)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        return run(argv, session)
    finally:
        signal.signal(signal.SIGINT, before)


def run(argv: Sequence[str] | None, session: "Session", usage: TextIO | None = None) -> int:
    """Run one command; a usage error is FAILED, since click's own 2 would mean out of step.

    `usage` is where it is told, by default the process's stderr.
    """
    import click  # noqa: PLC0415 - see main

    from sync.cli.group import cli  # noqa: PLC0415 - likewise
    from sync.cli.session import PROGRAM  # noqa: PLC0415 - likewise

    try:
        code = cli.main(
            args=None if argv is None else list(argv),
            prog_name=PROGRAM,
            complete_var="_KEYVAULT_SYNC_COMPLETE",
            standalone_mode=False,
            obj=session,
        )
    except click.ClickException as error:
        error.show(usage or sys.stderr)
        return Exit.FAILED
    return code if isinstance(code, int) else Exit.IN_STEP
