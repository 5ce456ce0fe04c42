"""The event that a vault publishes of a new version."""

import uuid
from datetime import UTC, datetime

from local.stack import SUBSCRIPTION

NEW_VERSION = "Microsoft.KeyVault.SecretNewVersionCreated"


def new_version(vault: str, secret: str, version: str, **changes: object) -> dict[str, object]:
    """Return it in Event Grid's schema, as of now; `changes` replace whole fields."""
    return {
        "id": str(uuid.uuid4()),
        "topic": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
        f"/providers/Microsoft.KeyVault/vaults/{vault}",
        "subject": secret,
        "eventType": NEW_VERSION,
        "eventTime": datetime.now(UTC).isoformat(),
        "data": {
            "Id": f"https://{vault.lower()}.vault.azure.net/secrets/{secret}/{version}",
            "VaultName": vault,
            "ObjectType": "Secret",
            "ObjectName": secret,
            "Version": version,
            "NBF": None,
            "EXP": None,
        },
        "dataVersion": "1",
        "metadataVersion": "1",
        **changes,
    }


def dead_letter(
    vault: str, secret: str, *, cloud: bool = False, **changes: object
) -> dict[str, object]:
    """Return a dead-lettered event of a new version as Event Grid writes it, in either schema."""
    event = new_version(vault, secret, "0123456789abcdef0123456789abcdef")
    now = datetime.now(UTC).isoformat()
    told = {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 30,
        "lastDeliveryOutcome": "GenericError",
        "lastHttpStatusCode": 500,
        "publishTime": now,
        "lastDeliveryAttemptTime": now,
    }
    if not cloud:
        return {**event, **told, **changes}
    renamed = {
        "id": event["id"],
        "source": event["topic"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "subject": event["subject"],
        "specversion": "1.0",
        "data": event["data"],
    }
    return {**renamed, **{name.lower(): value for name, value in told.items()}, **changes}
