"""The options of a request, and the result of a write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from multidict import MultiMapping

from local.kubernetes.documents import Document, words
from local.kubernetes.status import (
    ApiError,
    Cause,
    invalid_options,
    not_allowed,
    quoted,
    required,
    too_long,
)
from local.kubernetes.store import Stored

type Validation = Literal["Ignore", "Warn", "Strict"]
type Query = MultiMapping[str]

_FALSE = ("false", "0")
_MOST_MANAGER = 128
_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_VALIDATIONS: dict[str, Validation] = {
    "": "Warn",
    "Ignore": "Ignore",
    "Strict": "Strict",
    "Warn": "Warn",
}


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and how; a write without a user is not authorized."""

    manager: str = "local"
    user: str | None = None
    dry_run: bool = False
    force: bool = False
    field_validation: Validation = "Warn"

    @contextmanager
    def told(self, unknown: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Return the warnings in the write's response, even if it is refused."""
        warnings = unknown if self.field_validation == "Warn" else ()
        try:
            yield warnings
        except ApiError as error:
            error.warnings = warnings
            raise


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a write."""

    stored: Stored
    created: bool = False
    warnings: tuple[str, ...] = ()


def is_true(value: str | None) -> bool:
    """Whether a parameter is set: anything but false and 0 is true."""
    return value is not None and value.lower() not in _FALSE


def write_options(verb: str, query: Query, agent: str, user: str, *, applies: bool) -> Write:
    """Return who writes and how; 422 if the options are wrong."""
    manager, validation = query.get("fieldManager", ""), query.get("fieldValidation", "")
    force = query.get("force")
    causes: list[Cause] = []
    if verb == "patch" and not applies and force is not None:
        causes.append(not_allowed("force", "may not be specified for non-apply patch"))
    if applies and not manager:
        causes.append(required("fieldManager", "is required for apply patch"))
    if len(manager) > _MOST_MANAGER:
        causes.append(too_long("fieldManager", _MOST_MANAGER))
    causes += _dry_run_faults(query.getall("dryRun", []))
    if validation not in _VALIDATIONS:
        causes.append(_unsupported("fieldValidation", quoted(validation), [*_VALIDATIONS]))
    if causes:
        raise invalid_options(_OPTIONS[verb], *causes)
    return Write(
        manager=manager or agent_manager(agent),
        user=user,
        dry_run="dryRun" in query,
        force=is_true(force),
        field_validation=_VALIDATIONS[validation],
    )


def is_dry_delete(query: Query, body: Document) -> bool:
    """Return whether a delete is a dry run, by its body or its query; 422 if they disagree."""
    asked = words(body, "dryRun") or query.getall("dryRun", [])
    if causes := _dry_run_faults(asked):
        raise invalid_options("DeleteOptions", *causes)
    return bool(asked)


def agent_manager(agent: str) -> str:
    """Return the manager of a client without `fieldManager`: its program's name."""
    name = "".join(c for c in agent.split("/", 1)[0] if c.isprintable())[:_MOST_MANAGER]
    return name or "unknown"


def _dry_run_faults(asked: Sequence[str]) -> list[Cause]:
    if all(each == "All" for each in asked):
        return []
    return [_unsupported("dryRun", f"[{','.join(map(quoted, asked))}]", ["All"])]


def _unsupported(field: str, shown: str, known: Sequence[str]) -> Cause:
    listed = ", ".join(map(quoted, known))
    return Cause(
        "FieldValueNotSupported", f"Unsupported value: {shown}: supported values: {listed}", field
    )
