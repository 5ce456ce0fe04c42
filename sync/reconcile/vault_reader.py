"""Reads a vault: only what changed, never what lags behind; decides what becomes of each secret."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from itertools import islice

from sync.core.annotation import Record
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Hint, ListedSecret, Unserved, VaultSecret
from sync.core.ports import Deadline, Vaults
from sync.core.reasons import Reason
from sync.projection.budget import ParseBudget
from sync.projection.rules import TAGGED, Excluded, Placement, Rules, latest
from sync.reconcile.observed import ObservedVault

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
class Fetched:
    """A vault secret that was read: where it goes, as which keys, and what to remember of it."""

    name: str
    placement: Placement
    values: Mapping[str, bytes] = field(repr=False)
    record: Record


@dataclass(frozen=True, slots=True)
class VaultSurvey:
    """What became of each vault secret that was looked at, by name; the rest is as it was.

    `placed` are those that are to be in, read or not, and `gone` those that were in and are not to
    be. `listed` says that a listing was read, which alone can tell. `unvisited` are Secrets that
    vault secrets lead to and that have to be read first: then nothing else was looked at.
    """

    rendered: Mapping[str, Fetched] = field(default_factory=dict)
    placed: Mapping[str, Placement] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    unread: Mapping[str, SyncError] = field(default_factory=dict)
    expired: tuple[str, ...] = ()
    unvisited: frozenset[str] = frozenset()
    listed: bool = False


@dataclass(frozen=True, slots=True)
class _Errand:
    """What the gets of one reading have in common; `listed` are names as a listing spells them."""

    holdings: ObservedVault
    listed: Collection[str]
    deadline: Deadline
    fetchers: Executor
    budget: ParseBudget = field(default_factory=ParseBudget)

    def spelled(self, name: str, secret: VaultSecret) -> str:
        """Return a secret's name as the listing or we have it, else as it is served."""
        known = name in self.listed or name in self.holdings.records
        return name if known else secret.name


type _Fetched = Fetched | Excluded | Unserved | SyncError


