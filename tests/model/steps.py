"""What may happen in a history: each step's repr is the code that repeats it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from local.key_vault import Quirks, Refused
from local.kubernetes import Write
from local.kubernetes.cluster import Fields
from local.kubernetes.kinds import SECRET
from local.kubernetes.status import ApiError
from sync.app.events import Changed, parse
from sync.core.errors import SyncError
from sync.core.model import Hint, SecretName, Target
from sync.core.outcomes import Converged
from sync.reconcile.request import ReconcileRequest
from tests.kit.schedules import Choices, Schedule
from tests.model.actors import Actor, Fate, Killed
from tests.model.agreement import check
from tests.model.real import PLACED_VAULT, SUBSCRIPTION, Real, Wire, build
from tests.model.states import STATE
from tests.model.values import MARKER, Shape
from tests.model.watch import LINK, Watch
from tests.model.world import Broken, Kept, World

if TYPE_CHECKING:
    from local.kubernetes.documents import Document
    from sync.app.use_cases import App

SETTLING_SECONDS = 100
"""How long a healed world waits for its pass: beyond every lag and every unsettled second."""

type Tags = tuple[tuple[str, str], ...]


class History:
    """A world of so many vaults, what watches it, and the real app on it.

    No vault by rule (`PLACED`) means one vault with several targets.
    """

    def __init__(self, vaults: int = 3) -> None:
        self.real = real_app()
        self.world = self.real.wire.world = World(vaults)
        self.watch = self.watching()
        self._vaults = vaults

    @property
    def app(self) -> "App":
        """The app that knows the vaults."""
        return self.real.apps[self._vaults]

    def watching(self) -> Watch:
        """Return what watches the world."""
        return Watch(self.world)

    def kept(self, number: int) -> Kept:
        """Return a vault, whatever the number."""
        return self.world.kept[number % len(self.world.kept)]

    def take(self, step: "Step") -> None:
        """Let a step happen; raises Broken."""
        step.run(self)
        self._raise()

    def finish(self) -> None:
        """Heal the world and see that one pass makes all agree; raises Broken."""
        world = self.world
        world.main = Actor()
        world.cluster.faults.clear()
        for kept in world.kept:
            kept.vault.faults.clear()
            CreateNamespace(kept.namespace).run(self)
        world.sleep(SETTLING_SECONDS)
        world.changed()
        check(world, self.watch, self.app)
        self._raise()

    def of(self, target: Target) -> Kept:
        """Return the vault of a target."""
        return next(
            kept
            for kept in self.world.kept
            if kept.own == target.secret and kept.namespace == target.namespace
        )

    def tell(self, told: object) -> None:
        """Note what the app says: no value may be in it."""
        if MARKER in f"{told!r} {told}":
            self.world.broken.append(Broken("secret", "a value is in an outcome"))
        if "'Bug'" in repr(told):
            self.world.broken.append(Broken("bug", f"{told}"))

    def _raise(self) -> None:
        if self.world.broken:
            raise self.world.broken[0]


@dataclass(frozen=True, slots=True)
class Step(ABC):
    """One thing that happens."""

    @abstractmethod
    def run(self, history: History) -> None:
        """Let it happen."""


@dataclass(frozen=True, slots=True)
class Tick(Step):
    """Time passes."""

    seconds: float

    def run(self, history: History) -> None:
        """Let it happen."""
        history.world.sleep(self.seconds)
        history.world.changed()  # a version may be valid by now


@dataclass(frozen=True, slots=True)
class _InVault(Step):
    vault: int
    name: str

    def run(self, history: History) -> None:
        """Let it happen, unless the vault refuses."""
        with suppress(Refused):
            self.change(history, history.kept(self.vault))
        history.world.changed()

    @abstractmethod
    def change(self, history: History, kept: Kept) -> None:
        """Change the vault."""


@dataclass(frozen=True, slots=True)
class Set(_InVault):
    """A new version, of a certificate where that is its shape; others may be valid only later."""

    shape: Shape = Shape.PLAIN
    tags: Tags = ()
    wait: int = 0

    def change(self, history: History, kept: Kept) -> None:
        """Change the vault."""
        world = history.world
        made = world.values.make(kept.vault.name, self.name, int(world.time), self.shape)
        if made is None:
            return
        if self.shape is Shape.CERTIFICATE:
            kept.vault.set_certificate(self.name, made.value, tags=dict(self.tags))
        else:
            waits = self.wait and not kept.has_two_of_one_second(self.name)
            nbf = int(world.time) + self.wait if waits else None
            kept.vault.set_secret(self.name, made.value, tags=dict(self.tags), nbf=nbf)


@dataclass(frozen=True, slots=True)
class Retag(_InVault):
    """Other tags on the current version; no event tells of it."""

    tags: Tags = ()

    def change(self, _history: History, kept: Kept) -> None:
        """Change the vault."""
        kept.vault.update(self.name, tags=dict(self.tags))


@dataclass(frozen=True, slots=True)
class Turn(_InVault):
    """Disabled, enabled, deleted, recovered, or made anew in the other case."""

    how: Literal["disable", "enable", "delete", "recover", "respell"]

    def change(self, history: History, kept: Kept) -> None:
        """Change the vault."""
        match self.how:
            case "respell" if kept.vault.quirks.repeated_entry:
                return  # what its listing says twice it spells as it likes
            case "respell":
                spelled = kept.snapshot[self.name].name if self.name in kept.snapshot else self.name
                kept.vault.delete(self.name)
                kept.vault.purge(self.name)
                Set(self.vault, spelled.swapcase()).run(history)
            case "disable" if kept.has_two_of_one_second(self.name):
                return  # of a certificate, nothing tells which of the two stands in
            case "disable" | "enable":
                kept.vault.update(self.name, enabled=self.how == "enable")
            case "delete":
                kept.vault.delete(self.name)
            case "recover":
                kept.vault.recover(self.name)


@dataclass(frozen=True, slots=True)
class _InCluster(Step):
    vault: int
    word: str
    """What the Secret's name ends in beside the own one's, which is the empty word."""

    def run(self, history: History) -> None:
        """Let it happen, unless the server refuses."""
        kept = history.kept(self.vault)
        secret = f"{kept.own}-{self.word}" if self.word else kept.own
        with suppress(ApiError):
            self.change(history.world, kept.namespace, secret)

    @abstractmethod
    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster."""


