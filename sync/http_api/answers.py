"""The answers of HTTP, and of the command line as JSON: names, versions and times, never values.

The outcomes of vaults are in `outcome_answers`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from sync.app.explain import Progress
from sync.app.status import State
from sync.core.reasons import Reason
from sync.doctor.checks import Severity, Verdict
from sync.http_api.dataclass_json import Doc
from sync.http_api.outcome_answers import (
    WARNINGS,
    MessageField,
    PlaceField,
    ReasonField,
    Refusal,
    SecretField,
    Target,
    TransientField,
    UnknownField,
    VaultField,
    VersionField,
    WarningsField,
    WordsField,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A vault secret that a Secret holds."""

    name: Annotated[str, Doc("the vault secret, as Key Vault spells it")]
    version: VersionField
    updated: Annotated[str, Doc("Key Vault's `updated` of that version, ISO 8601")]
    keys: Annotated[WordsField, Doc("the keys that it became")]
    in_step: Annotated[bool, Doc("whether the Secret has its keys as the sync wrote them")]
    confirmed: Annotated[bool, Doc("whether it was read long enough after `updated` to be sure")]
    warnings: Annotated[
        tuple[Reason, ...],
        Doc("what should be known of it; absent if nothing", {"items": {"enum": WARNINGS}}),
    ] = ()
    due: Annotated[str | None, Doc("when a newer version becomes valid; absent if none waits")] = (
        None
    )


@dataclass(frozen=True, slots=True)
class Other:
    """A Secret that tags asked for."""

    vault: VaultField
    target: PlaceField
    written: Annotated[str | None, Doc("when its data last changed, ISO 8601; null if unknown")]
    secrets: Annotated[tuple[Held, ...], Doc("the vault secrets that it holds")]
    out_of_step: Annotated[WordsField, Doc("keys that others changed or removed")]
    foreign_keys: Annotated[WordsField, Doc("keys that others added, which stay theirs")]
    state: Annotated[
        State,
        Doc(
            "from the best to the worst, and a vault's is the worst of its Secrets'. `drifted`: "
            "it was written, and a key was changed or removed in the cluster, or a vault secret "
            "is refused, or other settings wrote it last. What changed in the vault since does "
            "not show"
        ),
    ]
    reason: Annotated[str | None, Doc("why it is not converged, if that is one thing: a word")]
    message: Annotated[str | None, Doc("a sentence for operators with that reason, else null")]


@dataclass(frozen=True, slots=True)
class OtherUnknown:
    """A Secret that tags asked for and that cannot be read."""

    vault: VaultField
    target: PlaceField
    state: UnknownField
    reason: ReasonField
    message: MessageField
    transient: TransientField


_Due = Annotated[
    str | None, Doc("when the timer tries next, ISO 8601; absent if no pass covers the vault")
]


@dataclass(frozen=True, slots=True)
class Reader:
    """A workload that reads a key."""

    kind: Annotated[str, Doc("the workload's kind")]
    name: Annotated[str, Doc("the workload")]
    secret: Annotated[str, Doc("the Secret")]
    key: Annotated[str, Doc("the key")]
    restarts: Annotated[bool, Doc("whether a change of the key restarts it")]
    changed: Annotated[
        str | None, Doc("when the key's value last changed, ISO 8601; null if it is not counted")
    ]
    running: Annotated[
        str | None, Doc("up to which change it runs with the value; null if it is not known")
    ]
    current: Annotated[bool | None, Doc("whether it runs with the value; null if not known")]


@dataclass(frozen=True, slots=True)
class Explained:
    """Where a vault secret goes, and if it is not there, why not."""

    name: SecretField
    state: Annotated[Progress, Doc("how far it is on its way into the cluster")]
    secrets: Annotated[WordsField, Doc("the Secrets that it belongs in, or still is in")]
    keys: Annotated[WordsField | None, Doc("its keys; null if they depend on an unread value")]
    type: Annotated[str | None, Doc("the Secret's type; null for Opaque")]
    version: VersionField
    reason: Annotated[
        str | None, Doc("why it is not in step: a stable word with a `message`, or a few words")
    ]
    message: Annotated[str | None, Doc("a sentence for operators, if the reason is a stable word")]
    warnings: WarningsField = ()
    due: _Due = None
    target: Annotated[Target | None, Doc("the target that this is about, by its own Secret")] = None
    readers: Annotated[
        tuple[Reader, ...],
        Doc("the workloads that read its keys, with `SYNC_RESTART`; absent if none is known"),
    ] = ()