@dataclass(frozen=True, slots=True)
class VaultReader:
    """Reads vaults by the platform's rules; `now` gives epoch seconds, `prune` if keys may go."""

    vaults: Vaults
    now: Callable[[], float]
    rules: Rules
    prune: bool

    def whole(
        self,
        holdings: ObservedVault,
        hints: Collection[Hint],
        deadline: Deadline,
        fetchers: Executor,
        *,
        force: bool,
    ) -> VaultSurvey:
        """List the vault and get what moved since it was recorded, and the hinted secrets.

        Raises Permanent for a listing that would take too much away, unless forced. What is forced
        gets every secret, so that nothing of a Secret is taken on trust.
        """
        listing = self.vaults.list(holdings.target.vault, deadline)
        listed = latest(listing)
        placed, out, wrong = self._sorted(holdings, listed.values())
        wrong |= {
            name: holdings.closed[place.secret]
            for name, place in placed.items()
            if place.secret in holdings.closed
        }
        if unvisited := {place.secret for place in placed.values()} - holdings.visited:
            return VaultSurvey(unvisited=frozenset(unvisited))
        if self.prune and not force:
            holdings.refuse_unsafe(placed, wrong.keys(), listed=len(listing))
        names = self._worth_reading(holdings, listed, placed, hints, force=force) - wrong.keys()
        errand = _Errand(holdings, placed.keys(), deadline, fetchers)
        fetched = self._fetch(errand, names, hints)
        for name, got in fetched.items():
            if isinstance(got, Unserved) and name in placed:
                fetched[name] = _not_served_yet(name)
            elif isinstance(got, Fetched):
                expected = placed[name].secret if name in placed else holdings.home(got.name)
                if got.placement.secret != expected:
                    fetched[name] = _changed_meanwhile(name)
                elif expected in holdings.closed:
                    fetched[name] = holdings.closed[expected]
        unread = {name: got for name, got in fetched.items() if isinstance(got, SyncError)} | wrong
        rendered = {got.name: got for got in fetched.values() if isinstance(got, Fetched)}
        absent = {name for name, got in fetched.items() if isinstance(got, Excluded | Unserved)}
        now = self.now()
        expired = sorted(n for n in placed if (at := listed[n].expires) is not None and at <= now)
        placed |= {name: each.placement for name, each in rendered.items()}
        out |= {name: got.reason for name, got in fetched.items() if isinstance(got, Excluded)}
        return VaultSurvey(
            rendered=rendered,
            placed={n: place for n, place in placed.items() if n not in absent},
            out=out,
            gone=self._gone(holdings, placed.keys() - absent, unread),
            unread=_unknown(hints, holdings, placed, out) | unread,
            expired=tuple(expired),
            listed=True,
        )

    def hinted(
        self,
        holdings: ObservedVault,
        hints: Callable[[], Sequence[Hint]],
        deadline: Deadline,
        fetchers: Executor,
    ) -> VaultSurvey | None:
        """Get the hinted secrets and leave the rest as it stands.

        `hints` gives those so far; what joins while others are read is read as well, a few times.
        None when a listing has to decide: the vault no longer serves one that a Secret has, or its
        tags lead to another Secret.
        """
        errand = _Errand(holdings, (), deadline, fetchers)
        fetched: dict[str, _Fetched] = {}
        asked: Sequence[Hint] = ()
        for _ in range(JOINING_ROUNDS):
            known = len(asked)
            asked = hints()
            names = {holdings.spelled(hint.secret) for hint in asked[known:]}
            if any(holdings.home(name) not in holdings.visited for name in names):
                return None
            fetched |= self._fetch(errand, names, asked[known:])
            if len(asked) == known:
                break
        rendered = {got.name: got for got in fetched.values() if isinstance(got, Fetched)}
        if any(each.placement.secret != holdings.home(n) for n, each in rendered.items()):
            return None
        absent = {name for name, got in fetched.items() if isinstance(got, Excluded | Unserved)}
        if not absent.isdisjoint(holdings.records):
            return None
        closed = {n for n, each in rendered.items() if each.placement.secret in holdings.closed}
        unread = {name: got for name, got in fetched.items() if isinstance(got, SyncError)}
        unread |= {name: holdings.closed[rendered.pop(name).placement.secret] for name in closed}
        out = {name: got.reason for name, got in fetched.items() if isinstance(got, Excluded)}
        return VaultSurvey(
            rendered=rendered,
            placed={name: each.placement for name, each in rendered.items()},
            out=out,
            unread=_unknown(asked, holdings, rendered, out) | unread,
        )

    def _sorted(
        self, holdings: ObservedVault, listed: Collection[ListedSecret]
    ) -> tuple[dict[str, Placement], dict[str, str], dict[str, SyncError]]:
        """Say of each listed secret where it goes, why it is out, or what is wrong with it."""
        placed: dict[str, Placement] = {}
        out: dict[str, str] = {}
        wrong: dict[str, SyncError] = {}
        for secret in listed:
            if secret.fault is not None:
                wrong[secret.name] = secret.fault
                continue
            record = holdings.records.get(holdings.spelled(secret.name))
            if record and secret.updated < record.updated and self._fresh(record.updated):
                wrong[secret.name] = _older_version(secret.name)
                continue
            if not secret.enabled:
                out[secret.name] = "it is disabled"
                continue
            try:
                found = self._place(holdings, secret.name, secret)
            except Permanent as fault:
                wrong[secret.name] = fault
                continue
            if isinstance(found, Excluded):
                out[secret.name] = found.reason
            else:
                placed[secret.name] = found
        return placed, out, wrong

    def _place(
        self, holdings: ObservedVault, name: str, secret: ListedSecret | VaultSecret
    ) -> Placement | Excluded:
        return self.rules.place(holdings.target, name, secret.tags, secret.content_type)

    def _worth_reading(
        self,
        holdings: ObservedVault,
        listed: Mapping[str, ListedSecret],
        placed: Mapping[str, Placement],
        hints: Collection[Hint],
        *,
        force: bool,
    ) -> set[str]:
        """Name the secrets that moved or are asked for, and those that a listing may lack yet."""
        spelling = {name.lower(): name for name in placed}
        hinted = {spelling.get(hint.secret.lower(), hint.secret) for hint in hints}
        moved = {n for n, place in placed.items() if force or holdings.moved(place, listed[n])}
        known = {name.lower() for name in listed}
        unlisted = {
            name
            for name, record in holdings.records.items()
            if name.lower() not in known and self._fresh(record.updated)
        }
        return hinted | moved | unlisted

    def _gone(
        self, holdings: ObservedVault, placed: Collection[str], unread: Collection[str]
    ) -> frozenset[str]:
        """Name the recorded secrets whose keys go: not what could not be read."""
        if not self.prune:
            return frozenset()
        kept = {name.lower() for name in (*placed, *unread)}
        return frozenset(name for name in holdings.records if name.lower() not in kept)

    def _fetch(
        self, errand: _Errand, names: Collection[str], hints: Collection[Hint]
    ) -> dict[str, _Fetched]:
        last = {hint.secret.lower(): hint for hint in sorted(hints, key=lambda h: h.at or 0)}

        def get(name: str) -> _Fetched:
            try:
                return self._get(errand, name, last.get(name.lower()))
            except SyncError as error:
                return error

        if len(names) == 1:  # the event path: no other thread is worth its while
            return {name: get(name) for name in names}
        return _in_window(get, sorted(names), errand.deadline, errand.fetchers)

    def _get(self, errand: _Errand, name: str, hint: Hint | None) -> Fetched | Excluded | Unserved:
        holdings = errand.holdings
        secret = self.vaults.get(holdings.target.vault, name, errand.deadline)
        if hint is not None:
            self._refuse_lagging(holdings, hint, secret, errand.deadline)
        if isinstance(secret, Unserved):
            return secret
        record = holdings.records.get(name)
        if record and secret.updated < record.updated and self._fresh(record.updated):
            raise _older_version(name)
        spelled = errand.spelled(name, secret)
        place = self._place(holdings, spelled, secret)
        if isinstance(place, Excluded):
            return place
        if record and record.version != secret.version and _lost_tags(holdings, spelled, place):
            raise Permanent(
                Reason.TAGS_LOST,
                f"The new version of secret {name!r} has none of the tags by which the former one "
                "was brought over: give it the same tags (each version has its own), or k8s-sync "
                "true if it is meant to be a plain one.",
            )
        values = self.rules.render(place, secret, errand.budget)
        settled = secret.read_at - secret.updated >= SETTLED_SECONDS
        if record and record.version != secret.version and record.updated == secret.updated:
            # Two of one second: while a replica may lag, only the next read tells.
            settled = settled and not self._fresh(secret.updated)
        named = tuple(sorted(values)) if place.fingerprint else ()
        return Fetched(
            spelled,
            place,
            values,
            Record(secret.version, secret.updated, settled, place.fingerprint, named),
        )

    def _refuse_lagging(
        self,
        holdings: ObservedVault,
        hint: Hint,
        secret: VaultSecret | Unserved,
        deadline: Deadline,
    ) -> None:
        """Raise Transient when the vault has not caught up with the event that the hint is from.

        Of two versions made in one second, both known to the vault, the served one is taken: the
        event may as well be the older one's, come late. As it is not settled, the next pass looks
        again.
        """
        if hint.at is None or not self._fresh(hint.at):
            return
        if secret is Unserved.MISSING:
            raise _not_served_yet(hint.secret)
        if isinstance(secret, Unserved) or hint.version in {None, secret.version}:
            return
        if secret.created > int(hint.at):
            return
        announced = self.vaults.get(holdings.target.vault, hint.secret, deadline, hint.version)
        if announced is Unserved.MISSING:
            raise _older_version(hint.secret)
        if isinstance(announced, VaultSecret) and announced.created > secret.created:
            raise _older_version(hint.secret)

    def _fresh(self, moment: float) -> bool:
        return abs(self.now() - moment) < FRESH_SECONDS


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
                break
            done, _ = wait(running, deadline.remaining(), return_when=FIRST_COMPLETED)
            for future in [each for each in running if each in done]:
                got = fetched[running.pop(future)] = future.result()
                if isinstance(got, Transient):
                    failures.append(got)
    except Transient as late:
        failures.append(late)
    finally:
        for future in running:
            future.cancel()
    return {name: fetched[name] if name in fetched else failures[-1] for name in names}


