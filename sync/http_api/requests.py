"""The requests of HTTP, for their schemas alone; `sync/app/requests.py` parses them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from sync.core.model import OBJECT_NAME
from sync.http_api.dataclass_json import Doc

_BLANKS = r"\s\x1c-\x1f\x85"  # what the app strips; `\s` alone matches less
_Filled = {"pattern": f"[^{_BLANKS}]"}
_AzureName = {
    "pattern": rf"^[{_BLANKS}]*(?=[0-9A-Za-z-]{{3,24}}[{_BLANKS}]*$)"
    rf"[A-Za-z][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*[{_BLANKS}]*$"
}

OneSecret = Annotated[
    str,
    Doc(
        "the name of one vault secret, in any case",
        {"pattern": rf"^[{_BLANKS}]*{OBJECT_NAME.pattern}[{_BLANKS}]*$"},
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    secret: OneSecret = ""
    dry_run: Annotated[bool, Doc("tell the plan and write nothing")] = False
    removals: Annotated[bool, Doc("let many keys go at once")] = False
    takeover: Annotated[bool, Doc("take a Secret that somebody else made or manages")] = False
    refetch: Annotated[bool, Doc("read every value anew")] = False


@dataclass(frozen=True, slots=True)
class ResyncVault(_Manner):
    """Resync one vault."""

    vault: Annotated[
        str, Doc("a vault's name, in any case; blanks around it do not count", _Filled)
    ]
    target: Annotated[
        str,
        Doc("one of its targets, as NAMESPACE/SECRET or CLUSTER/NAMESPACE/SECRET", _Filled),
    ] = ""
    takeover_from: Annotated[
        str, Doc("take the Secret of this vault too, if it is gone for good", _AzureName)
    ] = ""


@dataclass(frozen=True, slots=True)
class ResyncStage(_Manner):
    """Resync the vaults of a project's stage."""

    project: Annotated[str, Doc("the project in the vaults' names", _Filled)]
    stage: Annotated[str, Doc("the stage in their names", _Filled)]


@dataclass(frozen=True, slots=True)
class ResyncAll(_Manner):
    """Resync every known vault."""

    all: Annotated[Literal[True], Doc("every known vault")]
