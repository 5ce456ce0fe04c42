"""The bodies that HTTP takes and answers with, as JSON Schema."""

from collections.abc import Mapping

from sync.app.explain import Progress
from sync.app.requests import MAX_BODY_LENGTH
from sync.app.serialize import STATES, Json
from sync.core.model import OBJECT_NAME, Action
from sync.core.reasons import Group, Reason

type Schema = Mapping[str, Json]

MALFORMED = (Reason.REQUEST_MALFORMED,)
NOT_OURS = (Reason.VAULT_NAME_OFF_PATTERN,)
NONE_KNOWN = (Reason.NO_SUCH_PROJECT, Reason.NO_VAULTS)
UNKNOWN_CALLER = (Reason.CALLER_UNKNOWN,)
REASONS = tuple(
    reason
    for reason in Reason
    if reason.group in {Group.TARGET, Group.VAULT_SECRET, Group.TRANSIENT, Group.BUG}
)
"""Why a vault, or one secret of it, is not in step: `docs/outcomes.md` explains each."""


def reference(name: str) -> Schema:
    """Point to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(*names: str) -> Schema:
    """Say that a body has exactly one of these forms."""
    return {"oneOf": [reference(name) for name in names]}


def refusal(reasons: tuple[str, ...]) -> Schema:
    """Describe what the app answers where it looked at no vault."""
    return _object(
        reason=_word(reasons, "a stable word"),
        message=_MESSAGE,
        transient=_only("the same request will not succeed later", value=False),
    )


def _text(description: str, **more: Json) -> Schema:
    return {"type": "string", "description": description, **more}


def _word(words: tuple[str, ...], description: str) -> Schema:
    return _text(description, enum=words)


def _only(description: str, *, value: bool) -> Schema:
    return {"type": "boolean", "enum": [value], "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [str(schema["type"]), "null"]}


def _object(optional: Mapping[str, Schema] | None = None, /, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


_VAULT_NAME = _text("a vault's name, in any case; blanks around it do not count", pattern=r"\S")
_ONE_SECRET = _text(
    "the name of one vault secret, in any case", pattern=rf"^\s*{OBJECT_NAME.pattern}\s*$"
)
OPTIONAL_SECRET = {**_ONE_SECRET, "pattern": rf"^(\s*{OBJECT_NAME.pattern}\s*)?$"}

_MESSAGE = _text("a sentence for operators: what is wrong, where, and what to do")
_NAMES: Schema = {"type": "string"}
_VERSION = _or_null(_text("the vault's version; null where there is none, or none is known"))
_VAULT = _text("the vault's name in lower case, or `discovery` for the search for vaults")
_TRANSIENT = _flag("whether the same request may succeed later")
_WHY: Mapping[str, Schema] = {
    "reason": _word(REASONS, "a stable word"),
    "message": _MESSAGE,
    "transient": _TRANSIENT,
}

_MANNER: Mapping[str, Schema] = {
    "secret": _ONE_SECRET,
    "dry_run": _flag("tell the plan and write nothing"),
    "removals": _flag("let many keys go, or all, that the vault no longer has"),
    "takeover": _flag("take a Secret that somebody else made or manages"),
    "refetch": _flag("read every value anew and compare it"),
}
_OF_ONE_VAULT: Mapping[str, Schema] = {
    **_MANNER,
    "takeover_from": _text(
        "take the Secret of the vault of this name, which no longer exists",
        pattern=r"^\s*(?=[0-9A-Za-z-]{3,24}\s*$)[A-Za-z][0-9A-Za-z]*(-[0-9A-Za-z]+)*\s*$",
    ),
}
_PLACE: Schema = {**reference("Target"), "description": "the Secret that this is about"}
_CHANGES = _list(reference("Change"), "what was done with each key; in a dry run, what would be")

_IN_A_SECRET: Mapping[str, Schema] = {
    "vault": _VAULT,
    "target": _PLACE,
    "written": _or_null(_text("when its data last changed, ISO 8601; null where unknown")),
    "secrets": _list(reference("Held"), "the vault secrets that it holds"),
    "out_of_step": _list(_NAMES, "keys that were changed or removed behind the sync's back"),
    "foreign_keys": _list(_NAMES, "keys that others added, which stay theirs"),
}
_STATE = _word(
    STATES,
    "from the best to the worst, and a vault's is the worst of its Secrets'; `converged` says that "
    "all of `secrets` is in step, and nothing of what the vault has by now",
)
_EXPLANATION: Mapping[str, Schema] = {
    "explanation": {
        **one_of("Explanation", "Unexplained"),
        "description": "where each secret goes and why, only of a vault that is named; "
        "what fails there does not change the status",
    }
}
_SETTLED = tuple(word for word in Progress if word is not Progress.FAILED)
_EXPLAINED: Mapping[str, Schema] = {
    "name": _text("the vault secret"),
    "secret": _or_null(_text("the Secret that it belongs in, or still is in")),
    "keys": {
        "type": ["array", "null"],
        "items": _NAMES,
        "description": "its keys; null where only a value can tell that was never read",
    },
    "type": _or_null(_text("the Secret's type; null for Opaque")),
    "version": _VERSION,
}

SCHEMAS: Mapping[str, Schema] = {
    "ResyncVault": _object(_OF_ONE_VAULT, vault=_VAULT_NAME),
    "ResyncStage": _object(
        _MANNER,
        project=_text("the project in the vaults' names", pattern=r"\S"),
        stage=_text("the stage in their names", pattern=r"\S"),
    ),
    "ResyncAll": _object(_MANNER, all=_only("every known vault", value=True)),
    "Outcomes": _object(
        outcomes=_list(one_of("Converged", "Failed"), "one a vault, in the order of the vaults")
    ),
    "Converged": _object(
        vault=_VAULT,
        outcome=_word(("converged", "planned"), "`planned` in a dry run"),
        target=_PLACE,
        changes=_CHANGES,
        keys={"type": "integer", "minimum": 0, "description": "how many keys of it are ours"},
        expired=_list(_NAMES, "vault secrets that have expired; their keys stay"),
        warnings=_list(_NAMES, "what is odd, but no reason to leave anything out"),
    ),
    "Failed": _object(
        vault=_VAULT,
        outcome=_word(("failed",), "the Secret may differ from the vault"),
        **_WHY,
        target={
            "oneOf": [reference("Target"), {"type": "null"}],
            "description": "the Secret that this is about; null where the name leads to none",
        },
        changes=_CHANGES,
    ),
    "Target": _object(
        cluster=_text("the cluster's name in the settings"),
        namespace=_text("the namespace"),
        secret=_text("the Secret"),
    ),
    "Change": _object(
        {"secret": _text("the Secret, where it is not the vault's own")},
        key=_text("the key of the Secret"),
        action=_word(tuple(Action), "what is done with it"),
        version=_VERSION,
    ),
    "Statuses": _object(
        vaults=_list(one_of("Status", "StatusUnknown"), "one a vault, in the order of the vaults")
    ),
    "Status": _object(
        _EXPLANATION,
        **_IN_A_SECRET,
        state=_STATE,
        others=_list(one_of("Other", "OtherUnknown"), "the Secrets that tags made beside it"),
    ),
    "StatusUnknown": _object(
        _EXPLANATION, vault=_VAULT, state=_word(("unknown",), "it cannot be read"), **_WHY
    ),
    "Other": _object(**_IN_A_SECRET, state=_STATE),
    "OtherUnknown": _object(
        vault=_VAULT,
        target=_PLACE,
        state=_word(("unknown",), "it cannot be read"),
        **_WHY,
    ),
    "Held": _object(
        name=_text("the vault secret, as Key Vault spells it"),
        version=_VERSION,
        updated=_text("the vault's `updated` of it, ISO 8601"),
        keys=_list(_NAMES, "the keys that it became"),
        in_step=_flag("whether they are in, and nobody changed them since"),
        confirmed=_flag("whether it was read long enough after `updated` to be sure"),
    ),
    "Explanation": _object(
        secrets=_list(one_of("Explained", "NotExplained"), "by the vault secrets' names")
    ),
    "Explained": _object(
        **_EXPLAINED,
        state=_word(_SETTLED, "how far it is on its way into the cluster"),
        reason=_or_null(_text("why it is out or goes, as a few words for people")),
        message={"type": "null", "description": "always null"},
    ),
    "NotExplained": _object(
        **_EXPLAINED,
        state=_word((Progress.FAILED,), "it keeps its last good value, where there is one"),
        reason=_WHY["reason"],
        message=_MESSAGE,
    ),
    "Unexplained": _object(**_WHY),
    "BugFound": refusal((Reason.BUG,)),
    "SettingsFault": _object(
        reason=_word((Reason.SETTINGS_WRONG,), "a stable word"),
        faults=_list(_NAMES, "each setting that is wrong, and how"),
    ),
    "Health": _object(status=_word(("ok", "misconfigured"), "`misconfigured` with 503")),
}
"""By name; each object lists all of its fields, so that nothing else may be in an answer."""

REQUEST = {
    **one_of("ResyncVault", "ResyncStage", "ResyncAll"),
    "description": f"At most {MAX_BODY_LENGTH} bytes, whatever the content type; no field twice.",
}
