"""Makes the OpenAPI document of the HTTP routes from the dataclasses of requests and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass

from sync.app.requests import MAX_BODY_LENGTH
from sync.core.reasons import Reason
from sync.http_api import answers, app_answers, examples, outcome_answers
from sync.http_api.dataclass_json import Json, Schema, described, reference, schema_of, to_json
from sync.http_api.requests import OneSecret, ResyncAll, ResyncStage, ResyncVault

VERSION = "0.1.0"

MALFORMED = (Reason.REQUEST_MALFORMED,)
NOT_OURS = (Reason.VAULT_NAME_OFF_PATTERN,)
NO_TARGET = (Reason.NO_SUCH_TARGET,)
NONE_KNOWN = (Reason.NO_SUCH_PROJECT, Reason.NO_VAULTS, *NO_TARGET)
UNKNOWN_CALLER = (Reason.CALLER_UNKNOWN,)

_INTRODUCTION = (
    "Keeps Kubernetes Secrets equal to Azure Key Vaults. Answers hold names, versions and times, "
    "never a secret's value. Later versions may add fields and reasons."
)
_FUNCTION_KEY: Schema = {
    "type": "apiKey",
    "in": "header",
    "name": "x-functions-key",
    "description": "a function key of the app",
}
_ENTRA: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "a Microsoft Entra token for the app, which App Service authentication checks",
}
_RETRY_AFTER: Schema = {
    "Retry-After": {
        "description": "seconds after which the same request makes sense again",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_WWW_AUTHENTICATE: Schema = {
    "WWW-Authenticate": {
        "description": "always Bearer",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    }
}
_REQUESTS = (ResyncVault, ResyncStage, ResyncAll)
_ANSWERS = tuple(  # each after those that hold it, as docs/api.md shows them
    each
    for module in (app_answers, answers, outcome_answers)
    for each in reversed(vars(module).values())
    if is_dataclass(each) and isinstance(each, type) and each.__module__ == module.__name__
)


def openapi(*, entra: bool) -> Mapping[str, Json]:
    """Return the OpenAPI 3.1 document.

    With `entra` callers need a token, as App Service authentication is on; else a function key.
    """
    refused = _unknown_caller() if entra else _no_key()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Key Vault Sync", "version": VERSION, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "paths": {
            "/api/resync": {"post": _resync(refused)},
            "/api/plan": {"get": _plan(refused)},
            "/api/status": {"get": _status(refused)},
            "/api/explain": {"get": _explain(refused)},
            "/api/doctor": {"get": _doctor(refused)},
            "/api/version": {"get": _version(refused)},
            "/api/health": {"get": _health()},
            "/api/openapi.json": {"get": _description(refused)},
        },
        "security": [{"caller": []}],
        "components": {
            "schemas": {each.__name__: schema_of(each) for each in (*_REQUESTS, *_ANSWERS)},
            "securitySchemes": {"caller": _ENTRA if entra else _FUNCTION_KEY},
        },
    }


def _resync(refused: Schema) -> Schema:
    return {
        "operationId": "resync",
        "summary": "Bring Secrets in step with their vaults; answer with an outcome for each",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        **_one_of(*map(reference, _REQUESTS)),
                        "description": f"At most {MAX_BODY_LENGTH} bytes, whatever the content "
                        "type; no field twice.",
                    },
                    "examples": {
                        name: {"value": to_json(request)}
                        for name, request in examples.REQUESTS.items()
                    },
                }
            },
        },
        "responses": {
            "200": {
                **_answer("every vault converged", outcome_answers.Outcomes, examples.CONVERGED),
                "links": {
                    "Status": {
                        "operationId": "status",
                        "parameters": {"vault": "$response.body#/outcomes/0/vault"},
                        "description": "what the first vault's Secrets hold now",
                    }
                },
            },
            "400": _body("the body is malformed", _refusal(MALFORMED), examples.MALFORMED),
            "401": refused,
            **_not_converged(),
        },
    }


def _status(refused: Schema) -> Schema:
    return {
        "operationId": "status",
        "summary": "Show what the Secrets of each vault hold, and for a named vault also why",
        "parameters": [
            _vault("a vault's name, or `project` with `stage`; without a choice, all"),
            _ONE_TARGET,
            _one_secret("explain this secret alone; needs `vault`"),
            *_STAGE,
        ],
        "responses": {
            "200": _answer("every Secret could be read", answers.Statuses, examples.STATUS),
            "400": _body("the query is malformed", _refusal(MALFORMED)),
            "401": refused,
            "404": _body("no such vault", _refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
            "422": _answer("a Secret cannot be read", answers.Statuses),
            "500": _broken(answers.Statuses),
            "503": {
                **_answer("a Secret cannot be read; trying again may help", answers.Statuses),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _plan(refused: Schema) -> Schema:
    flags = [
        _parameter(name, f"as of a resync: {what}", {"type": "boolean"})
        for name, what in (
            ("removals", "let many keys go at once"),
            ("takeover", "take a Secret that somebody else made or manages"),
            ("refetch", "read every value anew"),
        )
    ]
    return {
        "operationId": "plan",
        "summary": "Show what a resync would write, by a dry run that also asks the API server",
        "parameters": [
            _vault("a vault's name, or `project` with `stage`, or `all`"),
            _ONE_TARGET,
            *_STAGE,
            _parameter("all", "every known vault", {"type": "boolean"}),
            _one_secret("look at this secret only"),
            *flags,
        ],
        "responses": {
            "200": _answer("what would be written", outcome_answers.Outcomes, examples.PLANNED),
            "400": _body("the query is malformed", _refusal(MALFORMED)),
            "401": refused,
            **_not_converged(),
        },
    }


def _explain(refused: Schema) -> Schema:
    return {
        "operationId": "explain",
        "summary": "Show where each secret of a vault goes, or why it does not",
        "parameters": [
            {
                **_vault("a vault's name"),
                "required": True,
                "schema": {"type": "string", "minLength": 1},
            },
            _ONE_TARGET,
            _one_secret("this secret alone, which is read, so that all is told of it"),
        ],
        "responses": {
            "200": _answer("where each secret goes", answers.ExplainedVault, examples.EXPLAINED),
            "400": _body("the query is malformed", _refusal(MALFORMED)),
            "401": refused,
            "404": _body("no such vault", _refusal((*NO_TARGET, *NOT_OURS)), examples.NOT_OURS),
            "422": _body("somebody has to act", _one_of(*_EXPLAINED_IN_PART)),
            "500": _body(
                "the settings are wrong, or a bug",
                _one_of(
                    reference(app_answers.SettingsFault),
                    _refusal((Reason.BUG,)),
                    reference(answers.ExplainedVault),
                ),
            ),
            "503": {
                **_body("trying again may help", _one_of(*_EXPLAINED_IN_PART)),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _doctor(refused: Schema) -> Schema:
    return {
        "operationId": "doctor",
        "summary": "Examine settings, vaults, clusters and rights, in 200 seconds at most",
        "parameters": [
            _vault("a vault's name, or `project` with `stage`; without a choice, all"),
            _ONE_TARGET,
            *_STAGE,
        ],
        "responses": {
            "200": _answer("the examination ran", answers.Checks, examples.CHECKS),
            "400": _body("the query is malformed", _refusal(MALFORMED)),
            "401": refused,
            "404": _body("no such vault", _refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
            "500": _body("a bug", _refusal((Reason.BUG,))),
            "503": {
                **_answer("another examination is under way", outcome_answers.Refusal),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _version(refused: Schema) -> Schema:
    return {
        "operationId": "version",
        "summary": "Say which release answers",
        "responses": {
            "200": _answer("the release", app_answers.Version, app_answers.Version(VERSION)),
            "401": refused,
            "500": _body("a bug", _refusal((Reason.BUG,))),
        },
    }


def _vault(description: str) -> Schema:
    return {
        **_parameter("vault", description, {"type": "string"}),
        "example": examples.VAULT,
    }


def _one_secret(description: str) -> Schema:
    secret = described(OneSecret)
    return {
        **_parameter("secret", description, {**secret, "pattern": f"^$|{secret['pattern']}"}),
        "example": examples.SECRET,
    }


def _parameter(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_ONE_TARGET = _parameter(
    "target",
    "one of the vault's targets, as NAMESPACE/SECRET or CLUSTER/NAMESPACE/SECRET; needs `vault`",
    {"type": "string"},
)
_EXPLAINED_IN_PART = (reference(outcome_answers.Refusal), reference(answers.ExplainedVault))
"""The answer if some target cannot be told of, or none."""
_STAGE = (
    _parameter("project", "the project in the vaults' names", {"type": "string"}),
    _parameter("stage", "the stage in their names", {"type": "string"}),
)


def _health() -> Schema:
    return {
        "operationId": "health",
        "summary": "Say whether the app can work at all, and nothing else",
        "security": [],
        "responses": {
            "200": _answer("the app can work", app_answers.Health, app_answers.Health("ok")),
            "503": _answer(
                "a setting is wrong, or nothing is set",
                app_answers.Health,
                app_answers.Health("misconfigured"),
            ),
        },
    }


def _description(refused: Schema) -> Schema:
    return {
        "operationId": "openapi",
        "summary": "Return this document",
        "responses": {
            "200": _body("this document", {"type": "object", "required": ["openapi", "paths"]}),
            "401": refused,
            "500": _body("a bug", _refusal((Reason.BUG,))),
        },
    }


def _not_converged() -> Schema:
    """Describe the answers of a resync or a plan of which some vault has not converged."""
    return {
        "404": _body("no such vault", _refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
        "422": _answer("somebody has to act", outcome_answers.Outcomes, examples.FAILED),
        "500": _broken(outcome_answers.Outcomes),
        "503": {
            **_answer("trying again may help", outcome_answers.Outcomes, examples.PASSING),
            "headers": _RETRY_AFTER,
        },
    }


def _answer(description: str, answer: type, example: object = None) -> Schema:
    return _body(description, reference(answer), example)


def _body(description: str, schema: Schema, example: object = None) -> Schema:
    shown: Schema = {} if example is None else {"example": to_json(example)}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema, **shown}},
    }


def _broken(answer: type) -> Schema:
    return _body(
        "the settings are wrong, or a bug",
        _one_of(reference(app_answers.SettingsFault), reference(answer), _refusal((Reason.BUG,))),
    )


def _refusal(reasons: Sequence[Reason]) -> Schema:
    """Return the schema of an answer to a request that led to no vault."""
    return schema_of(outcome_answers.Refusal, reason=reasons, transient=(False,))


def _one_of(*forms: Schema) -> Schema:
    return {"oneOf": forms}


def _unknown_caller() -> Schema:
    return {
        **_body(
            "the app saw no Microsoft Entra principal; the platform's own 401 has an empty body",
            _refusal(UNKNOWN_CALLER),
        ),
        "headers": _WWW_AUTHENTICATE,
    }


def _no_key() -> Schema:
    return {"description": "the host saw no function key of this app; the body is empty"}
