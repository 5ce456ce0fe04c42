"""The triggers of the app: decode, call, map the outcome."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http import HTTPStatus
from math import inf
from threading import Lock
from typing import TYPE_CHECKING

import azure.functions as func

from sync import bootstrap, telemetry
from sync.app.explain import explained
from sync.app.outcomes import errors
from sync.app.requests import (
    Resync,
    parse_doctor,
    parse_explain,
    parse_plan,
    parse_resync,
    parse_status,
)
from sync.app.status import statuses
from sync.app.unattended import nothing_known
from sync.app.use_cases import PASS, REQUEST
from sync.app.work_queue import attempt
from sync.core.errors import NotOurs, Permanent, SyncError, Transient, Unattended, Unexpected
from sync.core.outcomes import Failed, Ignored, Outcome
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.doctor import EXAMINATION_SECONDS, unparsed
from sync.http_api.answers import Explanation, Statuses
from sync.http_api.app_answers import Health, SettingsFault, Version
from sync.http_api.convert import (
    checks_of,
    explained_vault_of,
    explanation_of,
    outcomes_of,
    refusal_of,
    status_of,
)
from sync.http_api.openapi import VERSION
from sync.http_api.openapi import openapi as describe
from sync.http_api.principal import UnknownCaller, entra_principal
from sync.http_api.request_body import whole_body
from sync.http_api.responses import answer_of, response_of
from sync.invocation import Work, bare, begun, on_thread, settled
from sync.settings.environment import SettingsError
from sync.settings.model import Settings

if TYPE_CHECKING:
    from sync.core.restarts import Restart
    from sync.http_api.outcome_answers import Refusal
    from sync.restarting import Places, Restarting
    from sync.rollout.restarter import Look

telemetry.quiet_sdks()
app = func.FunctionApp(
    http_auth_level=func.AuthLevel.ANONYMOUS  # for the host: `_trigger` checks the caller
    if bootstrap.platform_authenticates()
    else func.AuthLevel.FUNCTION
)
_failures = telemetry.Failures(time.monotonic)
_EXAMINING = Lock()
_EVENT_GRID_WAITS = 24.5  # of 30 seconds, since the host may let an event wait before it calls
_REQUESTS = ThreadPoolExecutor(200, "request")  # as many as host.json lets through
_EVENTS = ThreadPoolExecutor(32, "event")
_TIMER = ThreadPoolExecutor(1, "timer")


def _schedule() -> str:
    """Return the timer's schedule; a wrong setting must not hide the functions that report it."""
    schedule = attempt(lambda: bootstrap.settings().schedule)
    if isinstance(schedule, SyncError):
        telemetry.print_settings_fault(schedule)
        return Settings().schedule
    return schedule


@app.function_name("key_vault_event")
@app.event_grid_trigger(arg_name="event")
async def key_vault_event(event: str) -> None:
    """Reconcile what an event points to; raises what Event Grid should redeliver."""
    answered = time.monotonic() + _EVENT_GRID_WAITS
    handle = _told("event", bootstrap.app)
    pending = await begun(handle, event, _EVENTS, _EVENT_GRID_WAITS)
    outcomes: Sequence[Outcome] = await asyncio.gather(*map(settled, pending))
    if errors(outcomes):
        outcomes = await on_thread(
            _EVENTS,
            lambda _: bootstrap.app().for_event_grid(
                outcomes, max(0.0, answered - time.monotonic())
            ),
            max(0.0, answered - time.monotonic()),
        )
    for outcome in outcomes:
        _failures.log("event", outcome)
    await _restarted("event", lambda restarting: restarting.after_event(outcomes, answered))
    _raise_redeliverable("event", outcomes)


