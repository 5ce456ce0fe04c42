"""Finds the targets of the applications in a namespace, and remembers a list for some seconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from sync.applications.declared import targets
from sync.applications.kinds import FIRST, Kind
from sync.applications.ports import Applications, Declared, Neighbours
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Target
from sync.core.outcomes import Failed
from sync.core.ports import Deadline
from sync.core.reasons import Reason

FRESH_SECONDS = 10.0
"""How old a list may be for an event; a pass lists anew."""

NO_MEMORY: Mapping[str, str] = {}


class ApplicationDirectory:
    """The applications of the kinds; safe for any number of threads. `clock` is monotonic seconds.

    `siblings` are the own targets of a target's vault.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        applications: Applications,
        siblings: Callable[[Target], Sequence[Target]],
        neighbours: Neighbours,
        clock: Callable[[], float],
    ) -> None:
        self._kinds = kinds
        self._applications = applications
        self._siblings = siblings
        self._neighbours = neighbours
        self._clock = clock
        self._lists: dict[tuple[str, str, Kind], _List] = {}
        self._lock = Lock()

    def targets(
        self,
        own: Target,
        deadline: Deadline,
        memory: Mapping[str, str] = NO_MEMORY,
        *,
        fresh: bool = True,
    ) -> Iterator[Target | Failed]:
        """Yield the targets of the applications that belong to an own target, and what failed.

        With `fresh` nothing that was listed before is used.
        """
        listed: dict[Kind, Sequence[Declared]] = {}
        for kind in self._kinds:
            try:
                if self._is_of(kind, own, deadline):
                    listed[kind] = self._list(own, kind, deadline, fresh=fresh)
            except SyncError as error:
                yield Failed(own.vault.text, error)
        yield from targets(own, listed, memory)

    def _is_of(self, kind: Kind, own: Target, deadline: Deadline) -> bool:
        decided = kind.is_of(own)
        if decided is None:
            decided = self._is_alone(kind, own, deadline)
        if not decided:
            return False
        space = (own.cluster, own.namespace)
        mine = [s.secret for s in self._siblings(own) if (s.cluster, s.namespace) == space]
        return own.secret == min(mine, default=own.secret)

    def _is_alone(self, kind: Kind, own: Target, deadline: Deadline) -> bool:
        """Return whether no other vault leads to the namespace; if one does, number 1 has it."""
        near = self._neighbours(own, deadline)
        if all(each.vault == own.vault for each in near):
            return True
        if any(each.number == FIRST for each in near):
            return False
        raise Permanent(
            Reason.APPLICATION_REFUSED,
            f"Several vaults lead to namespace {own.namespace}, and none of them has number 1: "
            f"name one as `vault` of {kind} in SYNC_APPLICATIONS.",
        )

    def _list(
        self, own: Target, kind: Kind, deadline: Deadline, *, fresh: bool
    ) -> Sequence[Declared]:
        with self._lock:
            one = self._lists.setdefault((own.cluster, own.namespace, kind), _List())
        if not one.lock.acquire(timeout=deadline.remaining()):
            raise Transient(
                Reason.DEADLINE_EXCEEDED,
                f"The applications of namespace {own.namespace} are still being listed.",
            )
        try:
            if fresh or one.at is None or self._clock() - one.at > FRESH_SECONDS:
                at = self._clock()
                one.listed = self._applications.list(own, kind, deadline)
                one.at = at
            return one.listed
        finally:
            one.lock.release()


class _List:
    """The last list of one kind in one namespace, and when it was asked for."""

    __slots__ = ("at", "listed", "lock")

    def __init__(self) -> None:
        self.lock = Lock()
        self.at: float | None = None
        self.listed: Sequence[Declared] = ()
