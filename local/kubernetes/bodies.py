"""Requests' bodies: what they hold, and which fields stand in them twice."""

import json
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import override

import yaml

from local.kubernetes import go
from local.kubernetes.documents import Json, PlainLoader
from local.kubernetes.protobuf import MEDIA_TYPE, parse_protobuf

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = MEDIA_TYPE
_NO_PROTOBUF = (
    "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
)


class BodyError(ValueError):
    """A body that cannot be read; the text is the real server's."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request sent: the bytes, what they hold, and what is said of fields named twice."""

    raw: bytes = field(repr=False)
    value: Json = field(repr=False)
    repeated: tuple[str, ...] = ()


class _Object(dict[str, Json]):
    """A JSON object that knows which of its keys came twice."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        counted = Counter(key for key, _ in pairs) if len(self) < len(pairs) else Counter[str]()
        self.repeated = {key: times - 1 for key, times in counted.items() if times > 1}


def read_json(raw: bytes) -> Body:
    """Read JSON; raise `BodyError` in encoding/json's words."""
    try:
        value: Json = json.loads(raw, object_pairs_hook=_Object, parse_constant=_no_constant)
    except ValueError as error:
        raise BodyError(go.json_error(raw, error)) from error
    return Body(raw, value, tuple(f'duplicate field "{name}"' for name in _repeated(value, "")))


def _no_constant(name: str) -> Json:
    raise json.JSONDecodeError("Expecting value", name, 0)


def _repeated(value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated(item, f"{path}[{index}]")
    if isinstance(value, dict):
        twice = value.repeated if isinstance(value, _Object) else {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            yield from [below] * twice.get(key, 0)
            yield from _repeated(item, below)


def read_yaml(raw: bytes) -> Body:
    """Read YAML, or JSON, without tags, dates as text; raise `BodyError`."""
    loader = _Loader(raw)
    try:
        value: Json = loader.get_data() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        where = f"line {line}: " if line else ""
        raise BodyError(f"yaml: {where}{error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BodyError(f"yaml: {error}") from error
    finally:
        loader.dispose()
    return Body(raw, value, tuple(loader.repeated))


class _Loader(PlainLoader):
    """The loader of documents, but what is repeated is noted."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.repeated: list[str] = []

    @override
    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        """Return the mapping; its last value of a key counts."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                line = key.start_mark.line + 1
                self.repeated.append(f'line {line}: key "{name}" already set in map')
            seen.add(name)
        return super().construct_mapping(node, deep)


def _binary(loader: _Loader, node: yaml.ScalarNode) -> str:
    """Return what the text encodes: JSON has no bytes, so they become a text again."""
    content: bytes = loader.construct_yaml_binary(node)
    return content.decode(errors="replace")


_Loader.add_constructor("tag:yaml.org,2002:binary", _binary)


def read(raw: bytes, media: str) -> Body:
    """Read a body of one of the three media types; raise `BodyError`."""
    if media == YAML:
        return read_yaml(raw)
    if media == PROTOBUF:
        try:
            return Body(raw, parse_protobuf(raw))
        except ValueError as error:
            why = _NO_PROTOBUF if not raw.startswith(b"k8s\x00") else str(error)
            raise BodyError(why) from error
    try:
        return read_json(raw)
    except BodyError as error:
        raise BodyError(f"couldn't get version/kind; json parse error: {error}") from error


def no_object(value: Json) -> str:
    """Return what the server says of a body that is no object."""
    kind = go.json_type(value)
    return (
        "couldn't get version/kind; json parse error: "
        f"json: cannot unmarshal {kind} into Go value of type {go.VERSION_AND_KIND}"
    )
