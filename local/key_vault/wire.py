"""The JSON of the data plane: encoding of versions and secrets, parsing of request bodies.

https://learn.microsoft.com/rest/api/keyvault/secrets
"""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from local.key_vault.paging import Page
from local.key_vault.refusals import Refused, bad_parameter
from local.key_vault.secret import Attributes, Secret, Version

RECOVERABLE_DAYS = 90
_RECOVERY_LEVEL = "Recoverable+Purgeable"
_DAY = 86_400

type Fields = dict[str, object]


def bundle(url: str, version: Version) -> Fields:
    """Encode a version with its value."""
    return {"value": version.value, **entry(url, version, version.version)}


def entry(url: str, version: Version, identifier: str | None = None) -> Fields:
    """Encode a version as in listings: without value, and without version unless given."""
    path = f"{url}/secrets/{version.name}"
    fields: Fields = {
        "id": f"{path}/{identifier}" if identifier else path,
        "attributes": _attributes(version),
    }
    if version.content_type is not None:
        fields["contentType"] = version.content_type
    if version.tags is not None:
        fields["tags"] = dict(version.tags)
    if version.kid is not None:
        fields["managed"] = True
        if identifier:
            fields["kid"] = version.kid
    return fields


def deleted(url: str, secret: Secret, *, listed: bool = False) -> Fields:
    """Encode a deleted secret."""
    deleted_on = secret.deleted_on or 0
    return {
        "recoveryId": f"{url}/deletedsecrets/{secret.name}",
        "deletedDate": deleted_on,
        "scheduledPurgeDate": deleted_on + RECOVERABLE_DAYS * _DAY,
        **entry(url, secret.current, None if listed else secret.current.version),
    }


def next_link[T](base: str, page: Page[T], query: Mapping[str, str]) -> str | None:
    """Return the URL of the next page; `base` is the listing's URL without a query."""
    if page.skiptoken is None:
        return None
    return f"{base}?{urlencode({**query, '$skiptoken': page.skiptoken}, safe='$')}"


def read_body(raw: bytes) -> Fields:
    """Parse a request's JSON object; raises `Refused` for anything else."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_parameter("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise bad_parameter("The request body must be a JSON object.")
    return body


def read_value(body: Fields) -> str:
    """Parse the value of a set; raises `Refused` if it is missing."""
    value = body.get("value")
    if not isinstance(value, str):
        raise _wrong("value", "a string")
    return value


def read_attributes(body: Fields) -> Attributes:
    """Parse attributes, tags and content type from the body; null counts as absent."""
    given = body.get("attributes") or {}
    if not isinstance(given, dict):
        raise _wrong("attributes", "an object")
    attributes = Attributes()
    if (enabled := given.get("enabled")) is not None:
        if not isinstance(enabled, bool):
            raise _wrong("attributes.enabled", "true or false")
        attributes["enabled"] = enabled
    if (nbf := _seconds(given, "nbf")) is not None:
        attributes["nbf"] = nbf
    if (exp := _seconds(given, "exp")) is not None:
        attributes["exp"] = exp
    if (content_type := body.get("contentType")) is not None:
        if not isinstance(content_type, str):
            raise _wrong("contentType", "a string")
        attributes["content_type"] = content_type
    if (tags := body.get("tags")) is not None:
        if not isinstance(tags, dict) or not all(isinstance(tag, str) for tag in tags.values()):
            raise _wrong("tags", "an object of strings")
        attributes["tags"] = tags
    return attributes


def _attributes(version: Version) -> Fields:
    attributes: Fields = {"enabled": version.enabled}
    if version.nbf is not None:
        attributes["nbf"] = version.nbf
    if version.exp is not None:
        attributes["exp"] = version.exp
    return attributes | {
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": _RECOVERY_LEVEL,
        "recoverableDays": RECOVERABLE_DAYS,
    }


def _seconds(given: Fields, name: str) -> int | None:
    moment = given.get(name)
    if moment is None:
        return None
    if not isinstance(moment, int) or isinstance(moment, bool):
        raise _wrong(f"attributes.{name}", "whole Unix seconds")
    return moment


def _wrong(name: str, wanted: str) -> Refused:
    return bad_parameter(f"Parameter '{name}' must be {wanted}.")
