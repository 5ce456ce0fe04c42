"""Strategic merge patches, as kubectl sends them for the kinds that it knows."""

from local.kubernetes.documents import Document, Json, array
from local.kubernetes.nodes import Atomic, Keyed, Leaf, Map, Members, Node, Struct

_HOW, _RETAIN = "$patch", "$retainKeys"
_ORDER, _DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"
_UNKNOWN = Leaf("object")


def merged(node: Node, live: Json, patch: Json) -> Json:
    """Return the value with the patch applied; a null removes what it stands for."""
    match node, patch:
        case Keyed(), list():
            return _list(node, live if isinstance(live, list) else [], patch)
        case Members(), list():
            held = live if isinstance(live, list) else []
            return [*held, *(each for each in patch if each not in held)]
        case _, dict():
            return _mapping(node, live if isinstance(live, dict) else {}, patch)
        case _:
            return patch


def _mapping(node: Node, live: Document, patch: Document) -> Json:
    directives = {key for key in patch if key.startswith("$")}
    if patch.get(_HOW) == "replace":
        return {key: value for key, value in patch.items() if key not in directives}
    if patch.get(_HOW) == "delete":
        return {}
    kept = patch.get(_RETAIN)
    result = {key: live[key] for key in live if not isinstance(kept, list) or key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE):
            _remove(result, key.removeprefix(_DELETE), value)
        elif value is None:
            result.pop(key, None)
        elif key not in directives:
            result[key] = merged(_field(node, key), result.get(key), value)
    for key in directives:
        if key.startswith(_ORDER):
            _order(node, result, key.removeprefix(_ORDER), patch[key])
    return result


def _remove(result: Document, field: str, gone: Json) -> None:
    held = result.get(field)
    if isinstance(held, list) and isinstance(gone, list):
        result[field] = [each for each in held if each not in gone]


def _field(node: Node, key: str) -> Node:
    match node:
        case (Struct() as known) | Atomic(known):
            return known.fields.get(key, _UNKNOWN)
        case Map(element):
            return element
        case _:
            return _UNKNOWN


def _list(node: Keyed, live: list[Json], patch: list[Json]) -> Json:
    changes = [each for each in patch if isinstance(each, dict)]
    replaced = any(each == {_HOW: "replace"} for each in changes)
    result = {} if replaced else {_key(node, each): each for each in live}
    for change in changes:
        key = _key(node, change)
        if change.get(_HOW) == "delete":
            result.pop(key, None)
        elif change != {_HOW: "replace"}:
            result[key] = merged(node.item, result.get(key), change)
    return array(result.values())


def _key(node: Keyed, item: Json) -> str:
    return str(item.get(node.keys[0])) if isinstance(item, dict) else str(item)


def _order(node: Node, result: Document, field: str, wanted: Json) -> None:
    """Put a list's items in the wanted order, those that it does not name behind."""
    below, held = _field(node, field), result.get(field)
    if not isinstance(held, list) or not isinstance(wanted, list):
        return
    name = (lambda item: _key(below, item)) if isinstance(below, Keyed) else str
    places = {name(each): index for index, each in enumerate(wanted)}
    result[field] = sorted(held, key=lambda each: places.get(name(each), len(places)))
