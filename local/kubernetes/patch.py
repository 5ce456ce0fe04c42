"""JSON merge patch, JSON patch, and strategic merge patch for the kinds this server has."""

from collections.abc import Callable, Sequence

from local.kubernetes import go
from local.kubernetes.documents import Document, Json, array, text

_MERGE_KEYS: dict[tuple[str, ...], str] = {
    ("metadata", "ownerReferences"): "uid",
    ("status", "conditions"): "type",
}
_SETS: set[tuple[str, ...]] = {("metadata", "finalizers")}
_DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


class PatchError(ValueError):
    """A patch that does not fit the document."""


class MergeKeyError(PatchError):
    """An item of a list that is merged by a key, without that key."""


def merge_patch(target: Json, patch: Json) -> Json:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    patched: Document = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            patched.pop(key, None)
        else:
            patched[key] = merge_patch(patched.get(key), value)
    return patched


def strategic_merge_patch(target: Document, patch: Document) -> Document:
    """Apply a strategic merge patch."""
    return _strategic(target, patch, ())


def _strategic(target: Document, patch: Document, path: tuple[str, ...]) -> Document:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    patched = dict(target)
    for key, value in patch.items():
        below = (*path, key)
        if key.startswith("$deleteFromPrimitiveList/"):
            gone = value if isinstance(value, list) else []
            name = key.split("/", 1)[1]
            before = patched.get(name)
            patched[name] = array(
                item for item in (before if isinstance(before, list) else []) if item not in gone
            )
        elif key.startswith(_DIRECTIVES):
            continue
        elif value is None:
            patched.pop(key, None)
        else:
            patched[key] = _strategic_value(patched.get(key), value, below)
    return patched


def _strategic_value(before: Json, value: Json, path: tuple[str, ...]) -> Json:
    if isinstance(value, dict):
        return _strategic(before if isinstance(before, dict) else {}, value, path)
    if isinstance(value, list) and path in _SETS:
        known = before if isinstance(before, list) else []
        return array([*value, *(item for item in known if item not in value)])
    if isinstance(value, list) and path in _MERGE_KEYS:
        return _merge_list(before if isinstance(before, list) else [], value, path)
    return value


def _merge_list(before: list[Json], patch: list[Json], path: tuple[str, ...]) -> Json:
    key = _MERGE_KEYS[path]
    merged: dict[str, Document] = {
        text(item, key): item for item in before if isinstance(item, dict)
    }
    for item in patch:
        if not isinstance(item, dict):
            continue
        if item.get("$patch") == "replace":
            merged = {
                text(other, key): other
                for other in patch
                if isinstance(other, dict) and other is not item
            }
            break
        if item.get("$patch") == "delete":
            merged.pop(text(item, key), None)
        elif key not in item:
            raise MergeKeyError(f"map: {go.plain(item)} does not contain declared merge key: {key}")
        else:
            merged[text(item, key)] = _strategic(merged.get(text(item, key), {}), item, path)
    return array(merged.values())


def json_patch(target: Document, operations: Sequence[Json]) -> Json:
    """Apply a JSON patch (RFC 6902); raise `PatchError` where an operation does not fit."""
    document: Json = target
    for operation in operations:
        if not isinstance(operation, dict):
            raise PatchError("an operation is an object")
        document = _operate(document, operation)
    return document


def _operate(document: Json, operation: Document) -> Json:
    path = _pointer(text(operation, "path"))
    value = operation.get("value")
    match operation.get("op"):
        case "add":
            return _edited(document, path, lambda holder, key: _put(holder, key, value))
        case "remove":
            return _edited(document, path, _delete)
        case "replace":
            if not path:
                return value
            return _edited(document, path, lambda holder, key: _set(holder, key, value))
        case "move" | "copy" as name:
            source = _pointer(text(operation, "from"))
            if not source:
                raise PatchError("the whole document cannot be moved or copied")
            moved = _found(document, source)
            if name == "move":
                document = _edited(document, source, _delete)
            return _edited(document, path, lambda holder, key: _put(holder, key, moved))
        case "test":
            if _found(document, path) != value:
                raise PatchError(f"testing value {text(operation, 'path')} failed")
            return document
        case other:
            raise PatchError(f"unexpected operation kind: {other}")


def _pointer(path: str) -> list[str]:
    if not path:
        return []
    _, slash, rest = path.partition("/")
    if not slash:
        raise PatchError(f"the path {path} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in rest.split("/")]


def _lookup(document: Json, path: Sequence[str]) -> Json:
    for key in path:
        match document:
            case dict() if key in document:
                document = document[key]
            case list():
                document = document[_index(document, key, len(document) - 1)]
            case _:
                raise PatchError(f"there is no {key}")
    return document


def _found(document: Json, path: Sequence[str]) -> Json:
    """Return what is there; as in the server's library, null where an object has no such field."""
    holder = _lookup(document, path[:-1])
    if path and isinstance(holder, dict) and path[-1] not in holder:
        return None
    return _lookup(document, path)


def _index(holder: list[Json], key: str, highest: int) -> int:
    if key == "-":
        return len(holder)
    if not key.isdigit() or int(key) > highest:
        raise PatchError(f"{key} is no index of the list")
    return int(key)


type _Holder = dict[str, Json] | list[Json]
type _Edit = Callable[[_Holder, str], None]


def _put(holder: _Holder, key: str, value: Json) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.insert(_index(holder, key, len(holder)), value)


def _set(holder: _Holder, key: str, value: Json) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder[_index(holder, key, len(holder) - 1)] = value


def _delete(holder: _Holder, key: str) -> None:
    if isinstance(holder, list):
        del holder[_index(holder, key, len(holder) - 1)]
    elif key in holder:
        del holder[key]
    else:
        raise PatchError(f"there is no {key} to remove")


def _edited(document: Json, path: Sequence[str], edit: _Edit) -> Json:
    """Return a copy of the document with one holder edited; what is off the path is shared."""
    if not path:
        raise PatchError("the whole document cannot be edited")
    copy: _Holder
    match document:
        case dict():
            copy = dict(document)
        case list():
            copy = list(document)
        case _:
            raise PatchError(f"there is no {path[0]}")
    if len(path) == 1:
        edit(copy, path[0])
    else:
        below = _edited(_lookup(copy, path[:1]), path[1:], edit)
        _set(copy, path[0], below)
    return copy
