"""Event subscriptions as Azure Resource Manager shows them."""

from collections.abc import Collection
from urllib.parse import urlsplit

from local.arm.search import Fields

TOPICS = "Microsoft.EventGrid/systemTopics"
EXTENSION = "providers/Microsoft.EventGrid/eventSubscriptions"


def webhook(name: str, url: str, schema: str, event_types: Collection[str] = ()) -> Fields:
    """Return an event subscription of a webhook; no types means all of them.

    Only the URL's part before the query is shown, since the query may hold a key.
    """
    base = urlsplit(url)._replace(query="", fragment="").geturl()
    return {
        "name": name,
        "properties": {
            "provisioningState": "Succeeded",
            "destination": {"endpointType": "WebHook", "properties": {"endpointBaseUrl": base}},
            "filter": {"includedEventTypes": sorted(event_types) or None},
            "eventDeliverySchema": schema,
        },
    }


def under(scope: str, entry: Fields) -> Fields:
    """Return an entry with its own id and type, as it is listed under a topic or a vault."""
    topic = f"/{TOPICS}/".lower() in scope.lower()
    kind = f"{TOPICS}/eventSubscriptions" if topic else "Microsoft.EventGrid/eventSubscriptions"
    path = "eventSubscriptions" if topic else EXTENSION
    return {"id": f"{scope}/{path}/{entry['name']}", "type": kind, **entry}
