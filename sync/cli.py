"""The command line: the same reconcile as the app's, with the caller's own log-in and cluster."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TextIO

from sync.app import App, Budget
from sync.arguments import Command, Exit, parse
from sync.errors import NotOurs, SyncError
from sync.model import Converged, Failed, Ignored, Outcome, VaultName
from sync.report import Json, error_json, outcomes_json
from sync.requests import Resync
from sync.tables import outcomes_text, statuses_text

COMMAND = Budget(target=120, total=inf)  # somebody watches, and can interrupt

_PROGRAM = "keyvault-sync"
_LIBRARIES = ("azure", "msal", "kubernetes", "urllib3")


@dataclass(frozen=True, slots=True)
class Screen:
    """Where an answer goes: to `out` as tables of that width or as JSON; failures go to `err`."""

    out: TextIO
    err: TextIO
    width: int
    tables: bool
    progress: bool

    @classmethod
    def of_process(cls, command: Command) -> "Screen":
        """Look at what this process's streams are; a log leaves no room for progress."""
        return cls(
            out=sys.stdout,
            err=sys.stderr,
            width=shutil.get_terminal_size().columns,
            tables=sys.stdout.isatty() and not command.json,
            progress=sys.stderr.isatty() and not command.verbose,
        )

    def follow[T](self, steps: Iterable[T], total: int) -> list[T]:
        """Collect the steps, and keep one line that says how far they are."""
        collected: list[T] = []
        self._overwrite(f"0/{total} vaults...")
        try:
            for step in steps:
                collected.append(step)
                self._overwrite(f"{len(collected)}/{total} vaults...")
        finally:
            self._overwrite(" " * len(f"{total}/{total} vaults...") + "\r")
        return collected

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        self.out.write(text)
        self.out.flush()

    def complain(self, subject: str, error: SyncError) -> None:
        """Say what failed and what to do about it."""
        self.err.write(f"{subject}: {error.reason}: {error.message}\n")

    def _overwrite(self, line: str) -> None:
        if self.progress:
            self.err.write(f"\r{line}")
            self.err.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command on real clients and return its exit code."""
    try:
        command = parse(argv)
        _log(verbose=command.verbose)
        return _run_on_clients(command, Screen.of_process(command))
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted: no Secret is half-written; run it again for the rest.\n")
        sys.stderr.flush()
        os._exit(Exit.INTERRUPTED)  # an orderly exit would wait for the vaults under way
    except BrokenPipeError:  # the reader has seen enough: let the flush at exit go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED


def run(app: App, command: Command, screen: Screen) -> Exit:
    """Run one command on an app."""
    try:
        vaults = _known(app, command.request)
        if command.is_status:
            return _status(app, command.request, vaults, screen)
        return _resync(app, command.request, vaults, screen)
    except SyncError as error:
        screen.complain(_PROGRAM, error)
        return _refused(error_json(error), screen)


def _run_on_clients(command: Command, screen: Screen) -> Exit:
    # The SDKs take a second to import, and --help does not need them.
    from sync import bootstrap  # noqa: PLC0415 - see above
    from sync.settings import SettingsError  # noqa: PLC0415 - see above

    try:
        app = bootstrap.app()
    except SettingsError as error:
        screen.err.writelines(f"{_PROGRAM}: {fault}\n" for fault in error.faults)
        return _refused({"reason": "SettingsWrong", "faults": list(error.faults)}, screen)
    return run(app, command, screen)


def _resync(app: App, request: Resync, vaults: Sequence[VaultName], screen: Screen) -> Exit:
    outcomes = screen.follow(app.resync(request, COMMAND), len(vaults))
    for outcome in outcomes:
        match outcome:
            case Failed(subject, error) | Ignored(subject, error):
                screen.complain(subject, error)
    if screen.tables:
        screen.answer(outcomes_text(outcomes, screen.width))
    else:
        screen.answer(_document(outcomes_json(outcomes)))
    return _exit_of(outcomes)


def _exit_of(outcomes: Iterable[Outcome]) -> Exit:
    code = Exit.IN_STEP
    for outcome in outcomes:
        match outcome:
            case Failed() | Ignored():
                return Exit.FAILED
            case Converged(dry_run=True, changes=[_, *_]):
                code = Exit.OUT_OF_STEP
    return code


def _status(app: App, request: Resync, vaults: Sequence[VaultName], screen: Screen) -> Exit:
    told = screen.follow(_statuses(app, vaults), len(vaults))
    failed = False
    for status, error in told:
        if error:
            failed = True
            screen.complain(str(status["vault"]), error)
    statuses = [status for status, _ in told]
    if screen.tables:
        keys = request.vault is not None
        screen.answer(statuses_text(statuses, screen.width, keys=keys))
    else:
        screen.answer(_document({"vaults": statuses}))
    if failed:
        return Exit.FAILED
    in_step = all(status["state"] == "converged" for status in statuses)
    return Exit.IN_STEP if in_step else Exit.OUT_OF_STEP


def _statuses(
    app: App, vaults: Iterable[VaultName]
) -> Iterator[tuple[Mapping[str, Json], SyncError | None]]:
    """Ask for one vault at a time, since each call's seconds are for all of its vaults."""
    for vault in vaults:
        yield from app.status(Resync(vault=vault.text))


def _known(app: App, request: Resync) -> Sequence[VaultName]:
    vaults = app.select(request)
    if not vaults:
        raise NotOurs(
            "NoVaults", "No vault is known: name the vaults in SYNC_VAULTS, or name one here."
        )
    return vaults


def _refused(body: Mapping[str, Json], screen: Screen) -> Exit:
    if not screen.tables:
        screen.answer(_document(body))
    return Exit.FAILED


def _document(body: Mapping[str, Json]) -> str:
    return json.dumps(body) + "\n"


def _log(*, verbose: bool) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING if verbose else logging.ERROR)
    if verbose:
        logging.getLogger("azure.identity").setLevel(logging.INFO)
        logging.getLogger(_PROGRAM).setLevel(logging.INFO)
