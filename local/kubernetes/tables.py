"""Lists and objects as tables, the form `kubectl get` asks for."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from local.kubernetes.documents import Document, Json, array, child, text
from local.kubernetes.kinds import SECRET, Kind
from local.kubernetes.store import Stored


def table(kind: Kind, objects: Iterable[Stored], version: str, include: str) -> Document:
    """Return a `meta.k8s.io/v1` Table; `include` is `None`, `Metadata` or `Object`."""
    names = ("Name", "Type", "Data", "Age") if kind is SECRET else ("Name", "Status", "Age")
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": array(_column(name) for name in names),
        "rows": array(_row(kind, stored, include) for stored in objects),
    }


def _column(name: str) -> Document:
    return {
        "name": name,
        "type": "integer" if name == "Data" else "string",
        "format": "name" if name == "Name" else "",
        "description": name,
        "priority": 0,
    }


def _row(kind: Kind, stored: Stored, include: str) -> Document:
    name = text(stored.metadata, "name")
    age = _age(text(stored.metadata, "creationTimestamp"))
    cells: list[Json]
    if kind is SECRET:
        cells = [name, text(stored.bare, "type"), len(child(stored.bare, "data")), age]
    else:
        cells = [name, text(child(stored.bare, "status"), "phase"), age]
    row: Document = {"cells": cells}
    if include == "Object":
        row["object"] = stored.document
    elif include != "None":
        row["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": child(stored.document, "metadata"),
        }
    return row


def _age(created: str) -> str:
    age = datetime.now(UTC) - datetime.fromisoformat(created)
    seconds = max(0, int(age.total_seconds()))
    for unit, span, most in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            return f"{seconds // span}{unit}"
    return f"{age // timedelta(days=1)}d"
