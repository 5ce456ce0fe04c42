"""The owners of each field: the bookkeeping behind server-side apply.

The rules are those of the real server's field manager: an update takes what it changes, an apply
claims what it names, and a manager without fields is removed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from local.kubernetes.documents import Document, Json, array, child, items, text
from local.kubernetes.fields import (
    Comparison,
    Path,
    Paths,
    compare,
    decode,
    encode,
    field_set,
    merge,
    remove,
    with_named_parents,
)
from local.kubernetes.kinds import Kind

APPLY = "Apply"
UPDATE = "Update"
BEFORE_FIRST_APPLY = "before-first-apply"
_NOTHING: Paths = frozenset()
_SERVERS_OWN: Paths = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    }
)


@dataclass(frozen=True, slots=True)
class Manager:
    """A writer: the name and the kind of operation."""

    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class Owned:
    """A manager's fields, and when they last changed (RFC 3339; empty if unknown)."""

    paths: Paths
    time: str = ""


type Owners = Mapping[Manager, Owned]


class FieldConflictError(Exception):
    """An apply without force would take fields from other managers."""

    def __init__(self, conflicts: Mapping[Manager, Paths]) -> None:
        super().__init__("apply conflicts")
        self.conflicts = conflicts


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of an apply."""

    document: Document
    owners: Owners


def update(  # noqa: PLR0913, PLR0917 - all that an update depends on
    kind: Kind, old: Document, new: Document, owners: Owners, manager: Manager, now: str
) -> Owners:
    """Return the owners after a manager has replaced the old document with the new one."""
    if not owners and child(old, "metadata").get("uid"):
        return {}
    difference = _difference(kind, old, new)
    taken = frozenset(difference.added | difference.modified) - _SERVERS_OWN
    left = _take(owners, difference)
    if taken:
        before = left.get(manager)
        left[manager] = Owned(taken | before.paths if before else taken, now)
    return {owner: owned for owner, owned in left.items() if owned.paths}


def apply(  # noqa: PLR0913, PLR0917 - all that an apply depends on
    kind: Kind,
    live: Document,
    config: Document,
    owners: Owners,
    manager: Manager,
    now: str,
    *,
    force: bool,
    yielded: Paths = _NOTHING,
    other_version: bool = False,
) -> Applied:
    """Merge an applied configuration; raises `FieldConflictError` if others own its fields.

    Conflicts about nothing but `yielded` fields are treated as forced. `other_version`: the
    configuration names a resource version that is not the live one, which counts as a change.
    """
    if not owners and live:
        first = Manager(BEFORE_FIRST_APPLY, UPDATE)
        owners = update(kind, kind.empty, live, {}, first, now)
    merged = merge(kind.schema, live, config)
    claimed = frozenset(field_set(kind.schema, config))
    claimed = frozenset(p for p in claimed if not _is_reset(kind, p))
    last = owners[manager].paths if manager in owners else _NOTHING
    claims = {**owners, manager: Owned(claimed)}
    new = _pruned(kind, merged, claims, last) if last else merged
    assert isinstance(new, dict)
    difference = _difference(kind, live, new)
    others = {owner: owned for owner, owned in owners.items() if owner != manager}
    changed = difference.added | difference.modified
    conflicts = {owner: lost for owner, owned in others.items() if (lost := owned.paths & changed)}
    refused = {owner: rest for owner, lost in conflicts.items() if (rest := lost - yielded)}
    if refused and not force:
        raise FieldConflictError(refused)
    after = {owner: owned for owner, owned in _take(others, difference).items() if owned.paths}
    mine = claimed - _SERVERS_OWN
    if mine:
        before = owners[manager].time if manager in owners else ""
        same = new == live and not other_version
        after[manager] = Owned(mine, before if same else now)
    return Applied(new, after)


def _difference(kind: Kind, old: Document, new: Document) -> Comparison:
    found = compare(kind.schema, old, new)
    if not kind.reset:
        return found
    return Comparison(
        *(
            {path for path in paths if not _is_reset(kind, path)}
            for paths in (found.added, found.removed, found.modified)
        )
    )


def _is_reset(kind: Kind, path: Path) -> bool:
    return bool(kind.reset) and path[:1] == (f"f:{kind.reset}",)


def _take(owners: Owners, difference: Comparison) -> dict[Manager, Owned]:
    gone = difference.added | difference.modified | difference.removed
    return {
        owner: owned if gone.isdisjoint(owned.paths) else replace(owned, paths=owned.paths - gone)
        for owner, owned in owners.items()
    }


def _pruned(kind: Kind, merged: Json, claims: Owners, last: Paths) -> Json:
    """Return the merged document without fields that the manager dropped and nobody owns."""
    schema = kind.schema
    last = with_named_parents(schema, last)
    owned = with_named_parents(schema, _union(claim.paths for claim in claims.values()))
    in_merged = with_named_parents(schema, frozenset(field_set(schema, merged)))
    without = remove(schema, merged, last)
    in_without = with_named_parents(schema, frozenset(field_set(schema, without)))
    kept = remove(schema, merged, in_merged - (in_without | owned))
    in_kept = with_named_parents(schema, frozenset(field_set(schema, kept)))
    return remove(schema, merged, (in_merged - in_kept) & last)


def _union(sets: Iterable[Paths]) -> Paths:
    return _NOTHING.union(*sets)


def render(owners: Owners, version: str) -> list[Json]:
    """Return `metadata.managedFields` of that API version, in the server's order."""
    ordered = sorted(
        owners.items(), key=lambda item: (item[0].operation, item[1].time, item[0].name)
    )
    return array(_entry(manager, owned, version) for manager, owned in ordered)


