"""Rehearses a rotation on the local stack, and records the commands and what they print."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from local.stack import ROOT
from tests.functional.world import Place, World
from tests.leaks.dye import value

PAGE = Path(__file__).parents[3] / "docs" / "compare.md"
START, END = "<!-- rotation: written by make operate -->\n", "<!-- end of rotation -->\n"
_VAULT, _SECRET = "weu-DS-AKV-orders-dev-1", "db-password"
_VERSION = re.compile(r"\b[0-9a-f]{32}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")
_ANY_TIME = "2026-01-31 12:00:00Z"


def run(world: World) -> str:
    """Return the record: what is done in the vault as comments, then each command and its output.

    Versions and times are replaced by fixed ones.
    """
    place = world.place(_VAULT)
    place.put(_SECRET, value())
    world.bring(place)
    waited = ("wait", place.name, _SECRET, "--timeout", "60")
    with world.app(place) as app:
        done = ["# a new version of db-password is set in the vault\n"]
        place.put(_SECRET, value())
        done += [_told(app, *waited), _told(app, "explain", place.name, _SECRET)]
        done += ["\n# another new version, whose tag k8s-sync says perhaps\n"]
        place.put(_SECRET, value(), sync="perhaps")
        app.settle()
        done += [_told(app, *waited), _told(app, "status", place.name)]
        done += ["\n# the version is set again, with k8s-sync: true\n"]
        place.put(_SECRET, value(), sync="true")
        done += [_told(app, *waited)]
        _check(app, place)
    return _fixed("".join(done))


def rewritten(record: str) -> str:
    """Return the page with that record."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n```\n{record}```\n\n{END}{after}"


def _told(app: World, *arguments: str) -> str:
    """Run a command on the app; return it with its output and exit code."""
    environment = {
        **app.host.environment,
        "KEYVAULT_SYNC_APP": app.host.url,
        "KEYVAULT_SYNC_KEY": app.host.function_key,
    }
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "sync", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = f"exit code {done.returncode}"
    return f"$ keyvault-sync {' '.join(arguments)}\n{done.stdout}{ended}\n"


def _check(app: World, place: Place) -> None:
    """See that the Secret holds what was set last."""
    app.settle()
    assert place.data() == place.wanted()


def _fixed(record: str) -> str:
    """Replace each version by one made of its number, so that a repeated run prints the same."""
    found = list(dict.fromkeys(_VERSION.findall(record)))
    for number, version in enumerate(found):
        record = record.replace(version, sha256(f"version {number}".encode()).hexdigest()[:32])
    return _TIME.sub(_ANY_TIME, record)
