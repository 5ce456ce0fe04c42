"""The app as Microsoft's runtime library indexes it."""

import json
import subprocess
import sys

import pytest

from local.stack import ROOT

_INDEX = """
import asyncio, json
from dataclasses import asdict
from pathlib import Path
from local.functions_host.worker import Worker
worker = asyncio.run(Worker.index(Path.cwd()))
print(json.dumps({f.name: [type(f.trigger).__name__, asdict(f.trigger)]
                  for f in worker.functions.values()}))
"""

_GETS = ("status", "plan", "explain", "doctor", "version", "openapi")
"""The routes that ask, each by a name of its own."""


def indexed(**settings: str) -> dict[str, list[object]]:
    """Index the app in a fresh process with those settings alone; return its triggers by name."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-W", "error::SyntaxWarning", "-c", _INDEX],
        env=settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    triggers: dict[str, list[object]] = json.loads(done.stdout)
    return triggers


def test_behind_app_service_authentication_no_route_asks_for_a_key() -> None:
    """Where the platform authenticates, the host lets callers pass and the app asks for them."""
    levels = {
        name: trigger["auth_level"]
        for name, (_, trigger) in indexed(WEBSITE_AUTH_ENABLED="True", SYNC_TYPO="x").items()
        if isinstance(trigger, dict) and "auth_level" in trigger
    }
    assert levels == dict.fromkeys((*_GETS, "resync", "health"), "ANONYMOUS")


@pytest.mark.parametrize(
    ("settings", "schedule"),
    [
        ({}, "0 */5 * * * *"),
        ({"SYNC_SCHEDULE": "30 0 4 * * *"}, "30 0 4 * * *"),
        ({"SYNC_SCHEDULE": "often"}, "0 */5 * * * *"),
        ({"SYNC_SCHEDULE": "0 */2 * * * *", "SYNC_TYPO": "x"}, "0 */5 * * * *"),
    ],
    ids=["default", "own", "wrong", "another wrong"],
)
def test_the_app_has_its_functions(settings: dict[str, str], schedule: str) -> None:
    """Indexing finds the contract's functions and the description, whatever the settings."""
    assert indexed(**settings) == {
        "key_vault_event": ["EventGridTrigger", {}],
        "reconcile_drift": ["TimerTrigger", {"schedule": schedule, "run_on_startup": False}],
        "resync": [
            "HttpTrigger",
            {"route": "resync", "methods": ["POST"], "auth_level": "FUNCTION"},
        ],
        **{
            name: [
                "HttpTrigger",
                {
                    "route": "openapi.json" if name == "openapi" else name,
                    "methods": ["GET"],
                    "auth_level": "FUNCTION",
                },
            ]
            for name in _GETS
        },
        "health": [
            "HttpTrigger",
            {"route": "health", "methods": ["GET"], "auth_level": "ANONYMOUS"},
        ],
    }
