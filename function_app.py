"""The triggers of the app: decode, call, map the outcome."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from threading import Lock

import azure.functions as func

from sync import bootstrap, telemetry
from sync.app.explain import explained
from sync.app.outcomes import errors
from sync.app.requests import parse_doctor, parse_explain, parse_plan, parse_resync, parse_status
from sync.app.status import statuses
from sync.app.use_cases import EVENT, EVENT_SUBJECT, REQUEST, Pending
from sync.app.work_queue import attempt
from sync.core.errors import NotOurs, Permanent, SyncError, Transient, Unattended, Unexpected
from sync.core.model import Failed, Ignored, Outcome
from sync.core.reasons import Reason
from sync.doctor.doctor import unparsed
from sync.http_api.answers import Explanation, Health, Refusal, SettingsFault, Statuses, Version
from sync.http_api.convert import (
    checks_of,
    explained_vault_of,
    explanation_of,
    outcomes_of,
    refusal_of,
    status_of,
)
from sync.http_api.dataclass_json import to_json
from sync.http_api.http_status import http_status, retry_after
from sync.http_api.openapi import VERSION
from sync.http_api.openapi import openapi as describe
from sync.http_api.principal import UnknownCaller, entra_principal
from sync.settings.environment import SettingsError
from sync.settings.table import Settings

telemetry.quiet_sdks()
app = func.FunctionApp(
    http_auth_level=func.AuthLevel.ANONYMOUS  # for the host: `_trigger` checks the caller
    if bootstrap.platform_authenticates()
    else func.AuthLevel.FUNCTION
)
_failures = telemetry.Failures(time.monotonic)
_EXAMINING = Lock()
_EVENT_GRID_WAITS = 29.0  # of 30 seconds


def _schedule() -> str:
    """Return the timer's schedule; a wrong setting must not hide the functions that report it."""
    schedule = attempt(lambda: bootstrap.settings().schedule)
    if isinstance(schedule, SyncError):
        telemetry.log_settings_fault(schedule)
        return Settings().schedule
    return schedule


@app.function_name("key_vault_event")
@app.event_grid_trigger(arg_name="event")
async def key_vault_event(event: str) -> None:
    """Reconcile what an event points to; raises what Event Grid should redeliver."""
    began = time.monotonic()
    pending = _told(lambda: bootstrap.app().event(event))
    outcomes: Sequence[Outcome] = await asyncio.gather(*map(_settled, pending))
    if errors(outcomes):
        left = began + _EVENT_GRID_WAITS - time.monotonic()
        outcomes = await asyncio.to_thread(
            _told, lambda: bootstrap.app().for_event_grid(outcomes, max(0.0, left))
        )
    for outcome in outcomes:
        _failures.log("event", outcome)
    _raise_redeliverable("event", outcomes)