@dataclass(frozen=True, slots=True)
class Edit(_InCluster):
    """Somebody sets a key, or removes it."""

    key: str
    gone: bool = False

    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster."""
        value = None if self.gone else f"edited-{world.moment}".encode()
        world.cluster.patch_data(namespace, secret, {self.key: value}, manager="kubectl-edit")


@dataclass(frozen=True, slots=True)
class Overlay(_InCluster):
    """Somebody applies a key as stringData: its field stays whose it was, and its value changes."""

    key: str

    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster, where there is such a Secret."""
        if world.secret(namespace, secret) is None:
            return
        config: Document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, "namespace": namespace},
            "stringData": {self.key: f"overlaid-{world.moment}"},
        }
        write = Write(f"overlay-{self.key}")
        world.cluster.patch(SECRET, namespace, secret, "apply", config, write)


@dataclass(frozen=True, slots=True)
class Mark(_InCluster):
    """Somebody adds a label and an annotation of their own, or claims the Secret, or its state."""

    how: Literal["mark", "link", "claim", "release", "state"]

    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster."""
        managed = "app.kubernetes.io/managed-by"
        marks: dict[str, Document] = {
            "mark": {"labels": {"foreign": "kept"}, "annotations": {"foreign": "kept"}},
            "link": {"annotations": {LINK: "https://foreign.example/"}},
            "claim": {"labels": {managed: "Helm"}},
            "release": {"labels": {managed: None}},
            "state": {"annotations": {STATE: "{}"}},
        }
        patch: Document = {"metadata": marks[self.how]}
        world.cluster.patch(SECRET, namespace, secret, "merge", patch, Write("kubectl-edit"))


@dataclass(frozen=True, slots=True)
class Remove(_InCluster):
    """Somebody deletes a Secret, and perhaps makes one of their own in its place."""

    made_anew: bool = False

    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster."""
        with suppress(ApiError):
            world.cluster.delete_secret(namespace, secret)
        if self.made_anew:
            world.cluster.put_secret(namespace, secret, {"foreign": b"kept"})


