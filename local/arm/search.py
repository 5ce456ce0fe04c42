"""The form of Resource Graph query that this emulator understands."""

import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from local.arm.refusals import RefusedError

TENANT = "00000000-0000-4000-8000-000000000002"
_QUERY = re.compile(
    r"\s*(?P<table>resources|resourcecontainers)\s*\|\s*where\s+type\s*=~\s*'(?P<type>[^']+)'"
    r"(?:\s*\|\s*where\s+(?P<field>name|properties\.source)\s*=~\s*'(?P<value>[^']+)')?"
    r"\s*\|\s*project\s+(?P<columns>\w+(?:\s*,\s*\w+)*)"
    r"\s*\|\s*order\s+by\s+id\s+asc\s*",
    re.IGNORECASE,
)

type Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of search results; `link` leads to the rest."""

    rows: tuple[Fields, ...]
    total: int
    link: str | None


def search(
    query: str,
    resources: Mapping[str, Mapping[str, str]],
    subscriptions: Collection[str],
    size: int,
    link: str | None,
) -> Page:
    """Run the query over resources, properties by id, from the link's position."""
    told = _QUERY.fullmatch(query)
    if told is None:
        raise RefusedError(
            400,
            "BadRequest",
            "This search understands: resources (or resourcecontainers) | where type =~ 'TYPE' "
            "[| where name (or properties.source) =~ 'VALUE'] | project COLUMNS | order by id asc.",
        )
    if told["table"].lower() == "resources":
        shown = [_resource(*resource) for resource in resources.items()]
    else:
        shown = [_subscription(subscription) for subscription in subscriptions]
    rows = [
        row
        for row in sorted(shown, key=lambda row: row["id"].lower())
        if row["subscriptionId"] in subscriptions
        and row["type"] == told["type"].lower()
        and (not told["field"] or row.get(told["field"], "").lower() == told["value"].lower())
    ]
    columns = [column.strip() for column in told["columns"].split(",")]
    start = _position(link)
    end = start + size
    return Page(
        tuple({column: row.get(column) for column in columns} for row in rows[start:end]),
        total=len(rows),
        link=base64.b64encode(str(end).encode()).decode() if end < len(rows) else None,
    )


def _position(link: str | None) -> int:
    try:
        return int(base64.b64decode(link)) if link else 0
    except ValueError:
        raise RefusedError(400, "BadRequest", "This $skipToken was not given here.") from None


def _subscription(subscription: str) -> dict[str, str]:
    return {
        "id": f"/subscriptions/{subscription}",
        "name": f"subscription {subscription[-4:]}",
        "type": "microsoft.resources/subscriptions",
        "subscriptionId": subscription,
        "tenantId": TENANT,
    }


def _resource(resource_id: str, properties: Mapping[str, str]) -> dict[str, str]:
    parts = resource_id.split("/")
    return {
        "id": resource_id,
        "name": parts[8],
        "type": f"{parts[6]}/{parts[7]}".lower(),
        "resourceGroup": parts[4].lower(),
        "subscriptionId": parts[2].lower(),
        "tenantId": TENANT,
        **{f"properties.{name}": value for name, value in properties.items()},
    }