@app.function_name("reconcile_drift")
@app.timer_trigger(arg_name="timer", schedule=_schedule(), run_on_startup=False)
async def reconcile_drift(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding's name
    """Reconcile every known vault; raises if a later pass may do better."""
    _told("timer", bootstrap.app)
    end = time.monotonic() + PASS.total
    outcomes = await on_thread(
        _TIMER, lambda work: _passed(work, "timer", bootstrap.app().resync_known()), PASS.total
    )
    telemetry.log_unannounced(outcomes, time.time())
    await _restarted(
        "timer",
        lambda restarting: restarting.after_pass("timer", outcomes, min(end, _next_pass())),
    )
    _failures.report("timer")
    _raise_redeliverable("timer", outcomes)


@app.function_name("resync")
@app.route("resync", methods=["POST"])
async def resync(req: func.HttpRequest) -> func.HttpResponse:
    """Reconcile what an operator requests; one outcome per vault."""
    try:
        request, outcomes = await on_thread(
            _REQUESTS, lambda work: _resync(work, req), REQUEST.total
        )
    except SyncError as error:
        return _refusal(error)
    restarts: Iterable[Restart] | None = None
    if not request.dry_run:
        end = time.monotonic() + REQUEST.target
        restarts = await _restarted(
            "resync", lambda restarting: restarting.after_pass("resync", outcomes, end)
        )
    told = attempt(lambda: answer_of(outcomes_of(outcomes, restarts or ()), errors(outcomes)))
    return _refusal(told) if isinstance(told, SyncError) else told


def _resync(work: Work, req: func.HttpRequest) -> tuple[Resync, Sequence[Outcome]]:
    trigger = _trigger("resync", req)
    request = parse_resync(whole_body(req.headers, req.get_body()))
    told = bootstrap.app().resync(request, REQUEST.after(work.waited))
    return request, _passed(work, trigger, told)


@app.function_name("status")
@app.route("status", methods=["GET"])
async def status(req: func.HttpRequest) -> func.HttpResponse:
    """Return the stored status of the Secrets; for a named vault also the reasons."""
    return await _answered(lambda work: _status(work, req))


def _status(work: Work, req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("status", req)
    asked = bootstrap.app()
    request = parse_status(req.params)
    budget = REQUEST.after(work.waited)
    began = time.monotonic()
    known = asked.choose(request)
    places = list(asked.places(known.vaults, request))
    told = list(statuses(asked, known, request, budget, places))
    work.log(partial(telemetry.log_status, trigger, [each.error for each in told]))
    explanations: Sequence[Explanation | Refusal | None] = [None] * len(told)
    if request.vault is not None:
        left = budget.after(time.monotonic() - began)
        found = explained(asked, places, request.secret, left)
        explanations = [*map(explanation_of, places, found), *explanations[len(places) :]]
    vaults = tuple(map(status_of, told, explanations))
    return answer_of(Statuses(vaults), [each.error for each in told if each.error])


@app.function_name("plan")
@app.route("plan", methods=["GET"])
async def plan(req: func.HttpRequest) -> func.HttpResponse:
    """Tell what a resync would write, and write nothing."""
    return await _answered(lambda work: _plan(work, req))


def _plan(work: Work, req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("plan", req)
    told = bootstrap.app().resync(parse_plan(req.params), REQUEST.after(work.waited))
    outcomes = _passed(work, trigger, told)
    return answer_of(outcomes_of(outcomes), errors(outcomes))


@app.function_name("explain")
@app.route("explain", methods=["GET"])
async def explain(req: func.HttpRequest) -> func.HttpResponse:
    """Tell where each secret of a vault goes, or why it does not."""
    return await _answered(lambda work: _explain(work, req))


def _explain(work: Work, req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("explain", req)
    asked, request = bootstrap.app(), parse_explain(req.params)
    places = list(asked.places(asked.choose(request).vaults, request))
    told = explained(asked, places, request.secret, REQUEST.after(work.waited))
    failed = [each if isinstance(each, SyncError) else None for each in told]
    work.log(partial(telemetry.log_status, trigger, failed))
    return answer_of(explained_vault_of(places, told), [each for each in failed if each])


@app.function_name("doctor")
@app.route("doctor", methods=["GET"])
async def doctor(req: func.HttpRequest) -> func.HttpResponse:
    """Examine what the sync needs, with the app's identity and settings."""
    return await _answered(lambda work: _doctor(work, req))


def _doctor(work: Work, req: func.HttpRequest) -> func.HttpResponse:
    trigger = _trigger("doctor", req)
    request = parse_doctor(req.params)
    if not _EXAMINING.acquire(blocking=False):
        raise Transient(
            Reason.EXAMINATION_RUNNING, "Another examination is under way: ask again in a while."
        )
    try:
        left = max(0.0, EXAMINATION_SECONDS - work.waited)
        checks = list(bootstrap.doctor().examine(request, left))
    except SettingsError as error:
        checks = list(unparsed(error.faults))
    finally:
        _EXAMINING.release()
    work.log(partial(telemetry.log_checks, trigger, checks))
    return response_of(checks_of(checks, "the app"), HTTPStatus.OK)


@app.function_name("version")
@app.route("version", methods=["GET"])
async def version(req: func.HttpRequest) -> func.HttpResponse:
    """Tell which release this is."""
    done = attempt(lambda: _version(req))
    return _refusal(done) if isinstance(done, SyncError) else done


def _version(req: func.HttpRequest) -> func.HttpResponse:
    _trigger("version", req)
    return response_of(Version(VERSION), HTTPStatus.OK)


@app.function_name("health")
@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding's name
    """Return whether the app can work at all, and nothing else; waits for no thread."""
    useless = attempt(lambda: bootstrap.app().knows_nothing)
    if useless is False:
        return response_of(Health("ok"), HTTPStatus.OK)
    why = useless if isinstance(useless, SyncError) else nothing_known()
    _failures.log("health", Failed("health", why))
    return response_of(Health("misconfigured"), HTTPStatus.SERVICE_UNAVAILABLE)


@app.function_name("openapi")
@app.route("openapi.json", methods=["GET"])
async def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Return the API description, only to callers: strangers need not know what runs here."""
    done = attempt(lambda: _openapi(req))
    return _refusal(done) if isinstance(done, SyncError) else done


def _openapi(req: func.HttpRequest) -> func.HttpResponse:
    _trigger("openapi", req)
    return response_of(describe(entra=bootstrap.platform_authenticates()), HTTPStatus.OK)


def _told[Done](trigger: str, act: Callable[[], Done]) -> Done:
    """Call it; raises only SyncError, since the host logs the text of a trigger's exceptions."""
    done = attempt(act)
    if isinstance(done, SyncError):
        _failures.log(trigger, Failed(trigger, done))
        raise bare(done)
    return done


def _passed(work: Work, trigger: str, told: Iterable[Outcome]) -> list[Outcome]:
    """Log each outcome as it comes, since the pass may be cut short, then their sum."""
    outcomes: list[Outcome] = []
    for outcome in told:
        outcomes.append(outcome)
        work.log(partial(telemetry.log_passed, trigger, outcome))
    work.log(partial(telemetry.log_sum, trigger, outcomes))
    return outcomes


@cache
def _restarting() -> "Restarting | None":
    """Return what restarts workloads after a write; None if the settings restart nothing."""
    restarter = bootstrap.restarter()
    if restarter is None:
        return None
    from sync.restarting import Restarting  # noqa: PLC0415 - off by default

    def look(places: "Places", seconds: float) -> "Awaitable[Look]":
        end = Deadline.after(seconds, time.monotonic)
        return on_thread(_EVENTS, lambda _: restarter.look(places, end), seconds)

    return Restarting(restarter.rules.quiet, look, _failures.log_restart)


async def _restarted[Done](
    trigger: str, restart: Callable[["Restarting"], Coroutine[None, None, Done]]
) -> Done | None:
    """Restart workloads, if the settings do; a failure is logged, and what was synced stands."""

    async def run() -> Done | None:
        restarting = _restarting()
        return await restart(restarting) if restarting else None

    running = asyncio.create_task(run())
    await asyncio.wait([running])
    done = attempt(running.result)
    if isinstance(done, SyncError):
        _failures.log(trigger, Failed("restarts", done))
        return None
    return done


def _next_pass() -> float:
    """Return when the timer runs next, in monotonic seconds."""
    due = bootstrap.app().next_pass()
    return inf if due is None else time.monotonic() + due - time.time()


async def _answered(answer: Callable[[Work], func.HttpResponse]) -> func.HttpResponse:
    try:
        return await on_thread(_REQUESTS, answer, REQUEST.total)
    except SyncError as error:
        return _refusal(error)


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
        return response_of(refusal_of(error), HTTPStatus.UNAUTHORIZED, headers)
    if isinstance(error, SettingsError):
        _failures.log("http", Failed("http", error))
        fault = SettingsFault("SettingsWrong", error.faults)
        return response_of(fault, HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, Unexpected):
        telemetry.log_outcome("http", Failed("request", error))
    return answer_of(refusal_of(error), [error])
