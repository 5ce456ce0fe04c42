"""Two vaults that lead to one Secret, and an instance of the app that has not searched yet."""

from contextlib import suppress
from dataclasses import dataclass, field

from local.kubernetes.status import ApiError
from local.kubernetes.store import Change
from sync.app.registry import VaultRegistry
from sync.core.errors import SyncError
from sync.core.model import Hint, SecretName, Target, VaultName
from sync.core.ports import Deadline, Known
from sync.reconcile.request import ReconcileRequest
from tests.kit.schedules import Schedule, schedules
from tests.model.actors import Actor
from tests.model.real import SUBSCRIPTION, Real
from tests.model.steps import real_app
from tests.model.world import NAMESPACES, OWN, Broken, World

RIVAL = "neu-DS-AKV-shop-dev-1"
_SECRET = (NAMESPACES[0], OWN[0])


@dataclass(slots=True)
class _Search:
    """What a search finds, once an instance has waited for its answer; `schedule` orders it."""

    schedule: Schedule
    vaults: tuple[VaultName, ...]
    known: Known = field(default_factory=lambda: Known((), current=False))

    def known_by_now(self) -> Known:
        """Search once, as a call of its own."""
        if not self.known.current:
            self.schedule.gate()
            self.known = Known(self.vaults)
        return self.known


@dataclass(frozen=True, slots=True)
class _Directory:
    search: _Search

    def known(self, deadline: Deadline) -> Known:
        """Return what the search found."""
        del deadline
        return self.search.known_by_now()

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Say no: both vaults exist."""
        del vault, deadline
        return False


@dataclass(frozen=True, slots=True)
class ColdInstance:
    """An instance that knows the holder serves it; a cold one is asked to take over for its rival.

    Meanwhile somebody deletes the Secret. In no order does a value of the rival get into it.
    """

    event: bool = False
    """Whether an event of the rival reaches the cold instance, and no request for a takeover."""

    def walk(self) -> int:
        """Let it happen in every order there is; return how many. Raises Broken."""
        orders = 0
        for schedule in schedules():
            self._run(schedule)
            orders += 1
        return orders

    def _run(self, schedule: Schedule) -> None:
        real, world = real_app(), World(1)
        real.wire.world = world
        held = world.kept[0]
        rival = world.vaults.create(RIVAL, SUBSCRIPTION)
        naming = real.apps[1].naming
        vaults = tuple(naming.vault(name) for name in (held.vault.name, RIVAL))
        (mine,), (theirs,) = map(naming.targets, vaults)
        rivals_value = "rival"

        def watch(change: Change, _actor: Actor | None) -> None:
            del change
            if rivals_value.encode() in world.data(*_SECRET).values():
                world.broken.append(Broken("foreign", "the Secret has a value of the rival"))

        world.on_write(watch)
        held.vault.set_secret("a", "holder")
        rival.set_secret("a", rivals_value)
        found = _Search(schedule, vaults[:1], Known(vaults[:1]))  # before there was a rival
        warm = VaultRegistry(naming, _Directory(found), ())
        cold = VaultRegistry(naming, _Directory(_Search(schedule, vaults)), ())
        by_pass = ReconcileRequest(mine, contested=warm.contested)
        _reconcile(real, by_pass)
        held.vault.set_secret("a", "holder again")
        world.sleep(10)
        world.gate = schedule.gate
        world.actors = {"task 0": Actor(), "task 1": Actor(takeover=not self.event)}

        def delete() -> None:
            schedule.gate()
            with suppress(ApiError):
                world.cluster.delete_secret(*_SECRET)

        raised = schedule.run(
            [
                lambda: _reconcile(real, by_pass),
                lambda: _reconcile(real, self._ask(theirs, cold)),
                delete,
            ]
        )
        for error in (*raised, *world.broken):
            if error is not None:
                raise error

    def _ask(self, target: Target, registry: VaultRegistry) -> ReconcileRequest:
        """Return what reaches the cold instance."""
        if self.event:
            hint = Hint(SecretName("a"))
            return ReconcileRequest(target, (hint,), whole=False, contested=registry.contested)
        return ReconcileRequest(
            target, takeover=True, removals=True, refetch=True, contested=registry.contested
        )


def _reconcile(real: Real, request: ReconcileRequest) -> None:
    with suppress(SyncError):
        real.reconciler.reconcile(request, real.deadline(), real.inline)
