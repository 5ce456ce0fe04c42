"""Lists and objects as tables, the form `kubectl get` asks for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from local.kubernetes.documents import Document, Json, array, child, text
from local.kubernetes.kinds import NAMESPACE, ROLE, ROLE_BINDING, SECRET, Kind
from local.kubernetes.store import Stored

_COLUMNS: Mapping[str, Sequence[str]] = {
    NAMESPACE.plural: ("Name", "Status", "Age"),
    SECRET.plural: ("Name", "Type", "Data", "Age"),
    ROLE.plural: ("Name", "Created At"),
    ROLE_BINDING.plural: ("Name", "Role", "Age"),
}


def table(kind: Kind, objects: Iterable[Stored], version: str, include: str) -> Document:
    """Return a `meta.k8s.io/v1` Table; `include` is `None`, `Metadata` or `Object`."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": array(_column(name) for name in _COLUMNS[kind.plural]),
        "rows": array(_row(kind, stored, include) for stored in objects),
    }


def _column(name: str) -> Document:
    return {
        "name": name,
        "type": "string",
        "format": "name" if name == "Name" else "",
        "description": name,
        "priority": 0,
    }


def _row(kind: Kind, stored: Stored, include: str) -> Document:
    cells: list[Json] = [text(stored.metadata, "name"), *_cells(kind, stored)]
    row: Document = {"cells": cells, "object": None}
    if include == "Object":
        row["object"] = stored.document
    elif include != "None":
        row["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": child(stored.document, "metadata"),
        }
    return row


def _cells(kind: Kind, stored: Stored) -> list[Json]:
    created = text(stored.metadata, "creationTimestamp")
    if kind is SECRET:
        return [text(stored.bare, "type"), len(child(stored.bare, "data")), _age(created)]
    if kind is ROLE:
        return [created]
    if kind is ROLE_BINDING:
        role = child(stored.bare, "roleRef")
        return [f"{text(role, 'kind')}/{text(role, 'name')}", _age(created)]
    return [text(child(stored.bare, "status"), "phase"), _age(created)]


def _age(created: str) -> str:
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    seconds = max(0, int(age.total_seconds()))
    for unit, span, most in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            return f"{seconds // span}{unit}"
    return f"{age // timedelta(days=1)}d"
