"""What docs/api.md says of the routes and of the fields of requests and answers."""

import json
from collections.abc import Iterator

from tests.described import Node, at, document, media, schemas, within
from tests.docs.outcomes import paragraph

MOST_WORDS = 10
"""A field that may hold more words is said to hold a reason, which has a page of its own."""


def routes() -> str:
    """Return a section for each route: a call, its query, its answers and examples."""
    return "\n".join(
        "\n".join(_route(method, path, operation))
        for path, methods in within(at(document(), "paths"))
        for method, operation in within(methods)
    )


def fields() -> str:
    """Return a section for each schema: what its fields hold and mean."""
    return "\n".join(
        f"### {name}\n\n| field | holds | meaning |\n|---|---|---|\n" + "".join(_fields(schema))
        for name, schema in within(schemas())
    )


def _route(method: str, path: str, operation: Node) -> Iterator[str]:
    body = at(operation, "requestBody")
    yield f"## {method.upper()} {path}\n"
    yield paragraph(f"{operation['summary']}.")
    yield f"```sh\n{_call(method, path, operation)}\n```\n"
    if body:
        yield f"The body is {_kind(at(media(body), 'schema'))}.\n"
    if query := _parameters(operation):
        rows = (
            f"| `{each['name']}`{' (required)' if 'required' in each else ''} "
            f"| {each['description']} |\n"
            for each in query
        )
        yield "| query | meaning |\n|---|---|\n" + "".join(rows)
    answers = dict(within(at(operation, "responses")))
    yield "| status | when | body |\n|---|---|---|\n" + "".join(
        f"| {status} | {answer['description']} | {_held(answer)} |\n"
        for status, answer in answers.items()
    )
    for status, answer in answers.items():
        example = media(answer).get("example")
        if example is not None:
            yield f"{status}, for example:\n\n```json\n{json.dumps(example, indent=2)}\n```\n"


def _call(method: str, path: str, operation: Node) -> str:
    query = "&".join(
        f"{each['name']}={each['example']}" for each in _parameters(operation) if "example" in each
    )
    words = [f'curl -s "$APP_URL{path}{query and f"?{query}"}"']
    if method != "get":
        words.insert(1, f"-X {method.upper()}")
    if "security" not in operation:
        words.append('-H "x-functions-key: $FUNCTION_KEY"')
    for _, example in within(at(media(at(operation, "requestBody")), "examples")):
        words.append(f"-d '{json.dumps(example['value'])}'")
        break
    return " \\\n  ".join(words)


def _parameters(operation: Node) -> list[Node]:
    listed = operation.get("parameters", [])
    assert isinstance(listed, list)
    return listed


def _held(answer: Node) -> str:
    return _kind(at(media(answer), "schema")) if "content" in answer else ""


def _fields(schema: Node) -> Iterator[str]:
    needed = schema["required"]
    assert isinstance(needed, list)
    for name, described in within(at(schema, "properties")):
        optional = "" if name in needed else " (optional)"
        yield f"| `{name}`{optional} | {_kind(described)} | {described.get('description', '')} |\n"


def _kind(schema: object) -> str:
    """Say what a field or a body holds."""
    match schema:
        case {"$ref": str(name)}:
            word = name.rpartition("/")[2]
            said = f"[{word}](#{word.lower()})"
        case {"oneOf": [*forms]}:
            said = " or ".join(map(_kind, forms))
        case {"type": [str(name), "null"], **rest}:
            said = f"{_kind({**rest, 'type': name})} or null"
        case {"type": "array", "items": dict(each)}:
            said = f"list of {_kind(each)}"
        case {"properties": {"reason": {"enum": [*reasons]}}}:
            said = f"[Refusal](#refusal): {', '.join(f'`{reason}`' for reason in reasons)}"
        case {"enum": [*words]} if len(words) >= MOST_WORDS:
            said = "a [reason](outcomes.md)"
        case {"enum": [*words]}:
            said = ", ".join(f"`{json.dumps(word)}`" for word in words)
        case {"type": str(name)}:
            said = name
        case _:
            raise TypeError(schema)
    return said
