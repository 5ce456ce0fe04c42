"""Parses the dead-lettered events of one blob, in Event Grid's own schema or in CloudEvents 1.0."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.app import events
from sync.core.errors import Malformed, NotOurs

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)
_MOST_ATTEMPTS = 1000
_STATUSES = range(100, 600)
_PLAIN = re.compile(r"[0-9A-Za-z._/-]{1,1024}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Letter:
    """An event of a vault that was given up on. Times are ISO 8601 in UTC.

    A text is empty, and a number None, if the event does not say it or not in its form.
    """

    id: str
    vault: str
    secret: str
    version: str
    event_type: str
    subscription: str
    """The Azure subscription of the vault, from the event's topic."""
    event_time: str
    published: str
    last_attempt: str
    attempts: int | None
    reason: str
    outcome: str
    status: int | None
    """The HTTP status that the last attempt was answered with."""
    blob: str

    @property
    def changes(self) -> bool:
        """Whether it told of a new version; the others tell of an expiry, which is only logged."""
        return self.event_type in events.NEW_VERSION


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A blob, or an event in it, that cannot be read."""

    blob: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What is in a blob; `others` counts the events that are not of a vault's secrets."""

    letters: Sequence[Letter] = ()
    unreadable: Sequence[Unreadable] = ()
    others: int = 0


def opened(blob: str, content: bytes) -> Opened:
    """Parse a blob: an array of events, or one event."""
    shown = shown_name(blob)
    letters: list[Letter] = []
    unreadable: list[Unreadable] = []
    others = 0
    for event in _events(content):
        try:
            letters.append(_letter(event, shown))
        except NotOurs:
            others += 1
        except Malformed as error:
            unreadable.append(Unreadable(shown, str(error.reason), error.message))
    return Opened(letters, unreadable, others)


def shown_name(blob: str) -> str:
    """Return a blob's name if it has the form of Event Grid's, else only its length."""
    return blob if _PLAIN.fullmatch(blob) else f"(a name of {len(blob)} characters)"


def _events(content: bytes) -> Iterator[object]:
    try:
        held = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        held = None  # no object, so that it is refused below
    yield from held if isinstance(held, list) else [held]


def _letter(event: object, blob: str) -> Letter:
    """Parse an event; raises NotOurs and Malformed as for one that is delivered."""
    if not isinstance(event, dict):
        event = {}
        payload = "null"
    else:
        event = {name.strip(): value for name, value in event.items()}
        # The documented example of a dead letter in this schema lacks the field.
        if "source" in event and "eventType" not in event:
            event.setdefault("specversion", "1.0")
        payload = _written(event)
    topic = events.TOPIC.fullmatch(str(event.get("topic") or event.get("source") or "").strip())
    subscription = topic["subscription"].lower() if topic else ""
    parsed = events.parse(payload, frozenset({subscription}))
    match parsed:
        case events.Changed(hint=hint):
            secret, version = str(hint.secret), hint.version or ""
        case events.Expiring(secret=secret):
            version = ""
    told = {name.lower(): value for name, value in event.items()}
    return Letter(
        id=_form(_ID, told.get("id")),
        vault=parsed.vault.lower(),
        secret=secret,
        version=version,
        event_type=str(told.get("type") or told.get("eventtype")).strip(),
        subscription=subscription,
        event_time=_time(told.get("time") or told.get("eventtime")),
        published=_time(told.get("publishtime")),
        last_attempt=_time(told.get("lastdeliveryattempttime")),
        attempts=_number(told.get("deliveryattempts"), range(_MOST_ATTEMPTS)),
        reason=_form(_WORD, told.get("deadletterreason")),
        outcome=_form(_WORD, told.get("lastdeliveryoutcome")),
        status=_number(told.get("lasthttpstatuscode"), _STATUSES),
        blob=blob,
    )


def _written(event: Mapping[str, object]) -> str:
    try:
        return json.dumps(event)
    except (ValueError, RecursionError):
        return ""  # which is no JSON


def _form(pattern: re.Pattern[str], value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    return text if pattern.fullmatch(text) else ""


def _number(value: object, among: range) -> int | None:
    return value if type(value) is int and value in among else None


def _time(value: object) -> str:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None:
            return ""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""
