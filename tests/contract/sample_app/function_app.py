"""A tiny app with one function for each rule of the Functions host."""

# ruff: noqa: ARG001 - the runtime binds `req` by name, whether or not a function reads it

import asyncio
import json
import logging
import os
import sys
import threading
import time

import azure.functions as func

app = func.FunctionApp()

_seen: list[str] = []
_guard = threading.Lock()
_running = 0
_most = 0


def _record(text: str) -> None:
    with _guard:
        _seen.append(text)


@app.event_grid_trigger(arg_name="event")
def sync_event(event: str) -> None:
    """Record the event as it came; fail where its data say so."""
    if json.loads(event).get("data") == "fail":
        raise RuntimeError("planted-event-text")
    _record(event)


@app.event_grid_trigger(arg_name="event")
async def async_event(event: str) -> None:
    """Record the event as it came, from a coroutine."""
    await asyncio.sleep(0)
    _record(event)


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def tick(timer: func.TimerRequest) -> None:
    """Record that the timer ran, slower than it is due."""
    global _running, _most  # noqa: PLW0603 - the app's whole state is global
    with _guard:
        _running += 1
        _most = max(_most, _running)
    time.sleep(0.1)
    with _guard:
        _running -= 1
        _seen.append(f"tick past_due={timer.past_due} most={_most}")


@app.route("seen", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def seen(req: func.HttpRequest) -> func.HttpResponse:
    """Answer all that was recorded."""
    with _guard:
        return func.HttpResponse(json.dumps(_seen), mimetype="application/json")


@app.route("echo/{word}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Answer the request's parts, with a status and a header of its own."""
    logging.getLogger("app").info("echoing")
    parts = {
        "method": req.method,
        "url": req.url,
        "word": req.route_params["word"],
        "query": req.params.get("q"),
        "header": req.headers.get("x-asked"),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(
        json.dumps(parts), status_code=203, headers={"x-answered": "yes", "Set-Cookie": "a=b"}
    )


@app.route("secret", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def secret(req: func.HttpRequest) -> str:
    """Answer a plain string to the holder of the master key."""
    return "for the master"


@app.route("host", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def host(req: func.HttpRequest) -> str:
    """Answer the host and port that the environment names."""
    return os.environ["WEBSITE_HOSTNAME"]


@app.route("slow", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> str:
    """Answer the most calls that were under way at once."""
    global _running, _most  # noqa: PLW0603 - as above
    with _guard:
        _running += 1
        _most = max(_most, _running)
    logging.getLogger("app").info("slow begins")
    time.sleep(0.3)
    with _guard:
        _running -= 1
        return str(_most)


@app.route("threads", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def threads(req: func.HttpRequest) -> str:
    """Answer how many threads the host gives to the worker."""
    return os.environ["PYTHON_THREADPOOL_THREAD_COUNT"]


@app.route("beside", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def beside(req: func.HttpRequest) -> str:
    """Log in a thread of its own, and in the function itself."""
    await asyncio.to_thread(logging.getLogger("app").info, "beside its invocation")
    logging.getLogger("app").info("within its invocation")
    sys.stderr.write("printed to stderr\n")
    return "done"


@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> str:
    """Raise."""
    raise RuntimeError("planted-http-text")
