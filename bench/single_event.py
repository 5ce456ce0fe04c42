"""Measures one event: from its POST until the Secret has the new value."""

import json
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from bench.connections import Access, Line, kubernetes_path, own_path, put_secret, secret_path
from bench.timing import Times
from tests.kit.events import new_version

KEY = "db-password"
SPARE = "spare-dev"
"""The namespace to which floors may write."""

_APPLY = "?fieldManager=keyvault-sync&force=true"
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The POST of an event, its floors without and with the app's proxy, and an empty function."""

    posted: Times
    floor: Times
    floor_by_proxy: Times
    empty_function: Times


def measure(access: Access, vault: str, repeats: int) -> EventTimes:
    """Alternate between events of new versions and floors.

    Raises RuntimeError if a 202 arrives before the Secret has the value.
    """
    lines = _Lines(access, vault)
    floor = Floor(lines.vault, lines.cluster, vault)
    by_proxy = Floor(access.vault_by_proxy(vault), lines.cluster, vault)
    taken = [
        (
            _posted(lines, vault, f"value-{turn}"),
            timed(floor.turn(f"floor-{turn}")),
            timed(by_proxy.turn(f"proxy-{turn}")),
            timed(lambda: lines.host.ask("GET", "/api/health")),
        )
        for turn in range(_WARM_UP + repeats)
    ]
    posted, straight, proxied, empty = zip(*taken[_WARM_UP:], strict=True)
    return EventTimes(Times(posted), Times(straight), Times(proxied), Times(empty))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Floor:
    """One vault get, one Secret get and one apply in sequence, on bare connections.

    The apply writes what the app wrote, with one value changed, to a Secret in the spare namespace.
    """

    def __init__(self, door: Line, cluster: Line, vault: str) -> None:
        self._vault = door
        self._cluster = cluster
        self._path = kubernetes_path(SPARE)
        secret: dict[str, dict[str, dict[str, str]]] = json.loads(
            cluster.ask("GET", own_path(vault))
        )
        written = secret["metadata"]
        self._document: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": written["name"],
                "namespace": SPARE,
                "labels": written["labels"],
                "annotations": written["annotations"],
            },
            "type": secret["type"],
        }
        self._data = secret["data"]
        self.apply(self.body("first"))

    def write(self, value: str) -> Callable[[], None]:
        """Prepare only the apply."""
        body = self.body(value)
        return lambda: self.apply(body)

    def body(self, value: str) -> bytes:
        """Return the body of an apply with that value."""
        data = {**self._data, KEY: b64encode(value.encode()).decode()}
        return json.dumps({**self._document, "data": data}, separators=(",", ":")).encode()

    def turn(self, value: str) -> Callable[[], None]:
        """Prepare the three calls."""
        body = self.body(value)

        def call() -> None:
            self._vault.ask("GET", secret_path(KEY))
            self._cluster.ask("GET", self._path)
            self.apply(body)

        return call

    def apply(self, body: bytes) -> None:
        """Apply a prepared body."""
        self._cluster.ask("PATCH", self._path + _APPLY, body, "application/apply-patch+yaml")


class _Lines:
    def __init__(self, access: Access, vault: str) -> None:
        self.vault = access.vault(vault)
        self.cluster = access.cluster()
        self.host = access.host()
        self.webhook = access.webhook


def _posted(lines: _Lines, vault: str, value: str) -> float:
    version = put_secret(lines.vault, KEY, value).rpartition("/")[2]
    body = json.dumps([new_version(vault, KEY, version)]).encode()
    took = timed(lambda: lines.host.ask("POST", lines.webhook, body))
    secret: dict[str, dict[str, str]] = json.loads(lines.cluster.ask("GET", own_path(vault)))
    if secret["data"][KEY] != b64encode(value.encode()).decode():
        raise RuntimeError("an event was acknowledged before its value was in the Secret")
    return took
