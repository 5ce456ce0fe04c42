"""Measures one event: from its POST until the Secret has the new value."""

import json
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.site import Line, Site, kubernetes_path, put_secret, secret_path
from bench.timing import Times
from local.stack import SUBSCRIPTION

KEY = "db-password"
_APPLY = "?fieldManager=keyvault-sync&force=true"
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The POST of an event, its floor straight and by the app's proxy, and an empty function."""

    posted: Times
    floor: Times
    floor_by_proxy: Times
    empty_function: Times


@dataclass(frozen=True, slots=True)
class Place:
    """A vault, the namespace of its Secret, which exists, and one where floors may write."""

    vault: str
    namespace: str
    spare: str


def measure(site: Site, place: Place, repeats: int) -> EventTimes:
    """Let events of new versions and floors take turns.

    Raises RuntimeError where a 202 comes before the Secret has the value.
    """
    lines = _Lines(site, place.vault)
    floor = Floor(lines.vault, lines.cluster, place)
    by_proxy = Floor(site.vault_by_proxy(place.vault), lines.cluster, place)
    taken = [
        (
            _posted(lines, place, f"value-{turn}"),
            timed(floor.turn(f"floor-{turn}")),
            timed(by_proxy.turn(f"proxy-{turn}")),
            timed(lambda: lines.host.ask("GET", "/api/health")),
        )
        for turn in range(_WARM_UP + repeats)
    ]
    posted, straight, proxied, empty = zip(*taken[_WARM_UP:], strict=True)
    return EventTimes(Times(posted), Times(straight), Times(proxied), Times(empty))


def event(vault: str, secret: str, version: str) -> dict[str, object]:
    """Write the event that a vault publishes of a new version."""
    return {
        "id": str(uuid.uuid4()),
        "topic": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
        f"/providers/Microsoft.KeyVault/vaults/{vault}",
        "subject": secret,
        "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        "data": {
            "Id": f"https://{vault.lower()}.vault.azure.net/secrets/{secret}/{version}",
            "VaultName": vault,
            "ObjectType": "Secret",
            "ObjectName": secret,
            "Version": version,
            "NBF": None,
            "EXP": None,
        },
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Floor:
    """One vault get, one Secret get and one apply in a row, on bare connections.

    The apply writes what the app wrote, with one value changed, to a Secret of the spare namespace.
    """

    def __init__(self, vault: Line, cluster: Line, place: Place) -> None:
        self._vault = vault
        self._cluster = cluster
        self._path = kubernetes_path(place.spare)
        secret: dict[str, dict[str, dict[str, str]]] = json.loads(
            cluster.ask("GET", kubernetes_path(place.namespace))
        )
        written = secret["metadata"]
        self._document: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": written["name"],
                "namespace": place.spare,
                "labels": written["labels"],
                "annotations": written["annotations"],
            },
            "type": secret["type"],
        }
        self._data = secret["data"]
        self.apply(self.body("first"))

    def write(self, value: str) -> Callable[[], None]:
        """Prepare the apply alone."""
        body = self.body(value)
        return lambda: self.apply(body)

    def body(self, value: str) -> bytes:
        """Return an apply of the Secret with that value."""
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
    def __init__(self, site: Site, vault: str) -> None:
        self.vault = site.vault(vault)
        self.cluster = site.cluster()
        self.host = site.host()
        self.webhook = site.webhook


def _posted(lines: _Lines, place: Place, value: str) -> float:
    version = put_secret(lines.vault, KEY, value).rpartition("/")[2]
    body = json.dumps([event(place.vault, KEY, version)]).encode()
    took = timed(lambda: lines.host.ask("POST", lines.webhook, body))
    secret: dict[str, dict[str, str]] = json.loads(
        lines.cluster.ask("GET", kubernetes_path(place.namespace))
    )
    if secret["data"][KEY] != b64encode(value.encode()).decode():
        raise RuntimeError("an event was acknowledged before its value was in the Secret")
    return took
