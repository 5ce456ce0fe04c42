"""The answers of HTTP, and of the command line as JSON: names, versions and times, never values.

JSON, schemas and examples are made from these dataclasses and the descriptions of their fields.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from sync.app.explain import Progress
from sync.app.status import State
from sync.core.groups import Group
from sync.core.model import Action
from sync.core.reasons import Reason
from sync.doctor.checks import Severity, Verdict
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

_Words = tuple[str, ...]

_Vault = Annotated[str, Doc("the vault in lower case, or `discovery` for the search for vaults")]
_Secret = Annotated[str, Doc("the vault secret")]
_Reason = Annotated[Reason, Doc("a stable word", {"enum": REASONS})]
_Message = Annotated[str, Doc("a sentence for operators: what is wrong, where, and what to do")]
_Transient = Annotated[bool, Doc("whether the same request may succeed later")]
_Version = Annotated[str | None, Doc("the version in Key Vault; null if there is none or unknown")]
_Unknown = Annotated[Literal["unknown"], Doc("it cannot be read")]


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
    version: _Version
    secret: Annotated[str, Doc("the Secret, if it is not the vault's own")] = ""
    why: Annotated[str, Doc("why the key goes, in a few words for people")] = ""
    updated: Annotated[
        str | None, Doc("Key Vault's `updated` of a new or removed version, ISO 8601")
    ] = None


_Place = Annotated[Target, Doc("the Secret that this is about")]
_Changes = Annotated[tuple[Change, ...], Doc("what is done with each key; a dry run only plans it")]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not answered, or a part of it."""

    reason: _Reason
    message: _Message
    transient: _Transient


@dataclass(frozen=True, slots=True)
class Notice:
    """What should be known of a vault secret that is written all the same."""

    secret: Annotated[str | None, Doc("the vault secret; null for a whole Secret")]
    reason: Annotated[Reason, Doc("a stable word", {"enum": WARNINGS})]
    message: Annotated[str, Doc("a sentence for operators")]


_Warnings = Annotated[
    tuple[Notice, ...], Doc("what should be known of what is written all the same")
]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A vault secret that is to be in no Secret."""

    secret: _Secret
    why: Annotated[str, Doc("why, in a few words for people")]


_LeftOut = Annotated[
    tuple[LeftOut, ...], Doc("in a dry run the secrets that are left out, except those that change")
]


@dataclass(frozen=True, slots=True)
class Converged:
    """A vault whose Secrets are in step, or what a dry run found to do."""

    vault: _Vault
    outcome: Annotated[Literal["converged", "planned"], Doc("`planned` in a dry run")]
    target: _Place
    changes: _Changes
    keys: Annotated[int, Doc("how many keys the sync keeps", {"minimum": 0})]
    expired: Annotated[_Words, Doc("the vault secrets that have expired and whose keys stay")]
    warnings: _Warnings
    left_out: _LeftOut = ()


@dataclass(frozen=True, slots=True)
class RefusedSecret:
    """A vault secret that could not be brought over."""

    secret: _Secret
    reason: _Reason
    message: _Message
    transient: _Transient


@dataclass(frozen=True, slots=True)
class Failed:
    """A vault whose Secrets may not be in step."""

    vault: _Vault
    outcome: Annotated[Literal["failed"], Doc("the Secret may differ from the vault")]
    reason: _Reason
    message: _Message
    transient: _Transient
    target: Annotated[Target | None, Doc("the Secret; null if the vault's name leads to none")]
    changes: _Changes
    refused: Annotated[
        tuple[RefusedSecret, ...],
        Doc("each secret that could not be brought over; empty if the vault failed as a whole"),
    ]
    warnings: _Warnings
    left_out: _LeftOut = ()


@dataclass(frozen=True, slots=True)
class Restart:
    """What came of a workload that reads a changed key."""

    cluster: Annotated[str, Doc("the cluster's name in `SYNC_CLUSTERS`")]
    namespace: Annotated[str, Doc("the namespace")]
    kind: Annotated[str | None, Doc("the workload's kind; null if none can be listed")]
    name: Annotated[str | None, Doc("the workload; null if none can be listed")]
    restarted: Annotated[bool, Doc("whether it was restarted")]
    keys: Annotated[_Words, Doc("the changed keys that it reads, each as SECRET/KEY")]
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


@dataclass(frozen=True, slots=True)
class Held:
    """A vault secret that a Secret holds."""

    name: Annotated[str, Doc("the vault secret, as Key Vault spells it")]
    version: _Version
    updated: Annotated[str, Doc("Key Vault's `updated` of that version, ISO 8601")]
    keys: Annotated[_Words, Doc("the keys that it became")]
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

    vault: _Vault
    target: _Place
    written: Annotated[str | None, Doc("when its data last changed, ISO 8601; null if unknown")]
    secrets: Annotated[tuple[Held, ...], Doc("the vault secrets that it holds")]
    out_of_step: Annotated[_Words, Doc("keys that others changed or removed")]
    foreign_keys: Annotated[_Words, Doc("keys that others added, which stay theirs")]
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

    vault: _Vault
    target: _Place
    state: _Unknown
    reason: _Reason
    message: _Message
    transient: _Transient


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

    name: _Secret
    state: Annotated[Progress, Doc("how far it is on its way into the cluster")]
    secrets: Annotated[_Words, Doc("the Secrets that it belongs in, or still is in")]
    keys: Annotated[_Words | None, Doc("its keys; null if they depend on an unread value")]
    type: Annotated[str | None, Doc("the Secret's type; null for Opaque")]
    version: _Version
    reason: Annotated[
        str | None, Doc("why it is not in step: a stable word with a `message`, or a few words")
    ]
    message: Annotated[str | None, Doc("a sentence for operators, if the reason is a stable word")]
    warnings: _Warnings = ()
    due: _Due = None
    target: Annotated[Target | None, Doc("the target that this is about, by its own Secret")] = None
    readers: Annotated[
        tuple[Reader, ...],
        Doc("the workloads that read its keys, with `SYNC_RESTART`; absent if none is known"),
    ] = ()


@dataclass(frozen=True, slots=True)
class UnexplainedTarget:
    """A target of a vault whose secrets could not be explained."""

    target: _Place
    reason: _Reason
    message: _Message
    transient: _Transient


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the secrets of a vault go."""

    secrets: Annotated[tuple[Explained, ...], Doc("by the vault secrets' names")]


@dataclass(frozen=True, slots=True)
class ExplainedVault(Explanation):
    """Where the secrets of one vault go, by its targets."""

    vault: _Vault
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

    secret: _Secret
    reason: _Reason
    message: Annotated[str, Doc("what the reason means and what to do")]
    since: Annotated[str, Doc("since when, ISO 8601")]
    version: Annotated[str, Doc("the first characters of the refused version; empty if unknown")]


@dataclass(frozen=True, slots=True)
class VaultFailure:
    """Why a vault as a whole could not be read."""

    reason: _Reason
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

    vault: _Vault
    state: _Unknown
    reason: _Reason
    message: _Message
    transient: _Transient
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


@dataclass(frozen=True, slots=True)
class Version:
    """The release that answers."""

    version: Annotated[str, Doc("the app's version")]


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """Why the app cannot work at all."""

    reason: Annotated[Literal["SettingsWrong"], Doc("a stable word")]
    faults: Annotated[_Words, Doc("each setting that is wrong, and how")]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the app can work at all."""

    status: Annotated[Literal["ok", "misconfigured"], Doc("`misconfigured` with 503")]
