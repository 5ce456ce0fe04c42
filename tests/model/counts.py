"""The rule of the counts: each change of a key's value by us moves its count, and nothing else."""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.key_vault import Version
from local.kubernetes.documents import Document, child, items, text, texts, words
from tests.model.oracle import Place
from tests.model.states import is_restored, owns_state, recorded, state
from tests.model.values import Made
from tests.model.world import Kept, World

if TYPE_CHECKING:
    from tests.model.watch import Write

type _Place = tuple[str, str, str]
"""A namespace, a Secret and a key."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A key's count as the annotation has it."""

    number: int
    first: bool


@dataclass(frozen=True, slots=True)
class _Used:
    """The value that a key had under a count, and in which era of its Secret.

    An era ends when the state is lost, and when counting is switched.
    """

    value: bytes = field(repr=False)
    era: tuple[int, int]


class Ledger:
    """Which value each key had under which count, and which changes no count tells of yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.counting = True
        self._switches = 0
        self._losses: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._used: dict[tuple[_Place, int], _Used] = {}
        self._owed: set[_Place] = set()
        """Keys whose value an eviction changed, so that the apply has to move the count."""

    def switch(self, *, counting: bool) -> None:
        """Note that instances count from now on, or no longer do."""
        self.counting = counting
        self._switches += 1

    def lost(self, namespace: str, secret: str, found: Document) -> None:
        """Note that somebody else took the state of a Secret, and what is there instead."""
        self._losses[namespace, secret] += 1
        data = _data(found)
        self._owed = {
            each for each in self._owed if each[:2] != (namespace, secret) or each[2] in data
        }
        for key, count in counts(found).items():
            if key in data:
                self._use((namespace, secret, key), count, data[key])

    def faults(self, write: "Write") -> Iterator[tuple[str, str]]:
        """Yield each key of an accepted write whose count is wrong."""
        place = (write.kept.namespace, write.secret)
        self._owed |= {(*place, k) for k, v in write.new.items() if write.old.get(k) != v}
        self._owed = {each for each in self._owed if each[:2] != place or each[2] in write.new}
        before = counts(write.before) if _is_believed(write) else {}
        after = counts(write.after)
        pending = _by(write.before, "Update") | (_unmanaged(write.before) - recorded(write.before))
        pending -= _by(write.before, "Apply")
        for key in sorted(_by(write.after, "Apply") & write.new.keys()):
            made = self._world.values.found(write.new[key])
            if made is None:
                continue
            was, now = before.get(key), after.get(key)
            for wrong in self._wrong(write, key, made, (was, now), pending=key in pending):
                yield "counted", f"{key} of {write.secret} goes from {was} to {now}: {wrong}"
            if now is not None and not self._use((*place, key), now, write.new[key]):
                yield "counted", f"{key} of {write.secret} has {now}, as another value had"
            self._owed.discard((*place, key))

    def counted_in_vain(self, kept: Kept, places: Iterable[Place]) -> Iterator[str]:
        """Yield the keys that have a count although a tag says that nothing restarts for them."""
        for secret, key in places if self.counting else ():
            document = self._world.secret(kept.namespace, secret) or {}
            made = self._world.values.found(_data(document).get(key, b""))
            version = kept.snapshot.get(made.name) if made else None
            if version is not None and _is_silent(version) and key in counts(document):
                yield f"{key} of {secret} is counted, and its tag says that nothing restarts"

    def _wrong(
        self,
        write: "Write",
        key: str,
        made: Made,
        moved: tuple[Counted | None, Counted | None],
        *,
        pending: bool,
    ) -> Iterator[str]:
        """Yield what is wrong with a key's counts before and after a write."""
        was, now = moved
        if (write.kept.namespace, write.secret, key) in self._owed:
            if not self._has_moved(was, now, made):
                yield "its value is another"
            is_new = key not in write.old and key not in recorded(write.before)
            if write.old.get(key) != write.new[key] and now is not None and now.first != is_new:
                yield f"it is {'' if is_new else 'not '}new"
        elif now is None:
            if was is not None and not self._may_be_silent(made):
                yield "it is lost"
        elif now != was and not pending:
            yield "its value is the same"

    def _has_moved(self, was: Counted | None, now: Counted | None, made: Made) -> bool:
        """Tell whether a count is right after a change of the value."""
        if now is None:
            return not self.counting or self._may_be_silent(made)
        return self.counting and (was is None or now.number != was.number)

    def _may_be_silent(self, made: Made) -> bool:
        """Tell whether a tag ever said that nothing restarts for a vault secret."""
        past = (snapshot.get(made.name) for _, snapshot in self._world.past[made.vault])
        return any(version is not None and _is_silent(version) for version in past)

    def _use(self, place: _Place, count: Counted, value: bytes) -> bool:
        """Note the value under a count; return whether no other one had it.

        Where a state was lost nothing tells which counts of this very second were used.
        """
        era = (self._losses[place[:2]], self._switches)
        before = self._used.get((place, count.number))
        self._used[place, count.number] = _Used(value, era)
        return (
            before is None
            or before.value == value
            or (before.era != era and count.number >= int(self._world.time))
        )


def counts(document: Document) -> Mapping[str, Counted]:
    """Return the counts on a Secret by key."""
    groups = child(state(document), "counts")
    return {
        key: Counted(int(word.removesuffix("+")), first=not word.endswith("+"))
        for word in groups
        for key in words(groups, word)
    }


def _is_believed(write: "Write") -> bool:
    """Tell whether the app believes the state on a Secret before a write."""
    return owns_state(write.before) or is_restored(write.before, write.kept, write.secret)


def _is_silent(version: Version) -> bool:
    return (version.tags or {}).get("k8s-restart") == "false"


def _data(document: Document) -> Mapping[str, bytes]:
    return {key: b64decode(value) for key, value in texts(document, "data").items()}


def _unmanaged(document: Document) -> set[str]:
    """Return the data keys that nobody manages."""
    entries = items(child(document, "metadata"), "managedFields")
    managed = {name for entry in entries for name in child(child(entry, "fieldsV1"), "f:data")}
    return {key for key in texts(document, "data") if f"f:{key}" not in managed}


def _by(document: Document, operation: str) -> set[str]:
    """Return the data keys that the app has by this operation."""
    return {
        name.removeprefix("f:")
        for entry in items(child(document, "metadata"), "managedFields")
        if (text(entry, "manager"), text(entry, "operation")) == ("keyvault-sync", operation)
        for name in child(child(entry, "fieldsV1"), "f:data")
        if name != "."
    }
