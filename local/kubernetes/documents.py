"""JSON documents as the API stores them: immutable, and copied on change."""

import json
from collections.abc import Iterable, Mapping

import yaml

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
type Document = dict[str, Json]


def child(document: Document, key: str) -> Document:
    """Return the mapping under the key; an empty one if there is none."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def items(document: Document, key: str) -> list[Document]:
    """Return the mappings in the list under the key; none if there is no list."""
    value = document.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(document: Document, key: str) -> str:
    """Return the string under the key; empty if there is none."""
    value = document.get(key)
    return value if isinstance(value, str) else ""


def texts(document: Document, key: str) -> dict[str, str]:
    """Return the mapping of strings under the key."""
    return {name: value for name, value in child(document, key).items() if isinstance(value, str)}


def words(document: Document, key: str) -> list[str]:
    """Return the list of strings under the key."""
    value = document.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def strings(values: Mapping[str, str]) -> Document:
    """Return the strings as a document."""
    return dict(values.items())


def array(values: Iterable[Json]) -> list[Json]:
    """Return the values as a JSON list."""
    return list(values)


def dump(value: Json) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def parse_json(body: bytes) -> Json:
    """Parse JSON; raises ValueError for anything else."""
    value: Json = json.loads(body)
    return value


def parse_yaml(body: bytes) -> Json:
    """Parse JSON, or the first document of YAML, dates as text; raises ValueError otherwise."""
    if body.lstrip()[:1] == b"{":
        return parse_json(body)
    try:
        value: Json = next(yaml.load_all(body, Loader=PlainLoader), None)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return value


class PlainLoader(yaml.SafeLoader):
    """The safe loader, but `2020-01-01` stays a string, as JSON has no dates."""


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
