"""One cell of the table: a vault and its Secrets of its own, a fault, and what became of them."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count

from local.key_vault import Quirks, Refused, Vault
from local.stack import SUBSCRIPTION, Stack
from tests.kit.site import OWN, Clock, StackSite, new_vault
from tests.leaks.dye import value

FURTHER = f"{OWN}-web"
KEY, WEB, GONE, THEIRS = "key", "web", "gone", "theirs"

_BEFORE, _BETWEEN = -900.0, -300.0
"""When the vault was filled and when it changed, in seconds from now: both settled, not fresh."""

_DAY = 86_400
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
    hold of the key that has to go, and `waits` that the newest version is not valid yet.
    """

    hint: str = KEY
    former: bool = False
    shared: bool = False
    waits: bool = False
    quirks: Quirks = field(default_factory=Quirks)


PLAIN = Nature()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(StackSite):
    """A vault with a plain secret, one for a further Secret, and one that goes away.

    What the vault holds moves on before the fault, and both Secrets get a foreign key.
    """

    nature: Nature = PLAIN
    way: Way = Way.USUAL

    @classmethod
    def of(cls, stack: Stack, nature: Nature = PLAIN, way: Way = Way.USUAL) -> "Cell":
        """Make the vault and the namespace, which no other cell has."""
        name = f"weu-DS-AKV-f-s{next(_NUMBERS)}-1"
        plain = cls.new(stack, name, Clock(_BEFORE), silent=True)
        stack.namespace(plain.namespace, OWN, FURTHER)
        cell = replace(plain, nature=nature, way=way)
        new_vault(stack, f"kept-{cell.stage}", cell.clock, silent=True)
        return cell

    @property
    def stage(self) -> str:
        """The stage of the vault's name, by which the cell's own cluster is found."""
        return self.namespace.removeprefix("f-")

    @property
    def keeper(self) -> Vault:
        """The vault that keeps the cluster's credential."""
        return self.stack.vaults[f"kept-{self.stage}"]

    @property
    def aks(self) -> str:
        """The resource id of a cluster that is this cell's alone."""
        return (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
            f"/providers/Microsoft.ContainerService/managedClusters/{self.stage}"
        )

    def fill(self) -> None:
        """Put in what is there before the fault, also once more after it."""
        with suppress(Refused):
            self.vault.recover(GONE)
        self.put(KEY, value())
        self.put(WEB, value(), secret="web")
        self.put(GONE, value())

    def move_on(self) -> None:
        """Change what the pass after it has to bring over; somebody else adds keys."""
        self.clock.ahead = max(self.clock.ahead + 10, _BETWEEN)
        self.put(KEY, value())
        if self.nature.waits:
            self.clock.ahead += 1  # of two versions of one second none is known to be the newer
            self.vault.set_secret(KEY, value(), nbf=int(time.time()) + _DAY)
        self.put(WEB, value(), secret="web")
        if GONE in self.vault.names():
            self.vault.delete(GONE)
        self.vault.quirks = self.nature.quirks
        held: dict[str, bytes | None] = {THEIRS: b"kept"}
        if self.nature.shared:
            held[GONE] = b"taken"
        self.cluster.patch_data(self.namespace, OWN, held)
        self.cluster.patch_data(self.namespace, FURTHER, {THEIRS: b"kept"})

    def change(self) -> dict[str, object]:
        """Return the event of the change; one of a deleted secret comes late."""
        hint = self.nature.hint
        late = timedelta(minutes=10) if hint == GONE else timedelta()
        return self.event(hint, self._version(), eventTime=(datetime.now(UTC) - late).isoformat())

    def in_step(self) -> Mapping[str, Mapping[str, str]]:
        """Return the data that both Secrets have once all is well."""
        served = self.wanted()
        return {
            OWN: {KEY: self._usable(), THEIRS: "kept"},
            FURTHER: {WEB: served[WEB], THEIRS: "kept"},
        }

    def _usable(self) -> str:
        """Return the value of the key's newest version that does not wait."""
        usable = [each for each in self.vault.versions(KEY) if each.nbf is None]
        return usable[-1].value

    def _version(self) -> str:
        """Return the version that the event names; of a secret that is gone, none that exists."""
        if self.nature.former:
            return min(self.vault.list_versions(KEY).entries, key=lambda each: each.created).version
        try:
            return self.vault.get_secret(self.nature.hint).version
        except Refused:
            return "0" * 32
