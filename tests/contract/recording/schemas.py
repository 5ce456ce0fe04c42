"""The schemas of workloads and pods as a real API server publishes them, for the emulator."""

import json
from collections.abc import Iterator
from pathlib import Path

from local.kubernetes.documents import Document, Json, array, child
from local.kubernetes.workloads import POD, WORKLOADS
from tests.contract.api_servers import ApiServer

FILE = Path(__file__).parents[3] / "local" / "kubernetes" / "openapi" / "workloads.json"
_KINDS = (*WORKLOADS, POD)
_NOT_READ = {"description", "x-kubernetes-unions"}


def published(server: ApiServer) -> Document:
    """Return the schemas of the kinds and of all that they refer to, without descriptions."""
    known: Document = {}
    for root in sorted({kind.root for kind in _KINDS}):
        document = server.call("GET", f"/openapi/v3{root}").body
        known |= child(child(document, "components"), "schemas")
    found: Document = {}
    waiting = [f"io.k8s.api.{kind.group or 'core'}.v1.{kind.name}" for kind in _KINDS]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _read_part(known[name])
            waiting += _references(found[name])
    return {name: found[name] for name in sorted(found)}


def write(server: ApiServer) -> None:
    """Write them, a schema a line."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(schema, sort_keys=True)}"
        for name, schema in published(server).items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _read_part(schema: Json, *, names: bool = False) -> Json:
    """Return a schema without what nobody reads; `names` if its keys are names of fields."""
    if isinstance(schema, list):
        return array(_read_part(each) for each in schema)
    if not isinstance(schema, dict):
        return schema
    return {
        key: _read_part(value, names=key == "properties" and not names)
        for key, value in schema.items()
        if names or key not in _NOT_READ
    }


def _references(schema: Json) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)
