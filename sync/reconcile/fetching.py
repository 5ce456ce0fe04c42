"""Gets many secrets of one vault at once, and stops where the vault is down."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from itertools import islice
from zlib import crc32

from sync.core.errors import SyncError, Transient
from sync.core.model import SecretName
from sync.core.ports import Deadline
from sync.core.reasons import Reason

FETCH_WINDOW = 16
"""How many gets for one target are under way at once."""

FAILURES_TO_STOP = 5
"""After so many gets in a row that say the vault is down, the rest is not asked for."""

_LAST_SECONDS = 1.0
"""How long gets that end with the deadline may take to say why."""

_DOWN = frozenset(
    {
        Reason.VAULT_THROTTLED,
        Reason.VAULT_UNAVAILABLE,
        Reason.VAULT_UNREACHABLE,
        Reason.VAULT_NAME_UNRESOLVED,
        Reason.VAULT_CERTIFICATE_REFUSED,
    }
)
"""What says that a whole vault is down, and not that one secret cannot be had."""


def fetch_all[Got](
    get: Callable[[SecretName], Got],
    names: Sequence[SecretName],
    deadline: Deadline,
    fetchers: Executor,
) -> Mapping[SecretName, Got | SyncError]:
    """Get each name, a window at a time, so that targets which share the threads take turns."""
    if len(names) == 1:  # the event path: no other thread is worth its while
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
    """Order names from another start in each pass, so that no secret is always the last one.

    A vault that throttles serves but the first of them; who starts is a matter of its name and the
    second, and nothing has to be remembered for it.
    """
    ordered = sorted(names)
    start = crc32(f"{vault} {int(now)}".encode()) % max(1, len(ordered))
    return ordered[start:] + ordered[:start]


def _tried[Got](get: Callable[[SecretName], Got], name: SecretName) -> Got | SyncError:
    try:
        return get(name)
    except SyncError as error:
        return error
