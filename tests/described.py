"""The description that the app serves, and answers held to it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache

import jsonschema_rs

from sync.http_api.openapi import openapi

type Node = dict[str, object]


@cache
def document(*, entra: bool = False) -> Node:
    """Return the description as it is served."""
    served: Node = json.loads(json.dumps(openapi(entra=entra)))
    return served


def at(node: Node, *path: str) -> Node:
    """Return the object at that path; empty where there is none."""
    for name in path:
        found = node.get(name, {})
        assert isinstance(found, dict), path
        node = found
    return node


def within(node: Node) -> Iterator[tuple[str, Node]]:
    """Return the objects that an object has by name."""
    return ((name, at(node, name)) for name in node)


def schemas() -> Node:
    """Return the named schemas."""
    return at(document(), "components", "schemas")


def media(body: Node) -> Node:
    """Return the one kind of content that a body has."""
    return at(body, "content", "application/json")


def validator(schema: Node) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a schema of the description."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": schemas()}})


@cache
def named(name: str) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a named schema."""
    return validator({"$ref": f"#/components/schemas/{name}"})


def faults(
    request: str, status: int, headers: Mapping[str, str], text: str, *, entra: bool = False
) -> list[str]:
    """Say what of an answer to `METHOD /path` is not as described."""
    method, _, path = request.partition(" ")
    path = path.partition("?")[0]
    answers = at(document(entra=entra), "paths", path, method.lower(), "responses")
    if str(status) not in answers:
        return [f"{status} is not described"]
    answer = at(answers, str(status))
    told = {name.lower(): word for name, word in headers.items()}
    return [*_of_headers(at(answer, "headers"), told), *_of_body(answer, told, text)]


def _of_headers(described: Node, headers: Mapping[str, str]) -> Iterator[str]:
    for name, header in within(described):
        told = headers.get(name.lower(), "")
        if not validator(at(header, "schema")).is_valid(int(told) if told.isdigit() else told):
            yield f"{name}: {told!r}"


def _of_body(answer: Node, headers: Mapping[str, str], text: str) -> Iterator[str]:
    if "content" not in answer:
        if text:
            yield "there is a body"
        return
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        yield "it is not JSON"
        return
    for error in validator(at(media(answer), "schema")).iter_errors(json.loads(text)):
        yield f"{error.instance_path}: {error.message}"
