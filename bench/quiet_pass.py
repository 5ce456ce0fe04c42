"""Measures a pass of the timer over a vault in which nothing has changed."""

import json
from dataclasses import dataclass

from bench.single_event import Place, timed
from bench.site import Line, Site, kubernetes_path, list_path
from bench.timing import Times

_TIMER = "/admin/functions/reconcile_drift?wait=true"
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class PassTimes:
    """The timer's pass, and the same calls in a row on bare connections."""

    passed: Times
    floor: Times


def measure(site: Site, place: Place, repeats: int) -> PassTimes:
    """Let passes and floors take turns."""
    host, cluster, door = site.host(), site.cluster(), site.vault(place.vault)
    pages = _pages(door)

    def floor() -> None:
        cluster.ask("GET", kubernetes_path(place.namespace))
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
