"""Event Grid on one machine: a topic that publishers post to, and at-least-once delivery."""

from local.event_grid.faults import Faults
from local.event_grid.grid import Counts, DeadLetter, EventGrid, Subscription
from local.event_grid.ingress import event_grid_app
from local.event_grid.publisher import Publisher
from local.event_grid.retry import Endpoint
from local.event_grid.schema import MalformedError, Schema

__all__ = [
    "Counts",
    "DeadLetter",
    "Endpoint",
    "EventGrid",
    "Faults",
    "MalformedError",
    "Publisher",
    "Schema",
    "Subscription",
    "event_grid_app",
]
