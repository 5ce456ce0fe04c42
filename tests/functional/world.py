"""What the functional tests act on: the deployed app, and a vault and a namespace for each test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import override

from local.event_grid import Endpoint, Schema, Subscription
from local.host_process import Answer, HostProcess
from local.stack import SUBSCRIPTION, Stack
from tests.described import faults
from tests.kit.app import EVENTS, TIMER, App, log_size, values_told
from tests.kit.events import NEW_VERSION
from tests.kit.site import Clock
from tests.kit.site import StackSite as Place
from tests.kit.waiting import PATIENCE_SECONDS, wait_until

__all__ = [
    "EVENTS",
    "NEW_VERSION",
    "TIMER",
    "Clock",
    "Place",
    "World",
    "changes",
    "outcome",
    "subscribe",
    "wait_until",
]

_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class World(App):
    """The stack, one host of the app on it, and the vaults that one test has made."""

    stack: Stack
    places: list[Place] = field(default_factory=list)

    @classmethod
    def of(cls, stack: Stack, host: HostProcess) -> "World":
        """Start to watch what the host tells."""
        return cls(host, log_size(host), stack=stack)

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
        place = Place.new(self.stack, name, Clock(-age), silent=silent, subscription=subscription)
        beside = [other for other in self.places if other.namespace == place.namespace]
        self.places.append(place)
        if namespace and not beside:
            self.stack.namespace(place.namespace, place.secret)
        elif namespace:
            self.stack.bind(place.namespace, *{each.secret for each in (place, *beside)})
        return place

    def filled(
        self,
        *secrets: str,
        name: str = "weu-DS-AKV-{}-dev-1",
        age: float = 0.0,
        silent: bool = False,
        namespace: bool = True,
    ) -> Place:
        """Make a vault of these secrets."""
        place = self.place(name, age=age, silent=silent, namespace=namespace)
        place.renew(*secrets)
        return place

    def bring(self, place: Place) -> None:
        """Resync a vault, whose Secret is in step then."""
        assert self.resync(place).status == 200
        assert place.data() == place.wanted()

    def settle(self) -> None:
        """Wait until every event has been delivered and answered."""
        assert self.stack.settle(PATIENCE_SECONDS)

    def resync(self, place: Place, **fields: object) -> Answer:
        """Resync one vault over HTTP."""
        return self.post("/api/resync", {"vault": place.name, **fields})

    @override
    def noted(self, request: str, answer: Answer) -> Answer:
        """Note an answer, which is as the app's own description has it."""
        self.answers.append(answer)
        assert faults(request, answer.status, answer.headers, answer.text) == []
        return answer

    def logged(self, level: str, *words: str) -> bool:
        """Tell whether a line of that level holds all those words."""
        return _has_line(self.log(), level, words)

    def refused(self, level: str, *words: str) -> bool:
        """Tell whether a host of this session ever logged such a line: it logs a cause once."""
        return _has_line(self.log(0), level, words)

    def leaks(self) -> list[str]:
        """Return where a planted value shows: in the log, in answers, in what is not data.

        That has all of each Secret beside its data, and what Event Grid keeps of failed deliveries.
        """
        letters = (repr(letter) for letter in self.stack.grid.dead_letters())
        return values_told([self.told(), *letters], self.places)

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
        return self.fire()


def subscribe(stack: Stack, host: HostProcess, schema: Schema = Schema.EVENT_GRID) -> None:
    """Deliver the vaults' events to that host, in that schema."""
    url = host.webhook(EVENTS)
    kind = Endpoint.FUNCTION
    stack.grid.subscribe(Subscription("key-vault-sync", url, schema, endpoint=kind))


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


def _has_line(log: str, level: str, words: tuple[str, ...]) -> bool:
    return any(
        f" {level} " in line and all(word in line for word in words) for line in log.splitlines()
    )
