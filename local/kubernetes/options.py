"""The options of a request: who writes and how, checked as the server checks them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from multidict import MultiMapping

from local.kubernetes import go
from local.kubernetes.documents import Document, child, text, words
from local.kubernetes.status import (
    Cause,
    bad_request,
    invalid_options,
    invalid_value,
    not_allowed,
    required,
    too_long,
)
from local.kubernetes.writes import Write

type _Validation = Literal["Ignore", "Warn", "Strict"]
type Query = MultiMapping[str]

_FALSE = ("false", "0")
_MOST_MANAGER = 128
_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_DELETE = "DeleteOptions"
_VALIDATIONS: dict[str, _Validation] = {
    "": "Warn",
    "Ignore": "Ignore",
    "Strict": "Strict",
    "Warn": "Warn",
}
_PROPAGATIONS = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a delete is asked for."""

    options: Document
    dry_run: bool


def is_true(value: str | None) -> bool:
    """Whether a parameter is set: anything but false and 0 is true."""
    return value is not None and value.lower() not in _FALSE


def write_options(verb: str, query: Query, agent: str, user: str, *, applies: bool) -> Write:
    """Return who writes and how; 422 where the options are wrong."""
    manager = query.get("fieldManager", "")
    force = query.get("force")
    validation = query.get("fieldValidation", "")
    causes: list[Cause] = []
    if verb == "patch" and not applies and force is not None:
        causes.append(not_allowed("force", "may not be specified for non-apply patch"))
    if applies and not manager:
        causes.append(required("fieldManager", "is required for apply patch"))
    causes += [*_manager_faults(manager), *_dry_run_faults(query.getall("dryRun", []))]
    if validation not in _VALIDATIONS:
        causes.append(_unsupported("fieldValidation", go.quoted(validation), _VALIDATIONS))
    if causes:
        raise invalid_options(_OPTIONS[verb], *causes)
    return Write(
        manager=manager or agent_manager(agent),
        user=user,
        dry_run="dryRun" in query,
        force=is_true(force),
        field_validation=_VALIDATIONS[validation],
    )


def delete_options(query: Query, body: Document | None) -> Deletion:
    """Return how to delete: as the body says, or as the query where there is no body."""
    if body is None:
        asked = query.getall("dryRun", [])
        policy = query.get("propagationPolicy", "")
        orphans = "orphanDependents" in query
    else:
        _check_kind(body)
        asked, policy = words(body, "dryRun"), text(body, "propagationPolicy")
        orphans = body.get("orphanDependents") is not None
    causes: list[Cause] = []
    if policy and orphans:
        why = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid_value("propagationPolicy", policy, why))
    elif policy not in ("", *_PROPAGATIONS):
        known = (*_PROPAGATIONS, "nil")
        causes.append(_unsupported("propagationPolicy", go.quoted(policy), known))
    causes += _dry_run_faults(asked)
    if causes:
        raise invalid_options(_DELETE, *causes)
    return Deletion(child(body or {}, "preconditions"), bool(asked))


def agent_manager(agent: str) -> str:
    """Return the manager that a client without `fieldManager` has: its program's name."""
    name = "".join(c for c in agent.split("/", 1)[0] if c.isprintable())[:_MOST_MANAGER]
    return name or "unknown"


def _check_kind(body: Document) -> None:
    kind, version = text(body, "kind"), text(body, "apiVersion")
    if kind not in ("", _DELETE):
        raise bad_request(
            f'no kind "{kind}" is registered for version "{version}" '
            'in scheme "pkg/runtime/scheme.go:111"'
        )


def _manager_faults(manager: str) -> list[Cause]:
    found = [too_long("fieldManager", _MOST_MANAGER)] if len(manager) > _MOST_MANAGER else []
    return found + [
        invalid_value(
            "fieldManager", manager, f"invalid character U+{ord(c):04X} (at position {position})"
        )
        for position, c in enumerate(manager)
        if not c.isprintable()
    ]


def _dry_run_faults(asked: Sequence[str]) -> list[Cause]:
    if all(each == "All" for each in asked):
        return []
    return [_unsupported("dryRun", f"[{','.join(map(go.quoted, asked))}]", ["All"])]


def _unsupported(field: str, shown: str, known: Sequence[str] | dict[str, _Validation]) -> Cause:
    listed = ", ".join(map(go.quoted, known))
    return Cause(
        "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {listed}", field
    )
