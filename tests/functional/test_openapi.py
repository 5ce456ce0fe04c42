"""The HTTP API held to its own description by schemathesis, with the app's real parts behind it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.soak.samples import look
from tests.functional.world import Place, World
from tests.leaks.dye import value
from tests.leaks.search import leaks

CONFIG = Path(__file__).with_name("schemathesis.toml")
CASES = int(os.environ.get("API_CASES", "10"))
"""Cases for each operation in each phase: set it, and each run tries others."""
CHOICE = "--generation-database=none" if "API_CASES" in os.environ else "--generation-deterministic"
GROWTH = 32 * 1024 * 1024  # bytes; a leak of one body or plan a request is far more


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that schemathesis sent, and its answer."""

    operation: str
    status: int
    told: str


@pytest.fixture
def places(world: World) -> list[Place]:
    """Return the vaults of the description's examples, with something of everything in them."""
    one = world.place("weu-DS-AKV-shop-dev-1", age=600, silent=True)
    two = world.place("weu-DS-AKV-shop-dev-2", age=600, silent=True)
    world.stack.bind(one.namespace, one.secret, two.secret, f"{one.secret}-web")
    one.renew("db-password", "old", "off")
    one.vault.set_secret("web-key", value(), tags={"k8s-secret": "web"})
    one.vault.set_secret("members", json.dumps({"a": value()}), tags={"k8s-expand": "json"})
    one.vault.disable("off")
    two.vault.set_secret("db-password", value())
    two.vault.set_secret("wrong", value(), tags={"k8s-sync": "perhaps"})
    return [one, two]


def schemathesis(app: World, folder: Path) -> list[Exchange]:
    """Run it against the app; return what was sent and answered, and fail with what it found."""
    description, report = folder / "openapi.json", folder / "report.har"
    description.write_text(app.get("/api/openapi.json").text)
    done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG),
            *("run", description, "--url", app.host.url, "--no-color"),
            *("--header", f"x-functions-key: {app.host.function_key}"),
            *("--max-examples", str(CASES), CHOICE, "--continue-on-failure"),
            *("--report", "har", "--report-har-path", report, "--output-sanitize", "false"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return list(_exchanges(report, app.host.url))


def _exchanges(report: Path, url: str) -> Iterator[Exchange]:
    for entry in json.loads(report.read_text())["log"]["entries"]:
        request, answer = entry["request"], entry["response"]
        path = request["url"].removeprefix(url).partition("?")[0]
        told = json.dumps(answer["headers"]) + answer["content"].get("text", "")
        yield Exchange(f"{request['method']} {path}", answer["status"], told)


def statuses(exchanges: list[Exchange], operation: str) -> set[int]:
    """Return the statuses that an operation answered with."""
    return {each.status for each in exchanges if each.operation == operation}


def test_the_app_does_what_its_description_says(
    world: World, places: list[Place], tmp_path: Path
) -> None:
    """Whatever is sent, answers are as described; no crash, no stray write, no value, no growth."""
    beside = world.filled("key", silent=True)
    world.stack.cluster.put_secret(beside.namespace, beside.secret, {"theirs": value().encode()})
    untouched = beside.document()
    with world.app(*places) as app:
        app.post("/api/resync", {"all": True})
        time.sleep(4)  # by then what was read is settled, and noted by the next
        app.post("/api/resync", {"all": True})
        app.get("/api/status")
        held = [(place.data(), place.revision()) for place in places]
        before = resident(app)
        exchanges = schemathesis(app, tmp_path)
        grown = resident(app) - before
        assert app.get("/api/health").body == {"status": "ok"}
        assert app.get("/api/status?vault=shop").status == 404  # which is not always drawn
        assert app.resync(places[0]).status == 200
    assert statuses(exchanges, "POST /api/resync") >= {200, 400, 401, 404, 422}
    assert statuses(exchanges, "GET /api/status") >= {200, 400, 401}
    assert statuses(exchanges, "GET /api/openapi.json") == {200, 401}
    assert statuses(exchanges, "GET /api/health") == {200}
    assert [place for each in exchanges for place in leaks(each.told)] == []
    assert [(place.data(), place.revision()) for place in places] == held
    assert beside.document() == untouched
    assert grown < GROWTH


def resident(app: World) -> int:
    """Return the bytes that the app's process holds, where the system tells."""
    return look(app.host.pid, {}).resident if sys.platform == "linux" else 0
