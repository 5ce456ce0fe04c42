"""The two event schemas: what a topic accepts, and what a subscription receives."""

from collections.abc import Mapping
from enum import StrEnum

type Event = Mapping[str, object]

_EVENT_GRID_FIELDS = ("id", "subject", "eventType", "eventTime", "dataVersion")
_CLOUD_FIELDS = ("id", "source", "type", "specversion")


class Schema(StrEnum):
    """A subscription's event delivery schema, as Azure spells it."""

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


class MalformedError(Exception):
    """The event fits neither schema; the message names the field."""


def read_event(raw: object, topic: str) -> Event:
    """Check an event and add what the service adds; raises MalformedError.

    A topic in the event stays: the system topic of a vault has the vault's resource id.
    """
    if not isinstance(raw, Mapping):
        raise MalformedError("an event must be an object")
    cloud = "specversion" in raw
    for field in _CLOUD_FIELDS if cloud else _EVENT_GRID_FIELDS:
        value = raw.get(field)
        if not isinstance(value, str) or not value:
            raise MalformedError(f"an event needs the string field {field}")
    if cloud:
        if raw["specversion"] != "1.0":
            raise MalformedError("specversion must be 1.0")
        return dict(raw)
    if "data" not in raw:
        raise MalformedError("an event needs the field data")
    return {**raw, "topic": raw.get("topic") or topic, "metadataVersion": "1"}


def event_type(event: Event) -> str:
    """Return the event's type, in either schema."""
    return str(event["type"] if "specversion" in event else event["eventType"])


def deliverable(event: Event, schema: Schema) -> tuple[object, str]:
    """Return body and content type of a delivery.

    A CloudEvent is always delivered as one, since the service cannot convert it back.
    """
    if schema is Schema.EVENT_GRID and "specversion" not in event:
        return [event], "application/json; charset=utf-8"
    return _cloud_event(event), "application/cloudevents+json; charset=utf-8"


def versions(body: object) -> Mapping[str, str]:
    """Return the headers that tell the versions of a delivery, whose CloudEvent has no version.

    https://learn.microsoft.com/azure/event-grid/delivery-properties
    """
    match body:
        case [{"metadataVersion": metadata, "dataVersion": data}]:
            return {"aeg-metadata-version": str(metadata), "aeg-data-version": str(data)}
        case {"specversion": version}:
            return {"aeg-metadata-version": str(version)}
        case _:
            return {}


def _cloud_event(event: Event) -> Event:
    if "specversion" in event:
        return event
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["topic"],
        "type": event["eventType"],
        "subject": event["subject"],
        "time": event["eventTime"],
        "data": event["data"],
    }
