"""Finds the dead letters that are asked for, in the blobs of the container."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.cli.dead_letters.container import LARGEST_BYTES, Blob, Container
from sync.cli.dead_letters.letters import Letter, Opened, Unreadable, opened, shown_name
from sync.cli.documents import Document
from sync.cli.screen import Screen


@dataclass(frozen=True, slots=True)
class Search:
    """Which blobs to open, and which of their events to take.

    A blob counts if it was written within the last `days` and its name begins with `prefix`, in any
    case: Event Grid writes names of event subscriptions in capitals. `vault` and `ids` are of any
    case as well; empty ones take all.
    """

    days: float
    prefix: str = ""
    vault: str = ""
    ids: Sequence[str] = ()

    def takes(self, letter: Letter) -> bool:
        """Tell whether a dead letter is asked for."""
        ids = {each.lower() for each in self.ids}
        return self.vault.lower() in {"", letter.vault} and (not ids or letter.id.lower() in ids)


@dataclass(frozen=True, slots=True)
class Found:
    """The dead letters that were asked for, the newest first, and what was not looked at.

    `others` counts events that are not of a vault's secrets, `older` blobs that were not opened.
    """

    letters: Sequence[Letter]
    unreadable: Sequence[Unreadable]
    others: int
    older: int


def find(container: Container, search: Search, now: datetime, screen: Screen) -> Found:
    """Open the blobs that count; raises ContainerError."""
    with screen.waiting("listing blobs"):
        listed = list(container.blobs())
    named = [each for each in listed if each.name.lower().startswith(search.prefix.lower())]
    since = now - timedelta(days=search.days)
    recent = sorted((each for each in named if each.modified >= since), key=_age, reverse=True)
    read = screen.follow(_opened(container, recent), f"/{len(recent)} blobs")
    letters = [letter for each in read for letter in each.letters if search.takes(letter)]
    return Found(
        letters=sorted(letters, key=lambda letter: letter.last_attempt, reverse=True),
        unreadable=[fault for each in read for fault in each.unreadable],
        others=sum(each.others for each in read),
        older=len(named) - len(recent),
    )


def _age(blob: Blob) -> tuple[datetime, str]:
    return blob.modified, blob.name


def _opened(container: Container, blobs: Sequence[Blob]) -> Iterator[Opened]:
    for blob in blobs:
        if blob.size > LARGEST_BYTES:
            message = f"The blob has {blob.size} bytes, more than any of Event Grid's."
            yield Opened(unreadable=[Unreadable(shown_name(blob.name), "BlobTooLarge", message)])
            continue
        content = container.read(blob.name)
        if content is not None:  # else it was deleted since
            yield opened(blob.name, content)


def document_of(found: Found) -> Document:
    """Return what was found as JSON has it; absent is what an event does not say."""
    return {
        "dead_letters": [_letter(each) for each in found.letters],
        "unreadable": [
            {"blob": each.blob, "reason": each.reason, "message": each.message}
            for each in found.unreadable
        ],
        "others": found.others,
        "older": found.older,
    }


def _letter(letter: Letter) -> Document:
    fields: Document = {
        "id": letter.id,
        "vault": letter.vault,
        "secret": letter.secret,
        "version": letter.version,
        "event_type": letter.event_type,
        "subscription": letter.subscription,
        "event_time": letter.event_time,
        "published": letter.published,
        "last_attempt": letter.last_attempt,
        "attempts": letter.attempts,
        "dead_letter_reason": letter.reason,
        "outcome": letter.outcome,
        "status": letter.status,
        "blob": letter.blob,
    }
    return {name: value for name, value in fields.items() if value not in {"", None}}
