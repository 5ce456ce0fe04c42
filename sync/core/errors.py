"""The errors, grouped by what the caller should do about them.

SyncError
├── Permanent     a retry changes nothing: somebody has to act
│   ├── Malformed  an event or a request that cannot be read
│   └── Unattended no pass will try again: Event Grid must keep the event
├── Transient     may pass by itself: the caller retries
│   └── Conflict   the Secret changed after we read it: read again, write again
├── NotOurs       nothing went wrong: the vault or the event does not concern this app
└── Unexpected    a bug: none of the above

Messages are for operators: what is wrong, where, and what to do. They never contain a secret's
value, and never quote a client library's exception, whose text may contain one.
"""

import re

from sync.core.reasons import Reason

NAME = re.compile(r"[0-9A-Za-z-]{1,24}", re.ASCII)
_EXCERPT = 64


def quoted(name: str) -> str:
    """Quote text in the place of a vault's name, or of a part of one.

    If it cannot be such a name, it may be a value in the wrong place: then show only its length.
    """
    return repr(name) if NAME.fullmatch(name) else f"of {len(name)} characters"


def excerpt(name: str) -> str:
    """Quote the name of a tag, a member or a key; of a long one only the first 64 characters.

    Replaces what is not printable, or would end the quotation, with a question mark.
    """
    plain = (c if c.isprintable() and c not in "'\\" else "?" for c in name[:_EXCERPT])
    return f"'{''.join(plain)}'"


class SyncError(Exception):
    """The root; `reason` is a stable CamelCase word for logs, counters and JSON."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def message(self) -> str:
        """The sentence for the operator."""
        return str(self.args[0])


class Permanent(SyncError):
    """A retry changes nothing."""


class Malformed(Permanent):
    """An event or a request that cannot be read, or contradicts itself."""


class Unattended(Permanent):
    """Somebody has to act and no pass tries again: Event Grid must keep the event until then."""


class Transient(SyncError):
    """A retry may succeed; `retry_after` is the server's own advice, in seconds."""

    def __init__(self, reason: Reason, message: str, retry_after: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class Conflict(Transient):
    """Somebody changed the Secret between our read and our write."""


class NotOurs(SyncError):
    """The vault or the event does not concern this app."""


class Unexpected(SyncError):
    """A bug; the message names the exception's type and place, never its text."""
