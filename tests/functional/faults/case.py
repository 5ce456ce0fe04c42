"""One case of the table: a call, a fault and a trigger, what the app said, and what is left."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from local.faults import Healing
from local.host_process import Answer
from local.kubernetes.documents import Document, child, texts
from tests.functional.faults.calls import Call
from tests.functional.faults.cell import THEIRS, Cell, Trigger
from tests.functional.faults.vocabulary import LASTS_LONG
from tests.kit.site import data

_LINE = r" (?P<level>[A-Z]+) \[[^]]*\] keyvault-sync: {trigger}: {vault}: (?P<reason>\w+): "
STATE = "keyvault-sync/state"
_ENDED = {"ERROR": "permanent", "WARNING": "transient"}


@dataclass(frozen=True, slots=True)
class Seen:
    """How the app ended, by its own word: converged, transient, permanent, told or bug.

    `left` says what the Secrets are like then.
    """

    ended: str
    reason: str = ""
    status: int = 0
    retry_after: str = ""
    left: str = ""


@dataclass(slots=True)
class Case:
    """A cell with its fault, which lasts or happens once."""

    call: Call
    fault: str
    trigger: Trigger
    cell: Cell
    once: bool = False
    before: Mapping[str, Document] = field(default_factory=dict, repr=False)
    seen: dict[Trigger, Seen] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    door: int = 0
    heal: Healing = field(default=lambda: None, repr=False)

    def __str__(self) -> str:
        once = " once" if self.once else ""
        return f"{self.call.name}, {self.fault}{once}, {self.trigger}"

    @property
    def hangs(self) -> bool:
        """Whether the fault takes all the time that a call has."""
        return self.fault in LASTS_LONG

    @property
    def about(self) -> str:
        """The subject of the outcomes: the vault as the app tells it, or the search for vaults."""
        return self.call.about or self.cell.name

    def left(self) -> str:
        """Return what the Secrets are like by now, compared with before."""
        now = self.cell.documents()
        if _but_failures(now) == _but_failures(self.before):
            return "as before"
        held = {name: data(document) for name, document in now.items()}
        return "in step" if held == self.cell.in_step() else "in part"

    def harm(self) -> Iterator[str]:
        """Tell what is in the namespace that neither was there nor is to be, and what is lost."""
        now, wanted = self.cell.documents(), self.cell.in_step()
        if now.keys() != self.before.keys():
            yield f"the namespace has {sorted(now)}"
            return
        for name, document in now.items():
            was, has, shall = data(self.before[name]), data(document), wanted[name]
            for key in was.keys() | has.keys():
                allowed = {was.get(key)} | ({shall.get(key)} if key != THEIRS else set())
                if has.get(key) not in allowed:
                    yield f"{name} has another value of {key}"
            if lost := (was.keys() & shall.keys()) - has.keys():
                yield f"{name} lost {sorted(lost)}"


def _but_failures(documents: Mapping[str, Document]) -> Mapping[str, object]:
    """Return all that a write could change, but for the note that the vault could not be read."""
    return {name: _but_failure(document) for name, document in documents.items()}


def _but_failure(document: Document) -> object:
    metadata = child(document, "metadata")
    annotations = texts(metadata, "annotations")
    state = json.loads(annotations.pop(STATE, "{}"))
    state.pop("failure", None)
    return data(document), texts(metadata, "labels"), annotations, state, document.get("type")


def by_log(log: str, trigger: Trigger, vault: str) -> tuple[str, str]:
    """Return how a vault's work ended by what the app logged, and the reason."""
    found = re.search(_LINE.format(trigger=trigger, vault=vault), log)
    if found is None:
        return "converged", ""
    reason = found["reason"]
    return "bug" if reason == "Bug" else _ENDED[found["level"]], reason


def by_answer(answer: Answer, told: object) -> Seen:
    """Return how a vault's work ended by an answer, and the vault's entry in it."""
    match told:
        case {"reason": str(reason), "transient": bool(transient)} | {
            "others": [{"reason": str(reason), "transient": bool(transient)}]
        }:
            ended = "bug" if reason == "Bug" else "transient" if transient else "permanent"
        case {"explanation": {"reason": str(reason)}}:
            ended = "told"
        case {"explanation": {"secrets": list(secrets)}}:
            failed = {str(each["reason"]) for each in secrets if each["state"] == "failed"}
            ended, reason = "told", ", ".join(sorted(failed))
        case {"outcome": "converged"}:
            ended, reason = "converged", ""
        case _:
            ended, reason = "unreadable", ""
    return Seen(ended, reason, answer.status, answer.headers.get("Retry-After", ""))
