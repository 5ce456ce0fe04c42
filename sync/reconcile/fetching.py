"""Gets many secrets of one vault concurrently, and stops if the vault is down."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from zlib import crc32

from sync.core.errors import SyncError, Transient
from sync.core.model import SecretName
from sync.core.ports import Deadline
from sync.core.reasons import Reason

FETCH_WINDOW = 16
"""The number of concurrent gets for one target."""

FAILURES_TO_STOP = 5
"""After this many consecutive gets that say the vault is down, no further secret is requested."""

_LAST_SECONDS = 1.0
"""How long gets that end at the deadline may take to report their error."""

_DOWN = frozenset(
    {
        Reason.VAULT_THROTTLED,
        Reason.VAULT_UNAVAILABLE,
        Reason.VAULT_UNREACHABLE,
        Reason.VAULT_NAME_UNRESOLVED,
        Reason.VAULT_CERTIFICATE_REFUSED,
    }
)
"""Reasons that mean that the whole vault is down, not just one secret."""


def fetch_all[Got](
    get: Callable[[SecretName], Got],
    names: Sequence[SecretName],
    deadline: Deadline,
    fetchers: Executor,
) -> Mapping[SecretName, Got | SyncError]:
    """Get each name, a window at a time, so that targets take turns on the shared threads."""
    if len(names) == 1:  # the event path: a thread would not pay off
        return {name: _tried(get, name) for name in names}
    fetched: dict[SecretName, Got | SyncError] = {}
    running: dict[Future[Got | SyncError], SecretName] = {}
    queue = iter(names)
    in_a_row = 0
    cause: SyncError | None = None
    try:
        while in_a_row < FAILURES_TO_STOP:
            for name in islice(queue, FETCH_WINDOW - len(running)):
                running[fetchers.submit(_tried, get, name)] = name
            if not running:
                break
            done, _ = wait(running, deadline.remaining(), return_when=FIRST_COMPLETED)
            for future in [each for each in running if each in done]:
                got = fetched[running.pop(future)] = future.result()
                down = isinstance(got, Transient) and got.reason in _DOWN
                in_a_row = in_a_row + 1 if down else 0
                cause = got if isinstance(got, Transient) and down else cause
    except Transient as late:
        cause = late
        wait(running, _LAST_SECONDS)
        fetched |= {name: each.result() for each, name in running.items() if each.done()}
    finally:
        for future in running:
            future.cancel()
    if cause is None:
        return fetched
    return {name: fetched.get(name, cause) for name in names}


def in_turn(vault: str, now: float, names: Collection[SecretName]) -> list[SecretName]:
    """Rotate the names by a different offset in each pass, so that no secret is always last.

    A throttling vault serves only the first few. The offset derives from the vault's name and the
    current second, so nothing has to be stored.
    """
    ordered = sorted(names)
    start = crc32(f"{vault} {int(now)}".encode()) % max(1, len(ordered))
    return ordered[start:] + ordered[:start]


def _tried[Got](get: Callable[[SecretName], Got], name: SecretName) -> Got | SyncError:
    try:
        return get(name)
    except SyncError as error:
        return error
