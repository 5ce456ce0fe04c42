"""The commands: the same reconcile as the app's, with the caller's own login and cluster."""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from math import inf
from typing import NoReturn

from sync.app.explain import Explained, Progress, explained
from sync.app.requests import Resync
from sync.app.status import statuses
from sync.app.takeover import Adoption, adopt, look
from sync.app.use_cases import App, Budget
from sync.app.work_queue import attempt
from sync.cli.arguments import Command, Exit, parse
from sync.cli.documents import adoption_json, checks_json
from sync.cli.screen import Screen
from sync.cli.tables import (
    adoption_text,
    checks_text,
    explanation_text,
    outcomes_text,
    statuses_text,
)
from sync.core.errors import NotOurs, SyncError
from sync.core.model import Converged, Failed, Ignored, Outcome
from sync.core.ports import Known
from sync.doctor.checks import Check
from sync.doctor.doctor import Doctor, unparsed
from sync.http_api.answers import SettingsFault, Statuses
from sync.http_api.convert import explanation_of, outcomes_of, refusal_of, status_of
from sync.http_api.dataclass_json import to_json

COMMAND = Budget(target=120, total=inf)  # a person is watching, and can interrupt

_PROGRAM = "keyvault-sync"
_LIBRARIES = ("azure", "msal", "kubernetes", "urllib3")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command on real clients and return its exit code."""
    before = signal.signal(signal.SIGINT, _interrupted)
    try:
        command = parse(argv)
        _log(verbose=command.verbose)
        code = attempt(lambda: _run_for_reader(command))
        if not isinstance(code, SyncError):
            return code
        sys.stderr.write(f"{_PROGRAM}: {code.reason}: {code.message}\n")
        return Exit.FAILED
    finally:
        signal.signal(signal.SIGINT, before)


def _run_for_reader(command: Command) -> Exit:
    try:
        return _run_on_clients(command, Screen.of_process(command))
    except BrokenPipeError:  # the reader has closed the pipe: discard the flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """Exit at once: an orderly exit would wait for the vaults in progress.

    Raised as an exception, the interrupt could get lost in code that may not raise.
    """
    os.write(2, b"\nInterrupted: no Secret is half-written; run it again for the rest.\n")
    os._exit(Exit.INTERRUPTED)


def run(app: App, command: Command, screen: Screen) -> Exit:
    """Run one command on an app."""
    try:
        known = app.select(command.request)
        if command.name == "adopt":
            return _adopt(app, command, known, screen)
        if command.name == "explain":
            return _explain(app, command.request, known, screen)
        if command.is_status:
            return _status(app, command.request, known, screen)
        return _resync(app, command.request, known, screen)
    except SyncError as error:
        screen.complain(_PROGRAM, error)
        return _refused(refusal_of(error), screen)


def _run_on_clients(command: Command, screen: Screen) -> Exit:
    # The SDKs take a second to import, and --help does not need them.
    from sync import bootstrap  # noqa: PLC0415 - see above
    from sync.settings.environment import SettingsError  # noqa: PLC0415 - see above

    try:
        if command.is_doctor:
            return _examine(bootstrap.doctor(command_line=True), command.request, screen)
        app = bootstrap.app(command_line=True)
    except SettingsError as error:
        if command.is_doctor:
            return _examined(unparsed(error.faults), screen)
        screen.err.writelines(f"{_PROGRAM}: {fault}\n" for fault in error.faults)
        return _refused(SettingsFault("SettingsWrong", error.faults), screen)
    return run(app, command, screen)


def _examine(doctor: Doctor, request: Resync, screen: Screen) -> Exit:
    try:
        return _examined(list(doctor.examine(request)), screen)
    except NotOurs as error:
        screen.complain(_PROGRAM, error)
        return _refused(refusal_of(error), screen)


def _examined(checks: Sequence[Check], screen: Screen) -> Exit:
    if screen.tables:
        screen.answer(checks_text(checks, screen.width))
    else:
        screen.answer(_document({"checks": checks_json(checks)}))
    return Exit.IN_STEP if all(check.well for check in checks) else Exit.FAILED


def _resync(app: App, request: Resync, known: Known, screen: Screen) -> Exit:
    outcomes = screen.follow(app.reconcile(known, request, COMMAND), _steps(known))
    for outcome in outcomes:
        match outcome:
            case Failed(subject, error) | Ignored(subject, error):
                screen.complain(subject, error)
            case Converged(target, warnings=warnings):
                screen.err.writelines(f"{target.vault}: {warning}\n" for warning in warnings)
    if screen.tables:
        screen.answer(outcomes_text(outcomes, screen.width))
    else:
        screen.answer(_document(outcomes_of(outcomes)))
    return _exit_of(outcomes)


def _adopt(app: App, command: Command, known: Known, screen: Screen) -> Exit:
    adoption = look(app, known, COMMAND, takeover=command.request.takeover)
    if screen.tables:
        screen.answer(adoption_text(adoption, screen.width))
    outcomes: list[Outcome] = []
    code = Exit.IN_STEP
    if adoption:
        code = _permission(adoption, command, screen)
    if adoption and code is Exit.IN_STEP:
        outcomes = [adopt(app, known, adoption, COMMAND)]
        code = _exit_of(outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            screen.complain(outcome.vault, outcome.error)
    if not screen.tables:
        done = outcomes_of(outcomes).outcomes
        screen.answer(_document({"adoption": adoption_json(adoption), "outcomes": done}))
    elif outcomes:
        screen.answer(outcomes_text(outcomes, screen.width))
    return code


def _permission(adoption: Adoption, command: Command, screen: Screen) -> Exit:
    """Return IN_STEP if the adoption may continue."""
    if command.yes:
        return Exit.IN_STEP
    if screen.typed is None or not screen.tables:
        screen.err.write(f"{_PROGRAM}: nothing was written: confirm it with --yes\n")
        return Exit.FAILED
    if screen.confirmed(f"Take over Secret {adoption.target}?"):
        return Exit.IN_STEP
    screen.err.write("Nothing was written.\n")
    return Exit.OUT_OF_STEP


def _exit_of(outcomes: Iterable[Outcome]) -> Exit:
    code = Exit.IN_STEP
    for outcome in outcomes:
        match outcome:
            case Failed() | Ignored():
                return Exit.FAILED
            case Converged(dry_run=True, changes=[_, *_]):
                code = Exit.OUT_OF_STEP
    return code


def _explain(app: App, request: Resync, known: Known, screen: Screen) -> Exit:
    (vault,) = known.vaults
    (place,) = app.places(known.vaults)
    told = explained(app, place, request.secret, COMMAND)
    if isinstance(told, SyncError):
        raise told
    for each in told:
        if isinstance(each.why, SyncError):
            screen.complain(f"{vault}/{each.name}", each.why)
    if screen.tables:
        screen.answer(explanation_text(told, screen.width))
    else:
        screen.answer(_document({"vault": vault.text, "explanation": explanation_of(told)}))
    return _exit_of_explanation(told)


def _exit_of_explanation(told: Iterable[Explained]) -> Exit:
    met = {each.progress for each in told}
    if Progress.FAILED in met:
        return Exit.FAILED
    return Exit.OUT_OF_STEP if Progress.WAITING in met else Exit.IN_STEP


def _status(app: App, request: Resync, known: Known, screen: Screen) -> Exit:
    told = screen.follow(statuses(app, known, COMMAND), _steps(known))
    rows = [status_of(each) for each in told]
    failed = False
    for status, each in zip(rows, told, strict=True):
        if each.error:
            failed = True
            screen.complain(status.vault, each.error)
    if screen.tables:
        keys = request.vault is not None
        screen.answer(statuses_text(rows, screen.width, keys=keys))
    else:
        screen.answer(_document(Statuses(tuple(rows))))
    if failed:
        return Exit.FAILED
    in_step = all(status.state == "converged" for status in rows)
    return Exit.IN_STEP if in_step else Exit.OUT_OF_STEP


def _steps(known: Known) -> int:
    return len(known.vaults) + (known.fault is not None)


def _refused(body: object, screen: Screen) -> Exit:
    if not screen.tables:
        screen.answer(_document(body))
    return Exit.FAILED


def _document(body: object) -> str:
    return json.dumps(to_json(body)) + "\n"


def _log(*, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_is_tellable)
    logging.basicConfig(
        level=logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING if verbose else logging.ERROR)
    if verbose:
        logging.getLogger("azure.identity").setLevel(logging.INFO)
        logging.getLogger(_PROGRAM).setLevel(logging.INFO)


def _is_tellable(record: logging.LogRecord) -> bool:
    """Drop what a login library quotes of a failure: the response may contain a token."""
    library, _, _ = record.name.removeprefix("azure.").partition(".")
    return library not in {"identity", "msal"} or record.levelno < logging.WARNING