@dataclass(frozen=True, slots=True)
class UnexplainedTarget:
    """A target of a vault whose secrets could not be explained."""

    target: PlaceField
    reason: ReasonField
    message: MessageField
    transient: TransientField


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the secrets of a vault go."""

    secrets: Annotated[tuple[Explained, ...], Doc("by the vault secrets' names")]


@dataclass(frozen=True, slots=True)
class ExplainedVault(Explanation):
    """Where the secrets of one vault go, by its targets."""

    vault: VaultField
    unknown: Annotated[
        tuple[UnexplainedTarget, ...], Doc("the targets that cannot be told of; absent if none")
    ] = ()


_Explanation = Annotated[
    Explanation | Refusal | None,
    Doc(
        "where each secret goes and why, only if one vault is named; a refusal here does not "
        "change the HTTP status"
    ),
]


@dataclass(frozen=True, slots=True)
class RememberedRefusal:
    """A vault secret that is not in as the vault has it."""

    secret: SecretField
    reason: ReasonField
    message: Annotated[str, Doc("what the reason means and what to do")]
    since: Annotated[str, Doc("since when, ISO 8601")]
    version: Annotated[str, Doc("the first characters of the refused version; empty if unknown")]


@dataclass(frozen=True, slots=True)
class VaultFailure:
    """Why a vault as a whole could not be read."""

    reason: ReasonField
    message: Annotated[str, Doc("what the reason means and what to do")]
    since: Annotated[str, Doc("since when, ISO 8601")]


@dataclass(frozen=True, slots=True)
class Status(Other):
    """A vault's own Secret and those that tags asked for."""

    others: Annotated[tuple[Other | OtherUnknown, ...], Doc("the Secrets that tags asked for")]
    refused: Annotated[
        tuple[RememberedRefusal, ...], Doc("the vault secrets that the last passes refused")
    ]
    unnamed: Annotated[int, Doc("how many more are refused", {"minimum": 0})]
    failure: Annotated[
        VaultFailure | None, Doc("why the last pass could not read the vault; absent if it could")
    ] = None
    due: _Due = None
    explanation: _Explanation = None


@dataclass(frozen=True, slots=True)
class StatusUnknown:
    """A vault whose own Secret cannot be read, or a search for vaults that failed."""

    vault: VaultField
    state: UnknownField
    reason: ReasonField
    message: MessageField
    transient: TransientField
    explanation: _Explanation = None


@dataclass(frozen=True, slots=True)
class Statuses:
    """The status of each vault that was asked for."""

    vaults: Annotated[tuple[Status | StatusUnknown, ...], Doc("one for each target of each vault")]


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that was examined."""

    id: Annotated[str, Doc("a stable word; docs/outcomes.md has a heading for it")]
    about: Annotated[str, Doc("the settings, a vault, a cluster or a Secret")]
    check: Annotated[str, Doc("what was examined of it")]
    result: Annotated[Verdict, Doc("`skipped` if it was not examined; the sentence says why")]
    severity: Annotated[Severity, Doc("what it would mean for the sync if it failed")]
    sentence: Annotated[str, Doc("what was found")]
    remedy: Annotated[str | None, Doc("a command that mends it, if there is one")]
    link: Annotated[str, Doc("the page and heading that explain it")]
    view: Annotated[Literal["the app", "the caller"], Doc("with whose rights it was examined")]


@dataclass(frozen=True, slots=True)
class VaultFacts:
    """How a vault is set up, as Azure Resource Manager shows it to the identity that looks."""

    vault: Annotated[str, Doc("the vault in lower case")]
    permissions: Annotated[
        Literal["rbac", "access-policies", "unknown"],
        Doc("what decides who may read: roles, or the vault's own list of entries"),
    ]
    soft_delete: Annotated[bool | None, Doc("whether deletions can be undone; null: unknown")]
    soft_delete_days: Annotated[
        int | None, Doc("for how many days; null: without soft delete, or unknown")
    ]
    purge_protection: Annotated[
        bool | None, Doc("whether nobody can purge in that time; null: unknown")
    ]
    network: Annotated[
        Literal["public", "firewall", "private", "perimeter", "unknown"],
        Doc(
            "whose calls reach it: everybody's, those that a firewall lets in, those by private "
            "endpoints, or those that a network security perimeter lets in"
        ),
    ]
    network_rules: Annotated[
        int | None,
        Doc("how many address ranges and subnets the firewall lets in; null: unknown"),
    ]
    trusted_services: Annotated[
        bool | None, Doc("whether Azure's trusted services pass the firewall; null: unknown")
    ]
    audit_events: Annotated[
        bool | None,
        Doc("whether a diagnostic setting passes its audit events on; null: unknown"),
    ]


@dataclass(frozen=True, slots=True)
class Checks:
    """An examination by `doctor`."""

    checks: Annotated[tuple[DoctorCheck, ...], Doc("in the order: settings, vaults, clusters")]
    vaults: Annotated[
        tuple[VaultFacts, ...],
        Doc("how each vault is set up; absent if none was examined"),
    ] = ()
