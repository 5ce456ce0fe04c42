"""The OpenAPI description of the HTTP routes, for the door that callers come through."""

from collections.abc import Mapping

from sync.app.serialize import Json
from sync.http_api import examples
from sync.http_api.schemas import (
    MALFORMED,
    NONE_KNOWN,
    NOT_OURS,
    OPTIONAL_SECRET,
    REQUEST,
    SCHEMAS,
    UNKNOWN_CALLER,
    Schema,
    one_of,
    reference,
    refusal,
)

VERSION = "0.1.0"

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


def openapi(*, entra: bool) -> Mapping[str, Json]:
    """Return the OpenAPI 3.1 document; `entra` says that App Service authentication is on.

    Then callers bring a token and not a function key.
    """
    refused = _unknown_caller() if entra else _no_key()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Key Vault Sync", "version": VERSION, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "paths": {
            "/api/resync": {"post": _resync(refused)},
            "/api/status": {"get": _status(refused)},
            "/api/health": {"get": _health()},
            "/api/openapi.json": {"get": _description(refused)},
        },
        "security": [{"caller": []}],
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"caller": _ENTRA if entra else _FUNCTION_KEY},
        },
    }


def _resync(refused: Schema) -> Mapping[str, Json]:
    return {
        "operationId": "resync",
        "summary": "Bring Secrets in step with their vaults, and tell one outcome a vault",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": REQUEST, "examples": examples.REQUESTS}},
        },
        "responses": {
            "200": {
                **_body("all converged", reference("Outcomes"), examples.CONVERGED),
                "links": {
                    "Status": {
                        "operationId": "status",
                        "parameters": {"vault": "$response.body#/outcomes/0/vault"},
                        "description": "what the first vault's Secrets hold now",
                    }
                },
            },
            "400": _body("the body is malformed", refusal(MALFORMED), examples.MALFORMED),
            "401": refused,
            "404": _body(
                "no such vault here", refusal((*NONE_KNOWN, *NOT_OURS)), examples.NOT_OURS
            ),
            "422": _body("somebody has to act", reference("Outcomes"), examples.FAILED),
            "500": _body(
                "the settings are wrong, or a bug", one_of("SettingsFault", "BugFound", "Outcomes")
            ),
            "503": {
                **_body("it may pass", reference("Outcomes"), examples.PASSING),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _status(refused: Schema) -> Mapping[str, Json]:
    return {
        "operationId": "status",
        "summary": "Tell what the Secrets hold by their own word; of a vault that is named, why so",
        "parameters": [
            {
                "name": "vault",
                "in": "query",
                "description": "a vault's name; without it, every known vault",
                "schema": {"type": "string"},
                "example": examples.VAULT,
            },
            {
                "name": "secret",
                "in": "query",
                "description": "explain this secret alone; needs `vault`",
                "schema": OPTIONAL_SECRET,
                "example": examples.SECRET,
            },
        ],
        "responses": {
            "200": _body("all could be read", reference("Statuses"), examples.STATUS),
            "400": _body("`secret` cannot be, or is without `vault`", refusal(MALFORMED)),
            "401": refused,
            "404": _body("no such vault here", refusal(NOT_OURS), examples.NOT_OURS),
            "422": _body("a Secret cannot be read", reference("Statuses")),
            "500": _body(
                "the settings are wrong, or a bug", one_of("SettingsFault", "BugFound", "Statuses")
            ),
            "503": {
                **_body("a Secret cannot be read, which may pass", reference("Statuses")),
                "headers": _RETRY_AFTER,
            },
        },
    }


def _health() -> Mapping[str, Json]:
    return {
        "operationId": "health",
        "summary": "Tell whether the app can work at all, and nothing else",
        "security": [],
        "responses": {
            "200": _body("it can", reference("Health"), {"status": "ok"}),
            "503": _body(
                "a setting is wrong, or nothing is set",
                reference("Health"),
                {"status": "misconfigured"},
            ),
        },
    }


def _description(refused: Schema) -> Mapping[str, Json]:
    return {
        "operationId": "openapi",
        "summary": "Return this document",
        "responses": {
            "200": _body("this document", {"type": "object", "required": ["openapi", "paths"]}),
            "401": refused,
            "500": _body("a bug", reference("BugFound")),
        },
    }


def _body(description: str, schema: Schema, example: Json = None) -> dict[str, Json]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {"application/json": content}}


def _unknown_caller() -> Schema:
    return {
        **_body(
            "no Microsoft Entra principal, seen by the app; the platform's own has an empty body",
            refusal(UNKNOWN_CALLER),
        ),
        "headers": _WWW_AUTHENTICATE,
    }


def _no_key() -> Schema:
    return {"description": "no function key of this app, seen by the host; the body is empty"}