@app.function_name("reconcile_drift")
@app.timer_trigger(arg_name="timer", schedule=_schedule(), run_on_startup=False)
def reconcile_drift(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding's name
    """Reconcile every known vault; raises if a later pass may do better."""
    outcomes = _told(lambda: list(bootstrap.app().resync_known()))
    telemetry.log_pass("timer", outcomes)
    telemetry.log_unannounced(outcomes, time.time())
    _failures.report("timer")
    _raise_redeliverable("timer", outcomes)


@app.function_name("resync")
@app.route("resync", methods=["POST"])
def resync(req: func.HttpRequest) -> func.HttpResponse:
    """Reconcile what an operator requests; one outcome per vault."""
    return _answered(lambda: _resync(req))


def _resync(req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("resync", req)
    outcomes = list(bootstrap.app().resync(parse_resync(req.get_body())))
    telemetry.log_pass(trigger, outcomes)
    return _answer(outcomes_of(outcomes), errors(outcomes))


@app.function_name("status")
@app.route("status", methods=["GET"])
def status(req: func.HttpRequest) -> func.HttpResponse:
    """Return the stored status of the Secrets; for a named vault also the reasons."""
    return _answered(lambda: _status(req))


def _status(req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("status", req)
    asked = bootstrap.app()
    request = parse_status(req.params)
    began = time.monotonic()
    known = asked.choose(request)
    told = list(statuses(asked, known, request))
    telemetry.log_status(trigger, [each.error for each in told])
    explanations: Sequence[Explanation | Refusal | None] = [None] * len(told)
    if request.vault is not None:
        left = REQUEST.after(time.monotonic() - began)
        places = list(asked.places(known.vaults, request))
        explanations = list(
            map(explanation_of, places, explained(asked, places, request.secret, left))
        )
    vaults = tuple(map(status_of, told, explanations))
    return _answer(Statuses(vaults), [each.error for each in told if each.error])


@app.function_name("plan")
@app.route("plan", methods=["GET"])
def plan(req: func.HttpRequest) -> func.HttpResponse:
    """Tell what a resync would write, and write nothing."""
    return _answered(lambda: _plan(req))


def _plan(req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("plan", req)
    outcomes = list(bootstrap.app().resync(parse_plan(req.params)))
    telemetry.log_pass(trigger, outcomes)
    return _answer(outcomes_of(outcomes), errors(outcomes))


@app.function_name("explain")
@app.route("explain", methods=["GET"])
def explain(req: func.HttpRequest) -> func.HttpResponse:
    """Tell where each secret of a vault goes, or why it does not."""
    return _answered(lambda: _explain(req))


def _explain(req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("explain", req)
    asked, request = bootstrap.app(), parse_explain(req.params)
    places = list(asked.places(asked.choose(request).vaults, request))
    told = explained(asked, places, request.secret)
    failed = [each if isinstance(each, SyncError) else None for each in told]
    telemetry.log_status(trigger, failed)
    return _answer(explained_vault_of(places, told), [each for each in failed if each])


@app.function_name("doctor")
@app.route("doctor", methods=["GET"])
def doctor(req: func.HttpRequest) -> func.HttpResponse:
    """Examine what the sync needs, with the app's identity and settings."""
    return _answered(lambda: _doctor(req))


def _doctor(req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("doctor", req)
    request = parse_doctor(req.params)
    if not _EXAMINING.acquire(blocking=False):
        raise Transient(
            Reason.EXAMINATION_RUNNING, "Another examination is under way: ask again in a while."
        )
    try:
        checks = list(bootstrap.doctor().examine(request))
    except SettingsError as error:
        checks = list(unparsed(error.faults))
    finally:
        _EXAMINING.release()
    telemetry.log_checks(trigger, checks)
    return _json(checks_of(checks, "the app"), HTTPStatus.OK)


@app.function_name("version")
@app.route("version", methods=["GET"])
def version(req: func.HttpRequest) -> func.HttpResponse:
    """Tell which release this is."""
    return _answered(lambda: _version(req))


def _version(req: func.HttpRequest) -> func.HttpResponse:
    _trigger("version", req)
    return _json(Version(VERSION), HTTPStatus.OK)


@app.function_name("health")
@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding's name
    """Return whether the app can work at all, and nothing else."""
    if attempt(lambda: bootstrap.app().knows_nothing) is not False:
        return _json(Health("misconfigured"), HTTPStatus.SERVICE_UNAVAILABLE)
    return _json(Health("ok"), HTTPStatus.OK)


@app.function_name("openapi")
@app.route("openapi.json", methods=["GET"])
def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Return the API description, only to callers: strangers need not know what runs here."""
    return _answered(lambda: _openapi(req))


def _openapi(req: func.HttpRequest) -> func.HttpResponse:
    _trigger("openapi", req)
    return _json(describe(entra=bootstrap.platform_authenticates()), HTTPStatus.OK)


async def _settled(pending: Pending) -> Outcome:
    """Wait for a target's outcome for as long as Event Grid waits for a response."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(pending.outcome), EVENT.total)
    except TimeoutError:
        target = pending.target
        late = Transient(Reason.DEADLINE_EXCEEDED, "The reconcile took too long.")
        return Failed(target.vault.text if target else EVENT_SUBJECT, late, target)


def _told[Done](act: Callable[[], Done]) -> Done:
    """Call it; raises only SyncError, since the host logs the text of a trigger's exceptions."""
    done = attempt(act)
    if isinstance(done, SyncError):
        raise done
    return done


def _answered(answer: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    done = attempt(answer)
    return _refusal(done) if isinstance(done, SyncError) else done


def _raise_redeliverable(trigger: str, outcomes: Iterable[Outcome]) -> None:
    """Fail the invocation for transient failures, bugs, and failures that no pass would repair.

    Other Permanent failures are only logged.
    """
    failing = [
        error
        for error in errors(outcomes)
        if isinstance(error, Unattended) or not isinstance(error, Permanent | NotOurs)
    ]
    if failing:
        raise SyncError(failing[0].reason, f"{trigger}: {len(failing)} failed: {failing[0]}")


def _trigger(route: str, req: func.HttpRequest) -> str:
    """Name the call for the log; raises UnknownCaller if the platform should know the caller.

    Without App Service authentication the host has checked a key, and headers cannot be trusted.
    """
    if not bootstrap.platform_authenticates():
        return route
    return f"{route} by {entra_principal(req.headers)}"


def _refusal(error: SyncError) -> func.HttpResponse:
    if isinstance(error, UnknownCaller):
        _failures.log("http", Ignored("caller", error))
        headers = {"WWW-Authenticate": "Bearer"}
        return _json(refusal_of(error), HTTPStatus.UNAUTHORIZED, headers)
    if isinstance(error, SettingsError):
        fault = SettingsFault("SettingsWrong", error.faults)
        return _json(fault, HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, Unexpected):
        telemetry.log_outcome("http", Failed("request", error))
    return _answer(refusal_of(error), [error])


def _answer(body: object, failures: list[SyncError]) -> func.HttpResponse:
    code = http_status(failures)
    headers = (
        {"Retry-After": str(retry_after(failures))}
        if code == HTTPStatus.SERVICE_UNAVAILABLE
        else {}
    )
    return _json(body, code, headers)


def _json(body: object, code: int, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(to_json(body)) + "\n",
        status_code=code,
        headers=headers,
        mimetype="application/json",
    )
