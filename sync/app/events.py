"""Parses Key Vault events, in Event Grid's own schema or in CloudEvents 1.0.

The channel is untrusted: only the vault and the secret of an event are used. A name without the
right form is not quoted in messages, since it may be a value in the wrong place. Fields and casing:
https://learn.microsoft.com/azure/event-grid/event-schema-key-vault
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.core.errors import NAME, Malformed, NotOurs, quoted
from sync.core.model import OBJECT_NAME, Hint, SecretName, moment
from sync.core.reasons import Reason

MAX_EVENT_LENGTH = 64 * 1024

NEW_VERSION = frozenset(
    {
        "Microsoft.KeyVault.SecretNewVersionCreated",
        "Microsoft.KeyVault.CertificateNewVersionCreated",
    }
)
EXPIRY = {
    "Microsoft.KeyVault.SecretNearExpiry": Reason.SECRET_NEAR_EXPIRY,
    "Microsoft.KeyVault.SecretExpired": Reason.SECRET_EXPIRED,
    "Microsoft.KeyVault.CertificateNearExpiry": Reason.CERTIFICATE_NEAR_EXPIRY,
    "Microsoft.KeyVault.CertificateExpired": Reason.CERTIFICATE_EXPIRED,
}

TOPIC = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourceGroups/[^/]+"
    r"/providers/Microsoft\.KeyVault/vaults/(?P<vault>[0-9a-z-]{3,24})",
    re.IGNORECASE | re.ASCII,
)
_EVENT_TYPE = re.compile(r"Microsoft\.[A-Za-z0-9.]{1,100}", re.ASCII)
_VERSION = re.compile(r"[0-9a-zA-Z]{0,64}", re.ASCII)
_YEAR_2500 = 16_725_225_600
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Changed:
    """A secret has a new version, or a certificate and so its secret."""

    vault: str
    hint: Hint


@dataclass(frozen=True, slots=True)
class Expiring:
    """A secret or a certificate expires soon, or has; `expires` is epoch seconds if known."""

    vault: str
    secret: str
    event_type: str
    expires: float | None


def parse(payload: str, subscriptions: frozenset[str]) -> Changed | Expiring:
    """Parse one event.

    `subscriptions` are the lower-case ids that events may come from. Raises NotOurs for an event
    that does not concern this app, Malformed for one that cannot be read.
    """
    event = _object(payload)
    event_type = _text(event, "type" if "specversion" in event else "eventType")
    if event_type not in {*NEW_VERSION, *EXPIRY}:
        told = (
            f"of type {event_type}"
            if _EVENT_TYPE.fullmatch(event_type)
            else "of no service of Azure"
        )
        raise NotOurs(Reason.EVENT_TYPE_IGNORED, f"Events {told} are not handled.")
    topic = _text(event, "source" if "specversion" in event else "topic")
    data = event.get("data")
    if not isinstance(data, dict):
        raise _malformed("its data is not an object")
    data = _stripped(data)
    vault = _text(data, "VaultName")
    _admit(topic, vault, subscriptions)
    secret = _matching(OBJECT_NAME, data, "ObjectName")
    if event_type in EXPIRY:
        return Expiring(vault, secret, event_type, _number(data.get("EXP")))
    version = _matching(_VERSION, data, "Version") if data.get("Version") else ""
    time = event.get("time" if "specversion" in event else "eventTime")
    return Changed(vault, Hint(SecretName(secret), version or None, _epoch(time)))


def vault_named(payload: str) -> str | None:
    """Return the vault that an event says it is of, whatever else is wrong with the event."""
    try:
        data = _object(payload).get("data")
        named = _stripped(data).get("VaultName") if isinstance(data, dict) else None
    except Malformed:
        return None
    return named if isinstance(named, str) and NAME.fullmatch(named) else None


def _object(payload: str) -> Mapping[str, object]:
    if len(payload) > MAX_EVENT_LENGTH:
        raise _malformed(f"it is longer than {MAX_EVENT_LENGTH} characters")
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        what = "JSON"
    else:
        if isinstance(event, dict):
            return _stripped(event)
        what = "a JSON object"
    raise _malformed(f"it is not {what}")  # outside the except clause: a JSON error has the event


def _stripped(fields: Mapping[str, object]) -> Mapping[str, object]:
    return {
        name.strip(): value.strip() if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _admit(topic: str, vault: str, subscriptions: frozenset[str]) -> None:
    match = TOPIC.fullmatch(topic)
    if match is None:
        raise _malformed("its topic (source) is not the resource id of a Key Vault")
    if match["vault"].lower() != vault.lower():
        raise Malformed(
            Reason.EVENT_MISMATCH,
            f"An event was refused: its topic names vault {match['vault']!r}, its data one "
            f"{quoted(vault)}.",
        )
    if not subscriptions:
        raise NotOurs(
            Reason.SUBSCRIPTIONS_UNSET,
            "Every event is refused until SYNC_SUBSCRIPTIONS names the subscription ids that "
            f"events may come from; this one came from {match['subscription']}.",
        )
    if match["subscription"].lower() not in subscriptions:
        raise NotOurs(
            Reason.SUBSCRIPTION_NOT_ALLOWED,
            f"Subscription {match['subscription']} is not in SYNC_SUBSCRIPTIONS: add it there if "
            "its vaults belong to this platform.",
        )


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(f"{name} is missing or no text")
    return value


def _matching(pattern: re.Pattern[str], fields: Mapping[str, object], name: str) -> str:
    value = _text(fields, name)
    if not pattern.fullmatch(value):
        raise _malformed(f"{name} has characters or a length that Key Vault does not allow")
    return value


def _number(value: object) -> float | None:
    """Parse NBF or EXP, which may be a number, text or null."""
    try:
        number = float(value) if isinstance(value, int | float | str) else -1
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < _YEAR_2500 else None


def _epoch(time: object) -> float:
    """Parse the event's time; an unreadable time counts as old, and nothing waits for the event."""
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else _LONG_AGO
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _malformed(what: str) -> Malformed:
    return Malformed(
        Reason.EVENT_MALFORMED,
        f"An event was dropped: {what}. Expected is one Key Vault event in the Event Grid or the "
        "CloudEvents 1.0 schema.",
    )


def expiry(event: Expiring) -> NotOurs:
    """Return what to tell of an event about an expiry, which changes nothing."""
    when = "" if event.expires is None else f" at {moment(event.expires)}"
    reason = EXPIRY[event.event_type]
    what = "Certificate" if reason.startswith("Certificate") else "Secret"
    return NotOurs(
        reason,
        f"{what} {event.secret!r} of vault {event.vault} expires or has expired{when}. It stays in "
        "the cluster as it is: set a new version.",
    )
