"""Searches Azure Resource Graph, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.core.ports import Deadline

COLUMNS = "| project id, name, subscriptionId, tenantId | order by id asc"
"""The end of every query: `search` reads these columns."""

VISIBLE_SUBSCRIPTIONS = (
    f"resourcecontainers | where type =~ 'microsoft.resources/subscriptions' {COLUMNS}"
)

_API_VERSION = "2022-10-01"
_PATH = "/providers/Microsoft.ResourceGraph/resources"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A resource that a search found; its subscription id is in lower case."""

    id: str
    name: str
    subscription: str
    tenant: str = ""


def search(
    arm: ResourceManager, query: str, subscriptions: Sequence[str], deadline: Deadline
) -> Iterator[Row]:
    """Yield each row that a query finds in these subscriptions, in all visible ones if none.

    Raises Permanent or Transient; what the identity may not read is left out.
    https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
    """
    options: dict[str, object] = {"$top": _PAGE, "resultFormat": "objectArray"}
    body: dict[str, object] = {"query": query, "options": options}
    if subscriptions:
        body["subscriptions"] = subscriptions
    question = Question(
        _PATH,
        _API_VERSION,
        forbidden=f"Let the app's identity see the vaults: {reader_command(subscriptions)}",
        missing="SYNC_SUBSCRIPTIONS may name a subscription that is gone: az account list.",
        body=body,
    )
    links: set[str] = set()
    while True:
        match arm.ask(question, deadline):
            case {"data": list(rows), "$skipToken": str(link)} if link:
                yield from (_row(arm, row) for row in rows)
            case {"data": list(rows), "resultTruncated": "false" | False}:
                yield from (_row(arm, row) for row in rows)
                return
            case _:
                raise arm.broken("not all that a search found")
        if link in links:
            raise arm.broken("a search that never ends")
        links.add(link)
        options["$skipToken"] = link


def reader_command(subscriptions: Sequence[str]) -> str:
    """Return the command that lets the identity see these subscriptions."""
    others = " (likewise for the others)" if len(subscriptions) > 1 else ""
    return (
        "az role assignment create --role Reader --assignee IDENTITY --scope /subscriptions/"
        f"{subscriptions[0] if subscriptions else 'SUBSCRIPTION'}{others}"
    )


def _row(arm: ResourceManager, row: object) -> Row:
    match row:
        case {
            "id": str(resource_id),
            "name": str(name),
            "subscriptionId": str(subscription),
            **others,
        }:
            tenant = others.get("tenantId")
            known = tenant if isinstance(tenant, str) else ""
            return Row(resource_id, name, subscription.lower(), known)
        case _:
            raise arm.broken("a row without an id or a name")
