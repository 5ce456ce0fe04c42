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
