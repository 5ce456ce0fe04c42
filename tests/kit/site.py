"""A vault and the Secrets that it is kept in, as a test sees both."""

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol, Self, override

from local.key_vault import Refused, Vault
from local.kubernetes import AnyCluster
from local.kubernetes.documents import Document, child, text, texts
from local.kubernetes.status import ApiError
from local.stack import SUBSCRIPTION, Stack
from tests.kit.events import new_version
from tests.kit.waiting import PATIENCE_SECONDS
from tests.leaks.dye import value

OWN = "keyvault-project"

_MAKING = threading.Lock()  # what makes a vault goes by settings that all share


@dataclass(slots=True)
class Clock:
    """A vault's clock: `ahead` of ours by some seconds, or standing still at `frozen`."""

    ahead: float = 0.0
    frozen: float | None = None

    def __call__(self) -> float:
        """Return epoch seconds."""
        return time.time() + self.ahead if self.frozen is None else self.frozen


class Site(Protocol):
    """A vault and its Secrets, whatever stands behind them."""

    def put(self, name: str, value: str, **tags: str) -> str:
        """Set a new version, with these tags of ours (`key` is k8s-key); return its id."""

    def tag(self, name: str, **tags: str) -> None:
        """Give a secret these tags of ours and no other."""

    def wanted(self) -> dict[str, str]:
        """Return what the vault serves: every secret that it has and that is enabled."""

    def held(self) -> dict[str, dict[str, bytes]]:
        """Return what each Secret of the namespace holds."""

    def settle(self) -> None:
        """Wait until all that has happened so far has had its effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedSite(Site):
    """A vault, the namespace that its name leads to and its own Secret, in the emulators."""

    vault: Vault
    cluster: AnyCluster = field(repr=False)
    namespace: str
    secret: str = OWN
    clock: Clock = field(default_factory=Clock)

    @property
    def name(self) -> str:
        """The vault's name as the app's answers have it."""
        return self.vault.name.lower()

    def renew(self, *names: str) -> None:
        """Set new versions of these, each of a value of its own."""
        for name in names:
            self.vault.set_secret(name, value())

    @override
    def put(self, name: str, value: str, **tags: str) -> str:
        return self.vault.set_secret(name, value, tags=_ours(tags)).version

    @override
    def tag(self, name: str, **tags: str) -> None:
        self.vault.update(name, tags=_ours(tags))

    @override
    def wanted(self) -> dict[str, str]:
        served: dict[str, str] = {}
        for name in self.vault.names():
            try:
                served[name] = self.vault.get_secret(name).value
            except Refused:
                continue
        return served

    @override
    def held(self) -> dict[str, dict[str, bytes]]:
        return {name: dict(data) for name, data in self.cluster.secrets(self.namespace).items()}

    @override
    def settle(self) -> None:
        """Return at once: nothing is under way between emulators alone."""

    def document(self, secret: str = "") -> Document:
        """Return one of its Secrets, the own one unless named; empty where there is none."""
        try:
            return self.cluster.secret(self.namespace, secret or self.secret)
        except ApiError:
            return {}

    def documents(self) -> dict[str, Document]:
        """Return every Secret of the namespace."""
        return {name: self.document(name) for name in self.cluster.secrets(self.namespace)}

    def data(self) -> dict[str, str] | None:
        """Return the keys and their values; None without a Secret."""
        return data(document) if (document := self.document()) else None

    def labels(self) -> dict[str, str]:
        """Return the Secret's labels."""
        return texts(child(self.document(), "metadata"), "labels")

    def annotations(self) -> dict[str, str]:
        """Return the Secret's annotations."""
        return texts(child(self.document(), "metadata"), "annotations")

    def state(self) -> str:
        """Return the Secret's annotation that is the app's; empty without one."""
        return self.annotations().get("keyvault-sync/state", "")

    def records(self) -> dict[str, list[object]]:
        """Return what the annotation says of each key."""
        records: dict[str, list[object]] = json.loads(self.state())["secrets"]
        return records

    def revision(self) -> str:
        """Return the Secret's resourceVersion; empty where there is none."""
        return text(child(self.document(), "metadata"), "resourceVersion")

    def event(self, secret: str, version: str = "", **changes: object) -> dict[str, object]:
        """Make an event of this vault in Event Grid's schema; `changes` replace whole fields."""
        topic = {"topic": self.vault.resource_id}
        return new_version(self.vault.name, secret, version, **{**topic, **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSite(EmulatedSite):
    """A site of the stack: its events are delivered to the app, whose Role names its Secrets."""

    stack: Stack = field(repr=False)

    @classmethod
    def new(
        cls,
        stack: Stack,
        name: str,
        clock: Clock,
        *,
        silent: bool = False,
        subscription: str = SUBSCRIPTION,
    ) -> Self:
        """Make a vault that goes by that clock; of a silent one no event comes."""
        vault = new_vault(stack, name, clock, silent=silent, subscription=subscription)
        namespace, secret = target_of(name)
        return cls(
            vault=vault,
            cluster=stack.cluster,
            namespace=namespace,
            secret=secret,
            clock=clock,
            stack=stack,
        )

    @override
    def settle(self) -> None:
        assert self.stack.settle(PATIENCE_SECONDS)


def new_vault(
    stack: Stack, name: str, clock: Clock, *, silent: bool = False, subscription: str = SUBSCRIPTION
) -> Vault:
    """Make a vault of the stack that goes by that clock; of a silent one no event comes."""
    vaults = stack.vaults
    with _MAKING:
        usual = vaults.clock, vaults.publish
        vaults.clock, vaults.publish = clock, _unheard if silent else vaults.publish
        try:
            vault = stack.vault(name, subscription)
        finally:
            vaults.clock, vaults.publish = usual
    if silent:
        stack.resource_manager.remove_topic(vault.resource_id)
    return vault


def target_of(vault: str) -> tuple[str, str]:
    """Return the namespace and the own Secret that the contract derives from a vault's name."""
    _, _, _, *project, stage, number = vault.lower().split("-")
    return "-".join([*project, stage]), OWN if number == "1" else f"keyvault-{number}"


def data(document: Document) -> dict[str, str]:
    """Return a Secret's keys and values."""
    return {key: base64.b64decode(v).decode() for key, v in texts(document, "data").items()}


def _unheard(_event: dict[str, object]) -> None:
    """Publish to nobody."""


def _ours(tags: dict[str, str]) -> dict[str, str]:
    return {f"k8s-{tag}": value for tag, value in tags.items()}
