"""The outcomes of vaults as HTTP and the command line tell them, and the fields of all answers.

JSON, schemas and examples are made from these dataclasses and the descriptions of their fields.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from sync.core.changes import Action
from sync.core.groups import Group
from sync.core.reasons import Reason
from sync.http_api.dataclass_json import Doc

REASONS = tuple(
    reason
    for reason in Reason
    if reason.group in {Group.TARGET, Group.VAULT_SECRET, Group.TRANSIENT, Group.BUG}
)
"""The reasons for which a vault, or one of its secrets, is not in step."""

RESTARTS = tuple(
    reason
    for reason in Reason
    if reason.group in {Group.WORKLOAD, Group.TRANSIENT, Group.BUG} or reason.remote is not None
)
"""The reasons for which a workload is not restarted."""

WARNINGS = (
    Reason.SETTINGS_DIFFER,
    *(reason for reason in Reason if reason.group is Group.WARNING),
)
"""What is told of a vault secret, or of a Secret, that is written all the same."""

WordsField = tuple[str, ...]

VaultField = Annotated[
    str, Doc("the vault in lower case, or `discovery` for the search for vaults")
]
SecretField = Annotated[str, Doc("the vault secret")]
ReasonField = Annotated[Reason, Doc("a stable word", {"enum": REASONS})]
MessageField = Annotated[str, Doc("a sentence for operators: what is wrong, where, and what to do")]
TransientField = Annotated[bool, Doc("whether the same request may succeed later")]
VersionField = Annotated[
    str | None, Doc("the version in Key Vault; null if there is none or unknown")
]
UnknownField = Annotated[Literal["unknown"], Doc("it cannot be read")]


@dataclass(frozen=True, slots=True)
class Target:
    """A Secret in a cluster."""

    cluster: Annotated[str, Doc("the cluster's name in `SYNC_CLUSTERS`")]
    namespace: Annotated[str, Doc("the namespace")]
    secret: Annotated[str, Doc("the name of the Secret")]


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with one key."""

    key: Annotated[str, Doc("the key of the Secret")]
    action: Annotated[Action, Doc("what is done with it")]
    version: VersionField
    secret: Annotated[str, Doc("the Secret, if it is not the vault's own")] = ""
    why: Annotated[str, Doc("why the key goes, in a few words for people")] = ""
    updated: Annotated[
        str | None, Doc("Key Vault's `updated` of a new or removed version, ISO 8601")
    ] = None


PlaceField = Annotated[Target, Doc("the Secret that this is about")]
ChangesField = Annotated[
    tuple[Change, ...], Doc("what is done with each key; a dry run only plans it")
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not answered, or a part of it."""

    reason: ReasonField
    message: MessageField
    transient: TransientField


@dataclass(frozen=True, slots=True)
class Notice:
    """What should be known of a vault secret that is written all the same."""

    secret: Annotated[str | None, Doc("the vault secret; null for a whole Secret")]
    reason: Annotated[Reason, Doc("a stable word", {"enum": WARNINGS})]
    message: Annotated[str, Doc("a sentence for operators")]


WarningsField = Annotated[
    tuple[Notice, ...], Doc("what should be known of what is written all the same")
]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A vault secret that is to be in no Secret."""

    secret: SecretField
    why: Annotated[str, Doc("why, in a few words for people")]


LeftOutField = Annotated[
    tuple[LeftOut, ...], Doc("in a dry run the secrets that are left out, except those that change")
]


@dataclass(frozen=True, slots=True)
class Converged:
    """A vault whose Secrets are in step, or what a dry run found to do."""

    vault: VaultField
    outcome: Annotated[Literal["converged", "planned"], Doc("`planned` in a dry run")]
    target: PlaceField
    changes: ChangesField
    keys: Annotated[int, Doc("how many keys the sync keeps", {"minimum": 0})]
    expired: Annotated[WordsField, Doc("the vault secrets that have expired and whose keys stay")]
    warnings: WarningsField
    left_out: LeftOutField = ()


@dataclass(frozen=True, slots=True)
class RefusedSecret:
    """A vault secret that could not be brought over."""

    secret: SecretField
    reason: ReasonField
    message: MessageField
    transient: TransientField


@dataclass(frozen=True, slots=True)
class Failed:
    """A vault whose Secrets may not be in step."""

    vault: VaultField
    outcome: Annotated[Literal["failed"], Doc("the Secret may differ from the vault")]
    reason: ReasonField
    message: MessageField
    transient: TransientField
    target: Annotated[Target | None, Doc("the Secret; null if the vault's name leads to none")]
    changes: ChangesField
    refused: Annotated[
        tuple[RefusedSecret, ...],
        Doc("each secret that could not be brought over; empty if the vault failed as a whole"),
    ]
    warnings: WarningsField
    left_out: LeftOutField = ()


@dataclass(frozen=True, slots=True)
class Restart:
    """What came of a workload that reads a changed key."""

    cluster: Annotated[str, Doc("the cluster's name in `SYNC_CLUSTERS`")]
    namespace: Annotated[str, Doc("the namespace")]
    kind: Annotated[str | None, Doc("the workload's kind; null if none can be listed")]
    name: Annotated[str | None, Doc("the workload; null if none can be listed")]
    restarted: Annotated[bool, Doc("whether it was restarted")]
    keys: Annotated[WordsField, Doc("the changed keys that it reads, each as SECRET/KEY")]
    reason: Annotated[
        Reason | None,
        Doc("why it was not restarted, a stable word; absent if it was", {"enum": RESTARTS}),
    ] = None
    message: Annotated[
        str | None, Doc("a sentence for operators with that reason; absent if there is none")
    ] = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a resync came to."""

    outcomes: Annotated[tuple[Converged | Failed, ...], Doc("one for each target of each vault")]
    restarts: Annotated[
        tuple[Restart, ...], Doc("the workloads that read changed keys; absent if there are none")
    ] = ()