def _unknown(
    hints: Collection[Hint],
    holdings: ObservedVault,
    found: Collection[str],
    out: Mapping[str, str],
) -> dict[str, SyncError]:
    """Name the secrets an operator asked for that are not to be in, and that we never had."""
    known = {name.lower() for name in (*holdings.records, *found)}
    reasons = {name.lower(): reason for name, reason in out.items()}
    return {
        hint.secret: Permanent(
            Reason.NO_SUCH_SECRET,
            f"Vault {holdings.target.vault} has no enabled secret {hint.secret!r}: check the name."
            if hint.secret.lower() not in reasons
            else f"Secret {hint.secret!r} of vault {holdings.target.vault} is in no Secret: "
            f"{reasons[hint.secret.lower()]}.",
        )
        for hint in hints
        if hint.at is None and hint.secret.lower() not in known
    }


def _lost_tags(holdings: ObservedVault, name: str, place: Placement) -> bool:
    """Tell whether a secret is where it is, or as it is, by tags that its placement lacks."""
    marked = holdings.records[name].fingerprint.startswith(TAGGED)
    return not place.tagged and (marked or holdings.home(name) != holdings.target.secret)


def _not_served_yet(name: str) -> Transient:
    return Transient(
        Reason.SECRET_NOT_SERVED_YET, f"The vault does not serve its secret {name!r} yet."
    )


def _changed_meanwhile(name: str) -> Transient:
    return Transient(Reason.TAGS_CHANGED, f"The tags of secret {name!r} changed while it was read.")


def _older_version(name: str) -> Transient:
    return Transient(
        Reason.OLDER_VERSION_SERVED, f"The vault still serves an older version of secret {name!r}."
    )