@dataclass(frozen=True, slots=True)
class Restore(_InCluster):
    """A Secret comes back as it was after one of its last writes, also where one is there."""

    manager: str
    fields: Fields
    age: int

    def change(self, world: World, namespace: str, secret: str) -> None:
        """Change the cluster, where there is a backup."""
        backups = world.backups[namespace, secret]
        if backups:
            backup = backups[max(self.age, -len(backups))]
            world.cluster.restore_secret(backup, manager=self.manager, fields=self.fields)


@dataclass(frozen=True, slots=True)
class DeleteNamespace(Step):
    """A namespace goes with all that is in it."""

    namespace: str

    def run(self, history: History) -> None:
        """Let it happen."""
        with suppress(ApiError):
            history.world.cluster.delete_namespace(self.namespace)


@dataclass(frozen=True, slots=True)
class CreateNamespace(Step):
    """It is there again, empty."""

    namespace: str

    def run(self, history: History) -> None:
        """Let it happen."""
        with suppress(ApiError):
            history.world.cluster.create_namespace(self.namespace)


@dataclass(frozen=True, slots=True)
class Outage(Step):
    """A vault or the cluster (None) answers 503 to everything, until it is over."""

    vault: int | None
    over: bool = False

    def run(self, history: History) -> None:
        """Let it happen."""
        world = history.world
        if self.vault is None:
            world.cluster.faults.clear()
            if not self.over:
                world.cluster.faults.fail(503, None)
            return
        faults = history.kept(self.vault).vault.faults
        faults.clear()
        if not self.over:
            faults.fail(503, None)


@dataclass(frozen=True, slots=True)
class Run(Step):
    """An instance reconciles one vault; `fates` befall its calls by number.

    `event` is the place of an event among those published so far, which stays: so it may come
    again, late, out of order, or never.
    """

    vault: int = 0
    event: int | None = None
    secret: str | None = None
    removals: bool = False
    takeover: bool = False
    refetch: bool = False
    dry_run: bool = False
    fates: tuple[tuple[int, Fate], ...] = ()

    def run(self, history: History) -> None:
        """Let it happen, in the thread of the task or of the history."""
        actor = self.actor()
        history.world.main = actor
        self.act(history)

    def actor(self) -> Actor:
        """Return who it is that runs."""
        return Actor(dict(self.fates), self.removals, self.takeover, self.dry_run)

    def act(self, history: History) -> None:
        """Reconcile."""
        real, work = history.real, self._work(history)
        if work is None:
            return
        began = history.world.moment
        try:
            done = real.reconciler.reconcile(work, real.deadline(), real.inline)
            history.tell(done)
            if not self.dry_run and not any(fate is Fate.LAG for _, fate in self.fates):
                names = None if work.whole else [hint.secret for hint in work.hints]
                history.watch.told(history.of(work.target), began, names, done.refused)
        except Killed:
            return
        except SyncError as error:
            history.tell(f"{error.reason} {error}")
        except Exception as error:  # noqa: BLE001 - a bug is what this looks for
            history.world.broken.append(Broken("bug", repr(error)))

    def _work(self, history: History) -> ReconcileRequest | None:
        if self.event is not None:
            events = history.world.events
            if not events:
                return None
            published = events[self.event % len(events)]
            event = parse(json.dumps(published), frozenset({SUBSCRIPTION}))
            assert isinstance(event, Changed)
            targets = history.app.naming.targets(history.app.naming.vault(event.vault))
            target = targets[self.vault % len(targets)]
            return ReconcileRequest(target, (event.hint,), whole=False)
        hints = () if self.secret is None else (Hint(SecretName(self.secret)),)
        naming = history.app.naming
        kept = history.kept(self.vault)
        target = next(
            each
            for each in naming.targets(naming.vault(kept.vault.name))
            if (each.namespace, each.secret) == (kept.namespace, kept.own)
        )
        return ReconcileRequest(
            target,
            hints,
            not hints,
            removals=self.removals,
            takeover=self.takeover,
            refetch=self.refetch,
            dry_run=self.dry_run,
        )


