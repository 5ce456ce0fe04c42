"""One vault, one target, one clock and the real Reconciler between them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sync.core.model import Hint, SecretName, Target, VaultName
from sync.core.ports import Deadline
from sync.projection.rules import DEFAULT_RULES, Rules
from sync.reconcile.reconciler import Reconciler
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.fakes import (
    Clock,
    FakeCluster,
    FakeVaults,
    Inline,
    Wire,
    no_wait_turns,
    target_of,
    vault_name,
)


@dataclass(frozen=True, slots=True)
class World:
    """What a test of the protocol stands on."""

    clock: Clock
    wire: Wire
    vaults: FakeVaults
    cluster: FakeCluster
    vault: VaultName
    target: Target
    reconciler: Reconciler

    @classmethod
    def new(
        cls, *, prune: bool = True, rules: Rules = DEFAULT_RULES, counting: bool = False
    ) -> "World":
        """Return an empty vault and no Secret."""
        clock, wire = Clock(), Wire()
        vaults, cluster = FakeVaults(clock, wire), FakeCluster(wire)
        vault = vault_name()
        reconciler = Reconciler(
            vaults, cluster, clock, prune, no_wait_turns, rules, counting=counting
        )
        return cls(clock, wire, vaults, cluster, vault, target_of(vault), reconciler)

    @classmethod
    def in_step(cls, *names: str, prune: bool = True, counting: bool = False) -> "World":
        """Return a vault of settled secrets, each `NAME's value`, and the Secret that has them."""
        world = cls.new(prune=prune, counting=counting)
        for name in names:
            world.vaults.put(world.vault, name, f"{name}'s value")
        world.settle()
        return world

    def put(self, name: str, value: str, **tags: str) -> str:
        """Set a new version in the vault, with tags of ours: `key` is k8s-key."""
        return self.vaults.put(self.vault, name, value, tags=_tags(tags))

    def tag(self, name: str, **tags: str) -> None:
        """Give a secret these tags of ours and no other."""
        self.vaults.tag(self.vault, name, _tags(tags))

    def settle(self) -> None:
        """Bring all in step, let time pass until it is trusted, and forget the calls."""
        self.clock.tick(100)
        self.sweep()
        self.clock.tick(300)
        self.wire.calls.clear()

    def hint(self, name: str, version: str | None = None) -> Hint:
        """Return what an event of this very moment says."""
        return Hint(SecretName(name), version, self.clock())

    def sweep(
        self,
        *,
        removals: bool = False,
        takeover: bool = False,
        refetch: bool = False,
        dry_run: bool = False,
    ) -> ReconcileResult:
        """Reconcile the whole vault, as the timer does, or as an operator asks for it."""
        return self.run(
            ReconcileRequest(
                self.target,
                removals=removals,
                takeover=takeover,
                refetch=refetch,
                dry_run=dry_run,
            )
        )

    def event(self, *hints: Hint) -> ReconcileResult:
        """Reconcile what events point to."""
        return self.run(ReconcileRequest(self.target, hints, whole=False))

    def run(self, work: ReconcileRequest) -> ReconcileResult:
        """Reconcile."""
        return self.reconciler.reconcile(work, self.deadline(), Inline())

    def deadline(self) -> Deadline:
        """Return a deadline 24 s from now."""
        return Deadline.after(24, self.clock)

    def rival(self) -> "World":
        """Return the same world seen from another vault that leads to the same Secret."""
        vault = vault_name("neu-ds-akv-shop-dev-1")
        return replace(self, vault=vault, target=target_of(vault))

    @property
    def data(self) -> dict[str, str]:
        """What the Secret holds."""
        return self.held(self.target.secret)

    def other(self, word: str) -> Target:
        """Return the Secret that the tag k8s-secret asks for by a word."""
        return self.target.further(f"{self.target.secret}-{word}")

    def held(self, secret: str) -> dict[str, str]:
        """Return what a Secret of the namespace holds."""
        target = self.target.further(secret)
        return {key: value.decode() for key, value in self.cluster.data(target).items()}

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """What each Secret holds, by the word that k8s-secret says; the own one is empty."""
        own = self.target.secret
        return {
            secret.removeprefix(own).removeprefix("-"): self.held(secret)
            for _, _, secret in sorted(self.cluster.secrets)
        }


def _tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    return {f"k8s-{tag}": text for tag, text in tags.items()}
