"""What may go wrong, by what the caller should do about it.

SyncError
├── Permanent     repeating it changes nothing: somebody has to act
│   ├── Malformed  an event or a request that cannot be read
│   └── Unattended no pass will try it again: the event that asked for it has to be kept
├── Transient     may pass by itself: the caller tries again
│   └── Conflict   the Secret changed while we looked: read again, write again
├── NotOurs       nothing went wrong: the vault or the event is not this app's business
└── Unexpected    a bug: neither of the above was thought of

Messages are for operators: what is wrong, where, and what to do. They never hold a secret's value,
and an exception of a client library is never quoted, since its text may.
"""

import re

from sync.core.reasons import Reason

_NAME = re.compile(r"[0-9A-Za-z-]{1,24}", re.ASCII)
_EXCERPT = 64


def quoted(name: str) -> str:
    """Quote what came where a vault's name belongs, or a part of one.

    Of what cannot be one, and may be a value in the wrong place, the length is told.
    """
    return repr(name) if _NAME.fullmatch(name) else f"of {len(name)} characters"


def excerpt(name: str) -> str:
    """Quote the name of a tag, a member or a key: of a long one its first 64 characters.

    What is not printable, or would end the quotation, is told as a question mark.
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
    """Repeating the call changes nothing."""


class Malformed(Permanent):
    """An event or a request that cannot be read, or contradicts itself."""


class Unattended(Permanent):
    """Somebody has to act, and no pass tries again: Event Grid has to keep the event until then."""


class Transient(SyncError):
    """The same call may succeed later; `retry_after` is the server's own advice, in seconds."""

    def __init__(self, reason: Reason, message: str, retry_after: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class Conflict(Transient):
    """The Secret was changed by somebody between our read and our write."""


class NotOurs(SyncError):
    """The vault or the event does not concern this app."""


class Unexpected(SyncError):
    """A bug; the message names the exception's type and place, never its text."""
