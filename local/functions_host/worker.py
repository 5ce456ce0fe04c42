"""Drives an app through `azure-functions-runtime`: indexes its folder and invokes its functions."""

import asyncio
import logging
import os
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import azure_functions_runtime as runtime  # type: ignore[import-untyped]  # it ships no types
from azure_functions_runtime.bindings.context import (  # type: ignore[import-untyped]  # as above
    _invocation_id_local,
)
from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped]  # as above
    Datum,
)
from azure_functions_runtime.native_invocation import (  # type: ignore[import-untyped]  # as above
    invocation_request_native,
)

from local.functions_host import protos
from local.functions_host.triggers import Function, read_function

_THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
_MOST_THREADS = "1000"
"""What the real host sets where nothing is: `ApplyWorkerConcurrencyLimits` there."""

_log = logging.getLogger("host")
_running: dict[str, str] = {}  # the function's name by invocation


class IndexingError(Exception):
    """The folder contains no app that can be indexed; the message is the runtime's."""


class InvocationFailedError(Exception):
    """The function raised, or returned what its bindings cannot carry; the log has the reason."""


class Worker:
    """One app's functions. The runtime keeps its registry in globals: one app per process."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def index(cls, folder: Path) -> Self:
        """Index the app in the folder; raises IndexingError with the reason on failure."""
        sys.path.insert(0, str(folder))
        if not os.environ.get(_THREADS):
            os.environ[_THREADS] = _MOST_THREADS
        runtime.start_threadpool_executor()
        request = SimpleNamespace(
            request=SimpleNamespace(
                worker_init_request=SimpleNamespace(
                    capabilities={}, function_app_directory=str(folder)
                )
            ),
            properties={"host": "127.0.0.1", "protos": protos},
        )
        started: protos.WorkerInitResponse = await runtime.worker_init_request(request)
        if started.result.status != protos.StatusResult.Success:
            fault = started.result.exception
            raise IndexingError(f"{fault.message}\n{fault.stack_trace}")
        answer: protos.FunctionMetadataResponse = await runtime.functions_metadata_request(None)
        if not answer.function_metadata_results:
            raise IndexingError(f"no function_app.py with functions in {folder}")
        found = (read_function(metadata) for metadata in answer.function_metadata_results)
        return cls({function.name: function for function in found})

    def function(self, name: str) -> Function | None:
        """Return the function of that name in any case, None if there is none."""
        return next((f for each, f in self.functions.items() if each.lower() == name.lower()), None)

    async def invoke(self, function: Function, payload: Datum) -> Datum | None:
        """Invoke the function and return its `$return`; raises InvocationFailedError."""
        invocation = str(uuid.uuid4())
        _running[invocation] = function.name
        self._idle.clear()
        current = runtime.invocation_id_cv.set(invocation)
        began = time.monotonic()
        try:
            succeeded, answer, *_ = await invocation_request_native(
                invocation, function.id, [(function.parameter, payload)], {}
            )
            _log.info(
                "executed %s: %s in %d ms",
                function.name,
                "succeeded" if succeeded else "failed",
                (time.monotonic() - began) * 1000,
            )
        finally:
            runtime.invocation_id_cv.reset(current)
            del _running[invocation]
            if not _running:
                self._idle.set()
        if not succeeded:
            raise InvocationFailedError(function.name)
        return answer

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing runs; return False if that takes longer than the seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def current_invocation() -> tuple[str, str] | None:
    """Return the names of the function and the invocation of the calling task or thread.

    As in Azure's worker a task has that of its function, and so has a thread of the worker's own
    pool; a thread that the app starts has none. `get_current_invocation_id` in
    workers/proxy_worker/dispatcher.py of Azure/azure-functions-python-worker.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        invocation = getattr(_invocation_id_local, "invocation_id", None)
    else:
        invocation = runtime.invocation_id_cv.get()
    if invocation is None or invocation not in _running:
        return None
    return _running[invocation], invocation
