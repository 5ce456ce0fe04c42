"""The triggers of an app's functions, read from the bindings found by indexing."""

import json
from dataclasses import dataclass
from enum import StrEnum

from local.functions_host.protos import RpcFunctionMetadata


class AuthLevel(StrEnum):
    """The level of key that an HTTP trigger requires."""

    ANONYMOUS = "ANONYMOUS"
    FUNCTION = "FUNCTION"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """An HTTP route below the prefix; no methods means every method."""

    route: str
    methods: tuple[str, ...]
    auth_level: AuthLevel


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A schedule as written in the binding, with `%SETTING%` unresolved."""

    schedule: str
    run_on_startup: bool


@dataclass(frozen=True, slots=True)
class EventGridTrigger:
    """Events that the webhook receives for the function's name."""


@dataclass(frozen=True, slots=True)
class UnservedTrigger:
    """A trigger of a kind that this host does not support."""

    kind: str


type Trigger = HttpTrigger | TimerTrigger | EventGridTrigger | UnservedTrigger


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function and the parameter that its trigger fills."""

    id: str
    name: str
    parameter: str
    trigger: Trigger


def read_function(metadata: RpcFunctionMetadata) -> Function:
    """Read one function from its bindings; exactly one of them is a trigger."""
    bindings = [json.loads(raw) for raw in metadata.raw_bindings]
    (trigger,) = (found for found in bindings if found["type"].endswith("Trigger"))
    return Function(
        metadata.function_id,
        metadata.name,
        trigger["name"],
        _trigger(trigger, default_route=metadata.name),
    )


def _trigger(binding: dict[str, object], default_route: str) -> Trigger:
    match binding:
        case {"type": "httpTrigger"}:
            methods = binding.get("methods") or []
            assert isinstance(methods, list)
            return HttpTrigger(
                str(binding.get("route") or default_route).strip("/"),
                tuple(methods),
                AuthLevel(str(binding.get("authLevel", AuthLevel.FUNCTION)).upper()),
            )
        case {"type": "timerTrigger", "schedule": str(schedule)}:
            return TimerTrigger(schedule, binding.get("runOnStartup") is True)
        case {"type": "eventGridTrigger"}:
            return EventGridTrigger()
        case _:
            return UnservedTrigger(str(binding["type"]))
