"""Measures a timer pass over an unchanged vault."""

import json
from dataclasses import dataclass

from bench.connections import Access, Line, list_path, own_path
from bench.single_event import timed
from bench.timing import Times

_TIMER = "/admin/functions/reconcile_drift?wait=true"
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class PassTimes:
    """The timer pass, and the same calls in sequence on bare connections."""

    passed: Times
    floor: Times


def measure(access: Access, vault: str, repeats: int) -> PassTimes:
    """Alternate between passes and floors."""
    host, cluster, door = access.host(), access.cluster(), access.vault(vault)
    pages = _pages(door)

    def floor() -> None:
        cluster.ask("GET", own_path(vault))
        for page in pages:
            door.ask("GET", page)

    def passed() -> None:
        host.ask("POST", _TIMER, b"{}")

    taken = [(timed(passed), timed(floor)) for _ in range(_WARM_UP + repeats)]
    passes, floors = zip(*taken[_WARM_UP:], strict=True)
    return PassTimes(Times(passes), Times(floors))


def _pages(vault: Line) -> list[str]:
    """Follow the listing once, and return the path of each page."""
    path: str | None = list_path()
    paths: list[str] = []
    while path:
        paths.append(path)
        page: dict[str, str | None] = json.loads(vault.ask("GET", path))
        link = page["nextLink"]
        path = link and "/" + link.split("/", 3)[3]
    return paths
