"""One host of the app, and what it tells: its log, and its answers over HTTP."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.host_process import Answer, HostProcess
from tests.kit.site import EmulatedSite
from tests.leaks.search import leaks

EVENTS = "key_vault_event"
TIMER = "reconcile_drift"


@dataclass(frozen=True, slots=True)
class App:
    """A host, and what it told since `log_start`, how long its log was then."""

    host: HostProcess
    log_start: int = 0
    answers: list[Answer] = field(default_factory=list)

    def deliver(self, event: object) -> int:
        """Post an event to the app; return the status."""
        return self.host.deliver(EVENTS, event)

    def fire(self) -> int:
        """Fire the timer and wait for its pass: 202, or 500 where it raised."""
        return self.host.fire(TIMER)

    def post(self, path: str, body: object) -> Answer:
        """POST to the app with its key."""
        return self.noted(f"POST {path}", self.host.post(path, body))

    def get(self, path: str) -> Answer:
        """GET from the app with its key."""
        return self.noted(f"GET {path}", self.host.get(path))

    def noted(self, _request: str, answer: Answer) -> Answer:
        """Keep an answer, so that it is searched for values."""
        self.answers.append(answer)
        return answer

    def log(self, since: int | None = None) -> str:
        """Return what the app logged since then, or since it is watched."""
        with self.host.log.open("rb") as log:
            log.seek(self.log_start if since is None else since)
            return log.read().decode(errors="replace")

    def told(self) -> str:
        """Return the log and the answers."""
        answers = (answer.text + str(answer.headers) for answer in self.answers)
        return "\n".join([self.log(), *answers])


def log_size(host: HostProcess) -> int:
    """Return how long the host's log is by now."""
    return host.log.stat().st_size if host.log.exists() else 0


def values_told(told: Iterable[str], sites: Iterable[EmulatedSite]) -> list[str]:
    """Return where a planted value shows: in what was told, and in Secrets beside their data."""
    beside = [
        json.dumps({**document, "data": ""})
        for site in {site.namespace: site for site in sites}.values()
        for document in site.documents().values()
    ]
    return [place for text in [*told, *beside] for place in leaks(text)]
