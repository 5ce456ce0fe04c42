"""One cell of the table: a vault and its Secrets of its own, a fault, and what became of them."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count

from local.key_vault import Quirks, Refused, Vault
from local.kubernetes.documents import Document, texts
from local.stack import SUBSCRIPTION, Stack
from tests.functional.world import NEW_VERSION, Clock
from tests.leaks.dye import value

OWN, FURTHER = "keyvault-project", "keyvault-project-web"
KEY, WEB, GONE, THEIRS = "key", "web", "gone", "theirs"

_BEFORE, _BETWEEN = -900.0, -300.0
"""When the vault was filled and when it changed, in seconds from now: both settled, not fresh."""

_NUMBERS = count(1)


class Way(StrEnum):
    """How a cell's cluster is found, besides by the app's own kubeconfig."""

    USUAL = "usual"
    AKS = "aks"
    KEPT_KUBECONFIG = "kubeconfig_secret"
    KEPT_TOKEN = "token_secret"
    ENTRA = "server"
    OWN_DOOR = "a door of its own"


class Trigger(StrEnum):
    """What starts the work."""

    EVENT = "event"
    TIMER = "timer"
    RESYNC = "resync"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Nature:
    """What a cell is like, so that a call is made: the event is of `hint`.

    `former` says that it names the version before the last, `shared` that somebody else has taken
    hold of the key that has to go.
    """

    hint: str = KEY
    former: bool = False
    shared: bool = False
    quirks: Quirks = field(default_factory=Quirks)


PLAIN = Nature()


@dataclass(slots=True)
class Cell:
    """A vault with a plain secret, one for a further Secret, and one that goes away.

    What the vault holds moves on before the fault, and both Secrets get a foreign key.
    """

    stack: Stack = field(repr=False)
    stage: str
    nature: Nature = PLAIN
    way: Way = Way.USUAL
    vault: Vault = field(init=False)
    keeper: Vault = field(init=False)
    clock: Clock = field(default_factory=lambda: Clock(_BEFORE))
    former: str = ""

    def __post_init__(self) -> None:
        """Make the vault and the namespace."""
        self.vault = self._vault(f"weu-DS-AKV-f-{self.stage}-1")
        self.keeper = self._vault(f"kept-{self.stage}")
        self.stack.namespace(self.namespace, OWN, FURTHER)

    @classmethod
    def new_stage(cls) -> str:
        """Return a stage that no other cell has."""
        return f"s{next(_NUMBERS)}"

    @property
    def name(self) -> str:
        """The vault's name as the app tells it."""
        return self.vault.name.lower()

    @property
    def namespace(self) -> str:
        """The namespace that the name leads to."""
        return f"f-{self.stage}"

    @property
    def aks(self) -> str:
        """The resource id of a cluster that is this cell's alone."""
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
            f"/providers/Microsoft.ContainerService/managedClusters/{self.stage}"
        )

    def fill(self) -> None:
        """Put in what is there before the fault."""
        self.former = self.vault.set_secret(KEY, value()).version
        self.vault.set_secret(WEB, value(), tags={"k8s-secret": "web"})
        self.vault.set_secret(GONE, value())

    def move_on(self) -> None:
        """Change what the pass after it has to bring over; somebody else adds keys."""
        self.clock.ahead = max(self.clock.ahead + 10, _BETWEEN)
        self.vault.set_secret(KEY, value())
        self.vault.set_secret(WEB, value(), tags={"k8s-secret": "web"})
        if GONE in self.vault.names():
            self.vault.delete(GONE)
        self.vault.quirks = self.nature.quirks
        held: dict[str, bytes | None] = {THEIRS: b"kept"}
        if self.nature.shared:
            held[GONE] = b"taken"
        self.stack.cluster.patch_data(self.namespace, OWN, held)
        self.stack.cluster.patch_data(self.namespace, FURTHER, {THEIRS: b"kept"})

    def event(self) -> dict[str, object]:
        """Return the event of the change; one of a deleted secret comes late."""
        late = timedelta(minutes=10) if self.nature.hint == GONE else timedelta()
        version = self.former if self.nature.former else self._version(self.nature.hint)
        return {
            "id": str(uuid.uuid4()),
            "topic": self.vault.resource_id,
            "subject": self.nature.hint,
            "eventType": NEW_VERSION,
            "eventTime": (datetime.now(UTC) - late).isoformat(),
            "data": {
                "Id": f"{self.vault.url}/secrets/{self.nature.hint}/{version}",
                "VaultName": self.vault.name,
                "ObjectType": "Secret",
                "ObjectName": self.nature.hint,
                "Version": version,
            },
            "dataVersion": "1",
            "metadataVersion": "1",
        }

    def held(self) -> Mapping[str, Document]:
        """Return every Secret of the namespace, whole."""
        found = self.stack.cluster.secrets(self.namespace)
        return {name: self.stack.cluster.secret(self.namespace, name) for name in found}

    def wanted(self) -> Mapping[str, Mapping[str, str]]:
        """Return the data that both Secrets have once all is well."""
        served = {name: self.vault.get_secret(name).value for name in (KEY, WEB)}
        return {
            OWN: {KEY: served[KEY], THEIRS: "kept"},
            FURTHER: {WEB: served[WEB], THEIRS: "kept"},
        }

    def _version(self, name: str) -> str:
        try:
            return self.vault.get_secret(name).version
        except Refused:
            return "0" * 32

    def _vault(self, name: str) -> Vault:
        vaults = self.stack.vaults
        usual = vaults.clock, vaults.publish
        vaults.clock, vaults.publish = self.clock, lambda _: None
        try:
            return vaults.create(name, subscription=SUBSCRIPTION)
        finally:
            vaults.clock, vaults.publish = usual


def data(document: Document) -> dict[str, str]:
    """Return a Secret's keys and values."""
    return {k: base64.b64decode(v).decode() for k, v in texts(document, "data").items()}
