"""The parts of which the OpenAPI document is made."""

from collections.abc import Sequence

from sync.core.reasons import Reason
from sync.http_api import app_answers, examples, outcome_answers
from sync.http_api.dataclass_json import Schema, described, reference, schema_of, to_json
from sync.http_api.requests import OneSecret


def parameter(name: str, description: str, schema: Schema) -> Schema:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def answer(description: str, form: type, example: object = None) -> Schema:
    """Return an answer whose body is that dataclass."""
    return body(description, reference(form), example)


def body(description: str, schema: Schema, example: object = None) -> Schema:
    """Return an answer with a JSON body."""
    shown: Schema = {} if example is None else {"example": to_json(example)}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema, **shown}},
    }


def broken(form: type) -> Schema:
    """Return the answer of an app that cannot work: its settings, a bug, or the usual form."""
    return body(
        "the settings are wrong, or a bug",
        one_of(reference(app_answers.SettingsFault), reference(form), refusal((Reason.BUG,))),
    )


def refusal(reasons: Sequence[Reason]) -> Schema:
    """Return the schema of an answer to a request that led to no vault."""
    return schema_of(outcome_answers.Refusal, reason=reasons, transient=(False,))


def one_of(*forms: Schema) -> Schema:
    """Return the schema of what has one of these forms."""
    return {"oneOf": forms}


def vault_parameter(description: str) -> Schema:
    """Return the parameter that names a vault."""
    return {
        **parameter("vault", description, {"type": "string"}),
        "example": examples.VAULT,
    }


def secret_parameter(description: str) -> Schema:
    """Return the parameter that names a secret of the vault."""
    secret = described(OneSecret)
    return {
        **parameter("secret", description, {**secret, "pattern": f"^$|{secret['pattern']}"}),
        "example": examples.SECRET,
    }


ONE_TARGET = parameter(
    "target",
    "one of the vault's targets, as NAMESPACE/SECRET or CLUSTER/NAMESPACE/SECRET; needs `vault`",
    {"type": "string"},
)


STAGE = (
    parameter("project", "the project in the vaults' names", {"type": "string"}),
    parameter("stage", "the stage in their names", {"type": "string"}),
)


UNKNOWN_CALLER = (Reason.CALLER_UNKNOWN,)


_WWW_AUTHENTICATE: Schema = {
    "WWW-Authenticate": {
        "description": "always Bearer",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    }
}


def unknown_caller() -> Schema:
    """Return the 401 of an app behind App Service authentication."""
    return {
        **body(
            "the app saw no Microsoft Entra principal; the platform's own 401 has an empty body",
            refusal(UNKNOWN_CALLER),
        ),
        "headers": _WWW_AUTHENTICATE,
    }


def no_key() -> Schema:
    """Return the 401 of an app that asks for a function key."""
    return {"description": "the host saw no function key of this app; the body is empty"}
