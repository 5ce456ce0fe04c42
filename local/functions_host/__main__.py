"""Runs the host as a process: `python -m local.functions_host --app DIR --port N`."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from local.functions_host.app import HostJson, host_app
from local.functions_host.authentication import PRINCIPALS, Authentication
from local.functions_host.keys import Keys
from local.functions_host.worker import IndexingError, Worker, current_invocation
from local.serving import LOOPBACK

_GRACE_SECONDS = 5.0
_ANSWER_SECONDS = 0.5
_OF_THE_HOST = ("host", "aiohttp", "asyncio", "azure.functions", "azure_functions_runtime")


def main() -> int:
    """Serve until SIGTERM or SIGINT; return 1 if the app cannot be served."""
    options = _options()
    _log_to_stderr()
    try:
        return asyncio.run(_serve(options))
    except (IndexingError, OSError, ValueError) as error:
        print(f"cannot serve {options.app}: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host")
    parser.add_argument("--app", type=Path, required=True, help="folder of function_app.py")
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument(
        "--until-eof", action="store_true", help="leave when the standard input ends, too"
    )
    parser.add_argument("--no-timer", action="store_true", help="timers run by admin call alone")
    for name in Keys.__slots__:
        parser.add_argument(f"--{name.replace('_', '-')}-key", help="made and printed by default")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> int:
    folder = options.app.resolve()
    authentication = Authentication.of(os.environ)
    os.environ.pop(PRINCIPALS, None)  # the platform's, not the app's
    listener = socket.create_server((LOOPBACK, options.port), backlog=512)
    address = f"{LOOPBACK}:{listener.getsockname()[1]}"
    os.environ.setdefault("WEBSITE_HOSTNAME", address)  # as App Service names it to an app
    host_json = HostJson.read(folder)
    worker = await Worker.index(folder)
    given = {name: getattr(options, f"{name}_key") for name in Keys.__slots__}
    keys = Keys(**{name: key for name, key in given.items() if key})
    app = host_app(
        worker,
        keys,
        host_json,
        timer=not options.no_timer,
        authentication=authentication,
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_ANSWER_SECONDS)
    await runner.setup()
    site = web.SockSite(runner, listener)
    await site.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if options.until_eof:
        await asyncio.get_running_loop().connect_read_pipe(lambda: _Leash(stopped), sys.stdin)
    print(f"listening on http://{address}", flush=True)
    for name in (name for name, key in given.items() if not key):
        print(f"{name} key: {getattr(keys, name)}", flush=True)
    await stopped.wait()
    await site.stop()
    assert runner.server is not None
    runner.server.pre_shutdown()
    if not await worker.drain(_GRACE_SECONDS):
        print("stopped with invocations still running", file=sys.stderr, flush=True)
        os._exit(0)  # a thread of a synchronous function would keep the interpreter alive
    await runner.cleanup()
    return 0


class _Leash(asyncio.Protocol):
    """A pipe from the process that started the host; it closes however that process ends."""

    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped

    def connection_lost(self, _error: Exception | None) -> None:
        """Stop."""
        self._stopped.set()


def _log_to_stderr() -> None:
    """Log what Azure's worker passes on, and print what the real host loses.

    That is what the app logs outside of an invocation: while it is indexed, or on a thread of its
    own. What it prints to stderr arrives.
    """

    def arrives(record: logging.LogRecord) -> bool:
        match current_invocation():
            case (function, invocation):
                record.function, record.invocation = function, invocation
                return True
            case None:
                record.function, record.invocation = "-", "-"
                return record.name.startswith(_OF_THE_HOST)

    kept, lost = logging.StreamHandler(sys.stderr), logging.StreamHandler(sys.stdout)
    kept.addFilter(arrives)
    kept.setFormatter(
        logging.Formatter(
            "%(asctime)s %(levelname)s [%(function)s %(invocation)s] %(name)s: %(message)s"
        )
    )
    lost.addFilter(lambda record: not arrives(record))
    lost.setFormatter(logging.Formatter("lost: %(levelname)s %(name)s: %(message)s"))
    wordy = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    level = logging.DEBUG if wordy else logging.INFO  # as Azure's worker does
    logging.basicConfig(level=level, handlers=[kept, lost], force=True)
    logging.getLogger("azure.functions").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
