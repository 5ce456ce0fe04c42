"""Reads a vault into the entries of its Secret: only what changed, never what lags behind."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from itertools import islice

from sync.errors import Permanent, SyncError, Transient
from sync.model import Hint, ListedSecret, Unserved, VaultSecret
from sync.plan import Entry, Standing, refuse_unsafe
from sync.ports import Deadline, Vaults
from sync.projection import listed_keys, value_bytes
from sync.state import Record

SETTLED_SECONDS = 3
"""How old `updated` must be to be trusted: its second is over, with room for skewed clocks."""

FRESH_SECONDS = 60
"""How long after a change the vault may still answer with what was before."""

FETCH_WINDOW = 16
"""How many gets for one target are under way at once."""

JOINING_ROUNDS = 12
"""How often hints may join a reading: each round is at least a vault's get later than the last."""

FAILURES_TO_STOP = 5
"""After so many gets that failed for now, the vault is down and the rest is not asked for."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What shall be in the Secret, the records of what is left alone, what could not be read."""

    entries: Mapping[str, Entry]
    carried: Mapping[str, Record]
    unread: Mapping[str, SyncError]
    expired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Got:
    name: str
    entry: Entry


type _Fetched = _Got | Unserved | SyncError


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads vaults; `now` gives epoch seconds, `prune` tells whether keys may go."""

    vaults: Vaults
    now: Callable[[], float]
    prune: bool

    def whole(
        self,
        standing: Standing,
        hints: Collection[Hint],
        deadline: Deadline,
        fetchers: Executor,
        *,
        force: bool,
    ) -> Reading:
        """List the vault and get what moved since it was recorded, and the hinted secrets.

        Raises Permanent for a listing that would take too much away, unless forced.
        """
        listing = self.vaults.list(standing.target.vault, deadline)
        wanted = listed_keys(listing)
        if self.prune and not force:
            refuse_unsafe(standing, wanted.keys(), listed=len(listing))
        spelling = {name.lower(): name for name in wanted}
        hinted = {spelling.get(hint.secret.lower(), hint.secret) for hint in hints}
        moved = {name for name, secret in wanted.items() if _moved(standing, secret)}
        listed = {secret.name.lower() for secret in listing}
        unlisted = {
            key
            for key in standing.intact
            if key.lower() not in listed and self._fresh(standing.records[key].updated)
        }
        fetched = self._fetch(standing, hinted | moved | unlisted, hints, deadline, fetchers)
        for name in wanted.keys() & fetched.keys():
            if fetched[name] is Unserved.MISSING:
                fetched[name] = _not_served_yet(name)
        failed = {name.lower() for name, got in fetched.items() if isinstance(got, SyncError)}
        entries = {
            key: standing.entry(key)
            for key in standing.held
            if not self.prune or key.lower() in failed or (key in wanted and key in standing.intact)
        }
        unread: dict[str, SyncError] = {}
        for name, got in fetched.items():
            if isinstance(got, _Got):
                entries[name if name in wanted else got.name] = got.entry
            elif isinstance(got, SyncError):
                unread[name] = got
            elif self.prune:
                entries.pop(name, None)
        now = self.now()
        expired = (s.name for s in wanted.values() if s.expires is not None and s.expires <= now)
        return Reading(
            entries=entries,
            carried={
                key: record
                for key, record in standing.records.items()
                if key not in entries and (not self.prune or key.lower() in failed)
            },
            unread=_unknown(hints, standing, entries) | unread,
            expired=tuple(sorted(expired)),
        )

    def hinted(
        self,
        standing: Standing,
        hints: Callable[[], Sequence[Hint]],
        deadline: Deadline,
        fetchers: Executor,
    ) -> Reading | None:
        """Get the hinted secrets and leave the rest as it stands.

        `hints` gives those so far; what joins while others are read is read as well, a few times.
        None when the vault no longer serves one that the Secret has: a listing decides what goes.
        """
        spelling = {name.lower(): name for name in standing.records}
        fetched: dict[str, _Fetched] = {}
        asked: Sequence[Hint] = ()
        for _ in range(JOINING_ROUNDS):
            known = len(asked)
            asked = hints()
            names = {spelling.get(hint.secret.lower(), hint.secret) for hint in asked[known:]}
            fetched |= self._fetch(standing, names, asked[known:], deadline, fetchers)
            if len(asked) == known:
                break
        entries = {key: standing.entry(key) for key in standing.intact}
        unread: dict[str, SyncError] = {}
        for name, got in fetched.items():
            if isinstance(got, _Got):
                entries[spelling.get(got.name.lower(), got.name)] = got.entry
            elif isinstance(got, SyncError):
                unread[name] = got
            elif name in standing.records:
                return None
        return Reading(
            entries=entries,
            carried={k: r for k, r in standing.records.items() if k not in entries},
            unread=_unknown(asked, standing, entries) | unread,
        )

    def _fetch(
        self,
        standing: Standing,
        names: Collection[str],
        hints: Collection[Hint],
        deadline: Deadline,
        fetchers: Executor,
    ) -> dict[str, _Fetched]:
        latest = {hint.secret.lower(): hint for hint in sorted(hints, key=lambda h: h.at or 0)}

        def get(name: str) -> _Fetched:
            try:
                return self._get(standing, name, latest.get(name.lower()), deadline)
            except SyncError as error:
                return error

        if len(names) == 1:  # the event path: no other thread is worth its while
            return {name: get(name) for name in names}
        return _in_window(get, sorted(names), deadline, fetchers)

    def _get(
        self, standing: Standing, name: str, hint: Hint | None, deadline: Deadline
    ) -> _Got | Unserved:
        vault = standing.target.vault
        secret = self.vaults.get(vault, name, deadline)
        if hint is not None:
            self._refuse_lagging(standing, hint, secret, deadline)
        if isinstance(secret, Unserved):
            return secret
        record = standing.records.get(name)
        if record and secret.updated < record.updated and self._fresh(record.updated):
            raise _older_version(name)
        settled = secret.read_at - secret.updated >= SETTLED_SECONDS
        return _Got(
            secret.name, Entry(value_bytes(secret), Record(secret.version, secret.updated, settled))
        )

    def _refuse_lagging(
        self, standing: Standing, hint: Hint, secret: VaultSecret | Unserved, deadline: Deadline
    ) -> None:
        """Raise Transient when the vault has not caught up with the event that the hint is from.

        Of two versions made in one second, both known to the vault, the served one is taken; as it
        is not settled, the next pass looks again.
        """
        if hint.at is None or not self._fresh(hint.at):
            return
        if secret is Unserved.MISSING:
            raise _not_served_yet(hint.secret)
        if isinstance(secret, Unserved) or hint.version in {None, secret.version}:
            return
        if secret.created > int(hint.at):
            return
        announced = self.vaults.get(standing.target.vault, hint.secret, deadline, hint.version)
        if announced is Unserved.MISSING:
            raise _older_version(hint.secret)
        if isinstance(announced, VaultSecret) and announced.created > secret.created:
            raise _older_version(hint.secret)

    def _fresh(self, moment: float) -> bool:
        return abs(self.now() - moment) < FRESH_SECONDS


def _moved(standing: Standing, secret: ListedSecret) -> bool:
    record = standing.records.get(secret.name)
    return (
        record is None
        or not record.settled
        or record.updated != secret.updated
        or secret.name not in standing.intact
    )


def _in_window(
    get: Callable[[str], _Fetched], names: Sequence[str], deadline: Deadline, fetchers: Executor
) -> dict[str, _Fetched]:
    """Get many, a window at a time, so that targets which share the threads take turns."""
    fetched: dict[str, _Fetched] = {}
    running: dict[Future[_Fetched], str] = {}
    queue = iter(names)
    failures: list[Transient] = []
    try:
        while len(failures) < FAILURES_TO_STOP:
            for name in islice(queue, FETCH_WINDOW - len(running)):
                running[fetchers.submit(get, name)] = name
            if not running:
                return fetched
            done, _ = wait(running, deadline.remaining(), return_when=FIRST_COMPLETED)
            for future in done:
                got = fetched[running.pop(future)] = future.result()
                if isinstance(got, Transient):
                    failures.append(got)
    except Transient as late:
        failures.append(late)
    finally:
        for future in running:
            future.cancel()
    return {name: fetched.get(name, failures[-1]) for name in names}


def _unknown(
    hints: Collection[Hint], standing: Standing, entries: Mapping[str, Entry]
) -> dict[str, SyncError]:
    """Name the secrets an operator asked for that the vault does not serve and we never had."""
    known = {name.lower() for name in standing.records.keys() | entries.keys()}
    return {
        hint.secret: Permanent(
            "NoSuchSecret",
            f"Vault {standing.target.vault} has no enabled secret {hint.secret!r}: check the name.",
        )
        for hint in hints
        if hint.at is None and hint.secret.lower() not in known
    }


def _not_served_yet(name: str) -> Transient:
    return Transient("SecretNotServedYet", f"The vault does not know its secret {name!r} yet.")


def _older_version(name: str) -> Transient:
    return Transient(
        "OlderVersionServed", f"The vault still serves an older version of secret {name!r}."
    )
