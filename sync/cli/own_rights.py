"""Answers with the caller's own login and kubeconfig, by the app's own code in this process."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from sync.cli.documents import Document
from sync.cli.screen import Screen
from sync.cli.sources import Fields

if TYPE_CHECKING:
    from sync.app.requests import Resync
    from sync.app.use_cases import App, Budget
    from sync.doctor.checks import Check
    from sync.doctor.doctor import Doctor

_LOG = "keyvault-sync"
_LIBRARIES = ("azure", "msal", "kubernetes", "urllib3")


@dataclass(frozen=True, slots=True)
class OwnRights:
    """The app's use cases; what builds them may raise SyncError."""

    app: "Callable[[], App]"
    doctor: "Callable[[], Doctor]"
    screen: Screen

    @classmethod
    def of_process(cls, screen: Screen, *, verbose: bool) -> "OwnRights":
        """Return those of this process's environment."""
        from sync import bootstrap  # noqa: PLC0415 - the SDKs take a second to import

        log_to_stderr(verbose=verbose)
        return cls(
            lambda: bootstrap.app(command_line=True),
            lambda: bootstrap.doctor(command_line=True),
            screen,
        )

    @property
    def login(self) -> str:
        """Say whose rights these are."""
        return "your own rights"

    def ask(self, route: str, fields: Fields) -> Document:
        """Answer as the app's routes do, without their limits of time."""
        from sync.app.requests import parse_resync  # noqa: PLC0415 - as above

        asked = dict(fields)
        if not {"vault", "project"} & asked.keys():
            asked["all"] = True
        if route == "plan":
            asked["dry_run"] = True
        request = parse_resync(json.dumps(asked).encode())
        return self.document(lambda: self._told(route, request))

    def document(self, act: Callable[[], object]) -> Document:
        """Return what it returns as JSON, or why it failed."""
        from sync.app.work_queue import attempt  # noqa: PLC0415 - as above
        from sync.core.errors import SyncError  # noqa: PLC0415 - as above
        from sync.http_api.convert import refusal_of  # noqa: PLC0415 - as above
        from sync.http_api.dataclass_json import to_json  # noqa: PLC0415 - as above
        from sync.settings.environment import SettingsError  # noqa: PLC0415 - as above

        done = attempt(act)
        if isinstance(done, SettingsError):
            return {"reason": "SettingsWrong", "faults": list(done.faults)}
        told = to_json(refusal_of(done) if isinstance(done, SyncError) else done)
        answer: Document = json.loads(json.dumps(told))  # without enums
        return answer

    def _told(self, route: str, request: "Resync") -> object:
        from sync.app.explain import explained  # noqa: PLC0415 - as above
        from sync.app.status import statuses  # noqa: PLC0415 - as above
        from sync.http_api import convert  # noqa: PLC0415 - as above
        from sync.http_api.answers import Statuses  # noqa: PLC0415 - as above

        if route == "doctor":
            return convert.checks_of(self._examined(request), "the caller")
        app = self.app()
        known = app.select(request)
        total = f"/{len(known.vaults) + (known.fault is not None)} vaults"
        budget = unlimited()
        match route:
            case "status":
                told = self.screen.follow(statuses(app, known, request, budget), total)
                return Statuses(tuple(map(convert.status_of, told)))
            case "explain":
                places = list(app.places(known.vaults, request))
                with self.screen.waiting("reading"):
                    found = explained(app, places, request.secret, budget)
                return convert.explained_vault_of(places, found)
            case "plan" | "resync":
                outcomes = app.reconcile(known, request, budget)
                return convert.outcomes_of(self.screen.follow(outcomes, total))
        raise ValueError(route)

    def _examined(self, request: "Resync") -> "Sequence[Check]":
        from sync.doctor.doctor import unparsed  # noqa: PLC0415 - as above
        from sync.settings.environment import SettingsError  # noqa: PLC0415 - as above

        try:
            return self.screen.follow(self.doctor().examine(request), " checks")
        except SettingsError as error:
            return unparsed(error.faults)


def unlimited() -> "Budget":
    """Return the time of a command: a person is watching, and can interrupt."""
    from sync.app.use_cases import Budget  # noqa: PLC0415 - as above

    return Budget(target=120, total=inf)


def log_to_stderr(*, verbose: bool) -> None:
    """Log what fails, and with `verbose` the login, without what a login library quotes."""
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
        logging.getLogger(_LOG).setLevel(logging.INFO)


def _is_tellable(record: logging.LogRecord) -> bool:
    """Drop what a login library quotes of a failure: the response may contain a token."""
    library, _, _ = record.name.removeprefix("azure.").partition(".")
    return library not in {"identity", "msal"} or record.levelno < logging.WARNING