@dataclass(frozen=True, slots=True)
class Sweep(Step):
    """The timer: the app's own pass over all vaults."""

    def run(self, history: History) -> None:
        """Let it happen."""
        history.world.main = Actor()
        began = history.world.moment
        for outcome in list(history.app.resync_known()):
            history.tell(outcome)
            if isinstance(outcome, Converged):
                history.watch.told(history.of(outcome.target), began, None, ())


@dataclass(frozen=True, slots=True)
class Switch(Step):
    """The platform switches counting on or off, for all instances at once."""

    counting: bool

    def run(self, history: History) -> None:
        """Let it happen."""
        history.real = real_app(counting=self.counting)
        history.watch.ledger.switch(counting=self.counting)


@dataclass(frozen=True, slots=True)
class Deliver(Step):
    """An event reaches the app's trigger."""

    event: int

    def run(self, history: History) -> None:
        """Let it happen."""
        events = history.world.events
        if events:
            history.world.main = Actor()
            payload = json.dumps(events[self.event % len(events)])
            for pending in history.app.event(payload):
                history.tell(pending.outcome.result())


@dataclass(frozen=True, slots=True)
class Quirk(Step):
    """A vault's listings name one secret twice, in two spellings."""

    vault: int

    def run(self, history: History) -> None:
        """Let it happen."""
        history.kept(self.vault).vault.quirks = Quirks(repeated_entry=True)
        history.world.changed()


@dataclass(slots=True)
class Drawn(Choices):
    """Choices that are drawn without knowing how many options there will be."""

    def choose(self, options: int) -> int:
        """Return which option is taken here."""
        place = len(self.made)
        choice = self.given[place] % options if place < len(self.given) else 0
        self.made.append((choice, options))
        return choice


@dataclass(frozen=True, slots=True)
class Together(Step):
    """Several at once: `choices` say which one goes on at each remote call."""

    steps: tuple[Step, ...]
    choices: tuple[int, ...] = field(default=())

    def run(self, history: History) -> None:
        """Let it happen."""
        self.scheduled(history, Schedule(Drawn(self.choices)))

    def scheduled(self, history: History, schedule: Schedule) -> None:
        """Let it happen in the order of a schedule."""
        world = history.world
        world.gate = schedule.gate
        world.actors = {
            f"task {number}": step.actor()
            for number, step in enumerate(self.steps)
            if isinstance(step, Run)
        }
        works = [partial(_go, step, history, schedule) for step in self.steps]
        try:
            for raised in schedule.run(works):
                if raised is not None:
                    raise raised
        finally:
            world.gate, world.actors = _open, {}


def _go(step: Step, history: History, schedule: Schedule) -> None:
    if isinstance(step, Run):
        step.act(history)
    else:
        schedule.gate()
        step.run(history)


def _open() -> None:
    """Let a call pass."""


_REAL: list[Real] = []


def real_app(*, counting: bool = True) -> Real:
    """Return the app, which is built once for the process: its parts keep nothing of a history."""
    if not _REAL:
        wire = Wire()
        wire.world = opened = World()
        opened.vaults.create(PLACED_VAULT, SUBSCRIPTION)
        counted = build(wire)
        _REAL.extend((counted.uncounted(), counted))
    return _REAL[counting]


def repeat(steps: Sequence[Step], vaults: int = 3) -> History:
    """Let a whole history happen and finish; raises Broken."""
    history = History(vaults)
    for step in steps:
        history.take(step)
    history.finish()
    return history


def rules_broken(steps: Sequence[Step]) -> set[str]:
    """Let a whole history of one vault happen, whatever breaks; return the rules that do."""
    history = History(1)
    broken = history.world.broken
    for step in steps:
        step.run(history)
    try:
        history.finish()
    except Broken as last:
        broken.append(last)
    return {each.rule for each in broken}
