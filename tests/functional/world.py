"""What the functional tests act on: the deployed app, and a vault and a namespace for each test."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from local.event_grid import Schema, Subscription
from local.host_process import Answer, HostProcess
from local.key_vault import Refused, Vault
from local.kubernetes.documents import Document, child, text, texts
from local.kubernetes.status import ApiError
from local.stack import SUBSCRIPTION, Stack
from tests.described import faults
from tests.leaks.search import leaks

EVENTS = "key_vault_event"
TIMER = "reconcile_drift"
NEW_VERSION = "Microsoft.KeyVault.SecretNewVersionCreated"

_NUMBERS = count(1)
_DEADLINE_SECONDS = 20.0


def wait_until(true: Callable[[], bool]) -> None:
    """Poll until that is so; fails after a deadline."""
    end = time.monotonic() + _DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < end, "this never came to be"
        time.sleep(0.02)


@dataclass(slots=True)
class Clock:
    """A vault's clock: `ahead` of ours by some seconds, or standing still at `frozen`."""

    ahead: float = 0.0
    frozen: float | None = None

    def __call__(self) -> float:
        """Return epoch seconds."""
        return time.time() + self.ahead if self.frozen is None else self.frozen


@dataclass(frozen=True, slots=True)
class Place:
    """A vault and the Secret that it is kept in."""

    stack: Stack = field(repr=False)
    vault: Vault
    clock: Clock
    namespace: str
    secret: str = "keyvault-project"

    @property
    def name(self) -> str:
        """The vault's name as the app's answers have it."""
        return self.vault.name.lower()

    def document(self) -> Document:
        """Return the whole Secret; empty where there is none."""
        try:
            return self.stack.cluster.secret(self.namespace, self.secret)
        except ApiError:
            return {}

    def data(self) -> dict[str, str] | None:
        """Return the keys and their values; None without a Secret."""
        if not (document := self.document()):
            return None
        return {k: base64.b64decode(v).decode() for k, v in texts(document, "data").items()}

    def labels(self) -> dict[str, str]:
        """Return the Secret's labels."""
        return texts(child(self.document(), "metadata"), "labels")

    def state(self) -> str:
        """Return the Secret's annotation; empty without one."""
        return texts(child(self.document(), "metadata"), "annotations").get(
            "keyvault-sync/state", ""
        )

    def records(self) -> dict[str, list[object]]:
        """Return what the annotation says of each key."""
        records: dict[str, list[object]] = json.loads(self.state())["secrets"]
        return records

    def revision(self) -> str:
        """Return the Secret's resourceVersion; empty where there is none."""
        return text(child(self.document(), "metadata"), "resourceVersion")

    def wanted(self) -> dict[str, str]:
        """Return what the vault serves: every secret that it has and that is enabled."""
        served: dict[str, str] = {}
        for name in self.vault.names():
            try:
                served[name] = self.vault.get_secret(name).value
            except Refused:
                continue
        return served

    def event(self, secret: str, version: str = "", **changes: object) -> dict[str, object]:
        """Make an event of this vault in Event Grid's schema; `changes` replace whole fields."""
        return {
            "id": str(uuid.uuid4()),
            "topic": self.vault.resource_id,
            "subject": secret,
            "eventType": NEW_VERSION,
            "eventTime": datetime.now(UTC).isoformat(),
            "data": {
                "Id": f"{self.vault.url}/secrets/{secret}/{version}",
                "VaultName": self.vault.name,
                "ObjectType": "Secret",
                "ObjectName": secret,
                "Version": version,
                "NBF": None,
                "EXP": None,
            },
            "dataVersion": "1",
            "metadataVersion": "1",
            **changes,
        }