def _entry(manager: Manager, owned: Owned, version: str) -> Document:
    entry: Document = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": version,
    }
    if owned.time:
        entry["time"] = owned.time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": encode(owned.paths)}
    return entry


def requested(document: Document, live: Owners) -> Owners:
    """Return the owners that a write starts from: those in its document, or else the live ones.

    An empty list or one empty entry resets them; an unreadable list counts as absent.
    """
    listed = child(document, "metadata").get("managedFields")
    if listed in ([], [{}]):
        return {}
    if not isinstance(listed, list):
        return live
    try:
        named = {
            Manager(text(entry, "manager"), text(entry, "operation")): Owned(
                decode(entry.get("fieldsV1")), text(entry, "time")
            )
            for entry in items(child(document, "metadata"), "managedFields")
        }
    except ValueError:
        return live
    return named or live


def same(one: Owners, other: Owners) -> bool:
    """Whether both own the same fields; ignores the times of their last writes."""
    return {manager: owned.paths for manager, owned in one.items()} == {
        manager: owned.paths for manager, owned in other.items()
    }


def conflict_causes(
    conflicts: Mapping[Manager, Paths], version: str
) -> tuple[str, list[tuple[str, str]]]:
    """Return the real server's message and its causes: the text of each, and the field."""
    by_words = {
        f'conflict with "{owner.name}"{_using(owner, version)}': paths
        for owner, paths in conflicts.items()
    }
    causes = [
        (said, dotted(path))
        for said, paths in sorted(by_words.items())
        for path in sorted(paths, key=_in_set)
    ]
    if len(causes) == 1:
        said, field = causes[0]
        return f"Apply failed with 1 conflict: {said}: {field}", causes
    blocks: dict[str, list[str]] = {}
    for said, field in causes:
        blocks.setdefault(said.replace("conflict with", "conflicts with", 1), []).append(field)
    listed = "\n".join(
        f"{said}:\n" + "\n".join(f"- {field}" for field in fields)
        for said, fields in blocks.items()
    )
    return f"Apply failed with {len(causes)} conflicts: {listed}", causes


def _in_set(path: Path) -> tuple[tuple[bool, str], ...]:
    """Order paths as a field set does: at each level first leaves, then deeper paths."""
    last = len(path) - 1
    return tuple((index < last, element) for index, element in enumerate(path))


def _using(owner: Manager, version: str) -> str:
    return f" using {version}" if owner.operation == UPDATE else ""


def dotted(path: Path) -> str:
    """Return the path in the form of the real server's messages."""
    return "".join(
        f".{element[2:]}" if element.startswith("f:") else _bracketed(element) for element in path
    )


def _bracketed(element: str) -> str:
    kind, inner = element[:1], element[2:]
    if kind == "k":
        return "[" + inner[1:-1].replace('":', "=", 1).lstrip('"') + "]"
    return f"[={inner}]"
