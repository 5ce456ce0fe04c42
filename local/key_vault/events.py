"""The events that a vault sends to Event Grid, in Event Grid's own schema."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from local.key_vault.secret import Version

type ObjectType = Literal["Secret", "Certificate"]
type Happening = Literal["NewVersionCreated", "NearExpiry", "Expired"]
type Publish = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class EventSource:
    """A vault as the source of events: `topic` is its resource id, `url` its data plane's."""

    topic: str
    url: str
    clock: Callable[[], float]
    publish: Publish

    def tell(self, happening: Happening, kind: ObjectType, version: Version) -> None:
        """Publish an event about that version.

        https://learn.microsoft.com/azure/event-grid/event-schema-key-vault
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        event: dict[str, object] = {
            "id": str(uuid.uuid4()),
            "topic": self.topic,
            "subject": version.name,
            "eventType": f"Microsoft.KeyVault.{kind}{happening}",
            "eventTime": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z",
            "data": {
                "Id": f"{self.url}/{kind.lower()}s/{version.name}/{version.version}",
                "VaultName": self.topic.rpartition("/")[2],
                "ObjectType": kind,
                "ObjectName": version.name,
                "Version": version.version,
                "NBF": version.nbf,
                "EXP": version.exp,
            },
            "dataVersion": "1",
            "metadataVersion": "1",
        }
        self.publish(event)