@dataclass(frozen=True, slots=True)
class World:
    """The stack, one host of the app on it, and what that host told during one test."""

    stack: Stack
    host: HostProcess
    log_start: int
    answers: list[Answer] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    @classmethod
    def of(cls, stack: Stack, host: HostProcess) -> "World":
        """Start to watch what the host tells."""
        return cls(stack, host, _log(stack).stat().st_size)

    def place(
        self,
        name: str = "weu-DS-AKV-{}-dev-1",
        *,
        age: float = 0.0,
        silent: bool = False,
        namespace: bool = True,
        subscription: str = SUBSCRIPTION,
    ) -> Place:
        """Make a vault, and the namespace that its name leads to unless there is one.

        `{}` in the name becomes a project of its own. All that happens in the vault is `age`
        seconds old, until its clock is set: move it between two changes to one secret, as an old
        `updated` is trusted to the second. Of a silent vault no event comes.
        """
        name = name.format(f"p{next(_NUMBERS)}")
        clock = Clock(-age)
        vaults = self.stack.vaults
        usual = vaults.clock, vaults.publish
        vaults.clock, vaults.publish = clock, (lambda _: None) if silent else vaults.publish
        try:
            vault = self.stack.vault(name, subscription)
        finally:
            vaults.clock, vaults.publish = usual
        _, _, _, *project, stage, number = name.lower().split("-")
        secret = "keyvault-project" if number == "1" else f"keyvault-{number}"
        place = Place(self.stack, vault, clock, "-".join([*project, stage]), secret)
        beside = [other for other in self.places if other.namespace == place.namespace]
        self.places.append(place)
        if namespace and not beside:
            self.stack.namespace(place.namespace, place.secret)
        elif namespace:
            self.stack.bind(place.namespace, *{each.secret for each in (place, *beside)})
        return place

    def settle(self) -> None:
        """Wait until every event has been delivered and answered."""
        assert self.stack.settle()

    def deliver(self, event: object) -> int:
        """Post an event to the app; return the status."""
        return self.host.deliver(EVENTS, event)

    def resync(self, place: Place, **fields: object) -> Answer:
        """Resync one vault over HTTP."""
        return self.post("/api/resync", {"vault": place.name, **fields})

    def post(self, path: str, body: object) -> Answer:
        """POST to the app with its key."""
        return self._told(f"POST {path}", self.host.post(path, body))

    def get(self, path: str) -> Answer:
        """GET from the app with its key."""
        return self._told(f"GET {path}", self.host.get(path))

    def _told(self, request: str, answer: Answer) -> Answer:
        """Note an answer, which is as the app's own description has it."""
        self.answers.append(answer)
        assert faults(request, answer.status, answer.headers, answer.text) == []
        return answer

    def log(self) -> str:
        """Return what the app logged since the test began."""
        with _log(self.stack).open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def logged(self, level: str, *words: str) -> bool:
        """Tell whether a line of that level holds all those words."""
        return any(
            f" {level} " in line and all(word in line for word in words)
            for line in self.log().splitlines()
        )

    def refused(self, level: str, *words: str) -> bool:
        """Tell whether a host of this session ever logged such a line: it logs a cause once."""
        lines = _log(self.stack).read_text(errors="replace").splitlines()
        return any(f" {level} " in line and all(word in line for word in words) for line in lines)

    def leaks(self) -> list[str]:
        """Return where a planted value shows: in the log, in answers, in what is not data.

        That has all of each Secret beside its data, and what Event Grid keeps of failed deliveries.
        """
        told = [self.log(), *(answer.text + str(answer.headers) for answer in self.answers)]
        told += [repr(letter) for letter in self.stack.grid.dead_letters()]
        for namespace in {place.namespace for place in self.places}:
            for name in self.stack.cluster.secrets(namespace):
                told.append(json.dumps({**self.stack.cluster.secret(namespace, name), "data": ""}))
        return leaks("\n".join(told))

    @contextmanager
    def app(self, *places: Place, **environment: str) -> Iterator["World"]:
        """Run an app of its own that knows these vaults and gets the events, with that changed."""
        given = self.stack.app_environment([place.name for place in places], **environment)
        with self.stack.host(given, timer=False) as host:
            subscribe(self.stack, host)
            try:
                yield replace(self, host=host)
            finally:
                self.settle()
                subscribe(self.stack, self.host)

    @property
    def timer(self) -> int:
        """Fire the timer and wait for its pass: 202, or 500 where it raised."""
        return self.host.fire(TIMER)


def subscribe(stack: Stack, host: HostProcess, schema: Schema = Schema.EVENT_GRID) -> None:
    """Deliver the vaults' events to that host, in that schema."""
    stack.grid.subscribe(Subscription("key-vault-sync", host.webhook(EVENTS), schema))


def outcome(answer: Answer) -> Mapping[str, object]:
    """Return the one outcome of an answer to resync."""
    outcomes = answer.body["outcomes"]
    assert isinstance(outcomes, list)
    (only,) = outcomes
    assert isinstance(only, dict)
    return only


def changes(answer: Answer) -> dict[str, str]:
    """Return the one outcome's changes: what was done with each key."""
    listed = outcome(answer)["changes"]
    assert isinstance(listed, list)
    return {change["key"]: change["action"] for change in listed}


def _log(stack: Stack) -> Path:
    path = stack.folder / "host.log"
    path.touch()
    return path
