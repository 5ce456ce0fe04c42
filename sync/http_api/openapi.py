"""Makes the OpenAPI document of the HTTP routes from the dataclasses of requests and answers."""

from collections.abc import Mapping
from dataclasses import is_dataclass

from sync.app.requests import MAX_BODY_LENGTH
from sync.core.reasons import Reason
from sync.http_api import answers, app_answers, examples, outcome_answers
from sync.http_api.dataclass_json import Json, Schema, reference, schema_of, to_json
from sync.http_api.openapi_parts import (
    ONE_TARGET,
    STAGE,
    answer,
    body,
    broken,
    no_key,
    one_of,
    parameter,
    refusal,
    secret_parameter,
    unknown_caller,
    vault_parameter,
)
from sync.http_api.requests import ResyncAll, ResyncStage, ResyncVault

VERSION = "0.1.0"

MALFORMED = (Reason.REQUEST_MALFORMED,)
NOT_OURS = (Reason.VAULT_NAME_OFF_PATTERN,)
NO_TARGET = (Reason.NO_SUCH_TARGET,)
NONE_KNOWN = (Reason.NO_SUCH_PROJECT, Reason.NO_VAULTS, *NO_TARGET)

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
    refused = unknown_caller() if entra else no_key()
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
                        **one_of(*map(reference, _REQUESTS)),
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
                **answer("every vault converged", outcome_answers.Outcomes, examples.CONVERGED),
                "links": {
                    "Status": {
                        "operationId": "status",
                        "parameters": {"vault": "$response.body#/outcomes/0/vault"},
                        "description": "what the first vault's Secrets hold now",
                    }
                },
            },
            "400": body("the body is malformed", refusal(MALFORMED), examples.MALFORMED),
            "401": refused,
            **_not_converged(),
        },
    }


def _status(refused: Schema) -> Schema:
    return {
        "operationId": "status",
        "summary": "Show what the Secrets of each vault hold, and for a named vault also why",
        "parameters": [
            vault_parameter("a vault's name, or `project` with `stage`; without a choice, all"),
            ONE_TARGET,
            secret_parameter("explain this secret alone; needs `vault`"),
            *STAGE,
        ],
        "responses": {
            "200": answer("every Secret could be read", answers.Statuses, examples.STATUS),
            "400": body("the query is malformed", refusal(MALFORMED)),
            "401": refused,
            "404": body("no such vault", refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
            "422": answer("a Secret cannot be read", answers.Statuses),
            "500": broken(answers.Statuses),
            "503": {
                **answer("a Secret cannot be read; trying again may help", answers.Statuses),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _plan(refused: Schema) -> Schema:
    flags = [
        parameter(name, f"as of a resync: {what}", {"type": "boolean"})
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
            vault_parameter("a vault's name, or `project` with `stage`, or `all`"),
            ONE_TARGET,
            *STAGE,
            parameter("all", "every known vault", {"type": "boolean"}),
            secret_parameter("look at this secret only"),
            *flags,
        ],
        "responses": {
            "200": answer("what would be written", outcome_answers.Outcomes, examples.PLANNED),
            "400": body("the query is malformed", refusal(MALFORMED)),
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
                **vault_parameter("a vault's name"),
                "required": True,
                "schema": {"type": "string", "minLength": 1},
            },
            ONE_TARGET,
            secret_parameter("this secret alone, which is read, so that all is told of it"),
        ],
        "responses": {
            "200": answer("where each secret goes", answers.ExplainedVault, examples.EXPLAINED),
            "400": body("the query is malformed", refusal(MALFORMED)),
            "401": refused,
            "404": body("no such vault", refusal((*NO_TARGET, *NOT_OURS)), examples.NOT_OURS),
            "422": body("somebody has to act", one_of(*_EXPLAINED_IN_PART)),
            "500": body(
                "the settings are wrong, or a bug",
                one_of(
                    reference(app_answers.SettingsFault),
                    refusal((Reason.BUG,)),
                    reference(answers.ExplainedVault),
                ),
            ),
            "503": {
                **body("trying again may help", one_of(*_EXPLAINED_IN_PART)),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _doctor(refused: Schema) -> Schema:
    return {
        "operationId": "doctor",
        "summary": "Examine settings, vaults, clusters and rights, in 200 seconds at most",
        "parameters": [
            vault_parameter("a vault's name, or `project` with `stage`; without a choice, all"),
            ONE_TARGET,
            *STAGE,
        ],
        "responses": {
            "200": answer("the examination ran", answers.Checks, examples.CHECKS),
            "400": body("the query is malformed", refusal(MALFORMED)),
            "401": refused,
            "404": body("no such vault", refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
            "500": body("a bug", refusal((Reason.BUG,))),
            "503": {
                **answer("another examination is under way", outcome_answers.Refusal),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _version(refused: Schema) -> Schema:
    return {
        "operationId": "version",
        "summary": "Say which release answers",
        "responses": {
            "200": answer("the release", app_answers.Version, app_answers.Version(VERSION)),
            "401": refused,
            "500": body("a bug", refusal((Reason.BUG,))),
        },
    }


_EXPLAINED_IN_PART = (reference(outcome_answers.Refusal), reference(answers.ExplainedVault))
"""The answer if some target cannot be told of, or none."""


def _health() -> Schema:
    return {
        "operationId": "health",
        "summary": "Say whether the app can work at all, and nothing else",
        "security": [],
        "responses": {
            "200": answer("the app can work", app_answers.Health, app_answers.Health("ok")),
            "503": answer(
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
            "200": body("this document", {"type": "object", "required": ["openapi", "paths"]}),
            "401": refused,
            "500": body("a bug", refusal((Reason.BUG,))),
        },
    }


def _not_converged() -> Schema:
    """Describe the answers of a resync or a plan of which some vault has not converged."""
    return {
        "404": body("no such vault", refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS),
        "422": answer("somebody has to act", outcome_answers.Outcomes, examples.FAILED),
        "500": broken(outcome_answers.Outcomes),
        "503": {
            **answer("trying again may help", outcome_answers.Outcomes, examples.PASSING),
            "headers": _RETRY_AFTER,
        },
    }
