"""Measures a fresh process that indexes and invokes the app, against only importing its SDKs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.timing import Times
from local.stack import ROOT

_FLOOR = """
import azure.functions, azure.identity, azure.keyvault.secrets, kubernetes.client
print("imported", flush=True)
"""
_APP = """
import asyncio, sys
from pathlib import Path
from azure_functions_runtime.bindings.datumdef import Datum
from local.functions_host.worker import Worker

async def start():
    worker = await Worker.index(Path.cwd())
    print("indexed", flush=True)
    await worker.invoke(worker.functions["key_vault_event"], Datum(sys.argv[1], "json"))
    print("invoked", flush=True)

asyncio.run(start())
"""


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Times from a process's start until it has imported, indexed and served a first event."""

    imported: Times
    indexed: Times
    invoked: Times


def measure(
    environment: Mapping[str, str], next_event: Callable[[], object], repeats: int
) -> StartTimes:
    """Start the kinds of processes alternately; each of the app's gets its own event."""
    taken: list[tuple[float, float, float]] = []
    for _ in range(repeats + 1):
        (imported,) = _run(_FLOOR, environment)
        indexed, invoked = _run(_APP, environment, json.dumps(next_event()))
        taken.append((imported, indexed, invoked))
    imports, indexes, invocations = zip(*taken[1:], strict=True)  # the first wrote the byte code
    return StartTimes(Times(imports), Times(indexes), Times(invocations))


def _run(code: str, environment: Mapping[str, str], *arguments: str) -> list[float]:
    """Return the seconds from the process's start to each line that it prints."""
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, *arguments],
        env=dict(environment),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        moments = [time.perf_counter() - began for _ in process.stdout]
        errors = process.stderr.read().decode() if process.stderr else ""
    if process.returncode:
        raise RuntimeError(errors)
    return moments
