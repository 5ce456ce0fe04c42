"""What may happen to applications in a history: each step's repr is the code that repeats it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from local.kubernetes.authorization import Rule
from local.kubernetes.documents import Document
from local.kubernetes.kinds import SECRET
from local.kubernetes.options import Write
from local.kubernetes.status import ApiError
from local.platform import DEFINITION
from sync.adapters.kubernetes.applications import KubernetesApplications
from sync.app.application_works import ApplicationWorks
from sync.applications.directory import ApplicationDirectory
from sync.applications.kinds import Kind
from sync.applications.paths import parse_path
from sync.applications.reconciling import ApplicationReconciler
from sync.core.errors import SyncError
from sync.core.outcomes import Converged, Failed, Outcome
from sync.reconcile.request import ReconcileRequest
from tests.model.actors import Actor, Killed
from tests.model.applications.objects import APPLICATION, KINDS, LISTED, SECRETS, body_of
from tests.model.applications.witness import Witness
from tests.model.inside import Answered, Sent
from tests.model.states import STATE
from tests.model.steps import CreateNamespace, History, Run, Step
from tests.model.world import Broken, World

PLATFORM = f"{APPLICATION.plural}.{APPLICATION.group}"
DEPLOYMENTS = "deployments.apps"
PRODUCT_KINDS = (
    Kind(
        APPLICATION.group,
        APPLICATION.version,
        APPLICATION.plural,
        parse_path("spec.secrets[*].name"),
    ),
    Kind("apps", "v1", "deployments", parse_path(f"metadata.annotations['{LISTED}']")),
)

INSTANCES = 3
LATE_SECONDS = 300
"""An instance that acts on a list older than this has given up by then."""

PASSES = 8
PASS_SECONDS = 120
"""So many passes so far apart: more than the ten minutes after which a Secret is forgotten."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A world whose cluster answers a list page by page, one object each."""

    world: World

    def carry(self, sent: Sent) -> Answered:
        """Answer a request."""
        return self.world.carry(replace(sent, target=sent.target.replace("limit=100", "limit=1")))

    def now(self) -> float:
        """Return epoch seconds."""
        return self.world.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.world.sleep(seconds)


@dataclass(slots=True)
class Instance:
    """An instance of the app with its own lists, and what it found to do in its last pass."""

    works: ApplicationWorks
    reconcile: ApplicationReconciler
    planned: Sequence[ReconcileRequest] = field(default=())
    planned_at: float = 0


class ApplicationHistory(History):
    """A history of one vault in which objects of two kinds list its secrets."""

    def __init__(self) -> None:
        super().__init__(1)
        world, real = self.world, self.real
        real.wire.world = Paged(world)
        world.cluster.define(DEFINITION)
        for kind in KINDS.values():
            world.cluster.grant("app", Rule(("get", "list"), (kind.plural,), groups=(kind.group,)))
        world.cluster.grant("app", Rule(("get", "create", "patch"), ("secrets",), SECRETS))
        self.instances = [self._instance() for _ in range(INSTANCES)]

    def _instance(self) -> Instance:
        applications = KubernetesApplications(self.real.clusters)
        directory = ApplicationDirectory(
            PRODUCT_KINDS,
            applications,
            lambda own: self.app.naming.targets(own.vault),
            self.app.registry.neighbours,
            self.world.now,
        )
        kinds = {str(kind): kind for kind in PRODUCT_KINDS}
        return Instance(
            ApplicationWorks(directory, self.app.registry),
            ApplicationReconciler(self.real.reconciler, kinds, applications),
        )

    def watching(self) -> Witness:
        """Return what watches the world."""
        self.witness = Witness(self.world)
        return self.witness

    def finish(self) -> None:
        """Let all be well and enough passes run, and see what is there; raises Broken."""
        world = self.world
        world.main = Actor()
        world.cluster.faults.clear()
        world.kept[0].vault.faults.clear()
        CreateNamespace(self.witness.objects.namespace).run(self)
        for kind, name in list(self.witness.objects.being_deleted()):
            Erase(name, kind, "end").run(self)
        for number in range(PASSES):
            world.sleep(PASS_SECONDS)
            world.changed()
            self.take(Pass(takeover=True, removals=True, instance=number % INSTANCES))
        world.broken.extend(self.witness.end())
        version = world.cluster.version
        self.take(Pass())
        if world.cluster.version != version:
            raise Broken("idle", "one more pass writes again")


@dataclass(frozen=True, slots=True)
class Pass(Run):
    """An instance reconciles the vault, or an event, and the applications that follow from it.

    With `late` it is the instance's former pass that goes on, with the lists of that time.
    """

    instance: int = 0
    late: bool = False

    def act(self, history: History) -> None:
        """Reconcile."""
        assert isinstance(history, ApplicationHistory)
        instance = history.instances[self.instance]
        with suppress(Killed):
            for work in self._requests(history, instance):
                self._reconcile(history, instance, work)

    def _requests(
        self, history: ApplicationHistory, instance: Instance
    ) -> Iterator[ReconcileRequest]:
        if self.late:
            if history.world.now() - instance.planned_at <= LATE_SECONDS:
                yield from instance.planned
            return
        work = self._work(history)
        if work is None:
            return
        outcome = self._reconcile(history, instance, work)
        deadline = history.real.deadline()
        works = instance.works
        if work.whole:
            at, found = history.world.now(), list(works.following(work, outcome, deadline))
        else:
            found = [
                each for hint in work.hints for each in works.of_event(work.target, hint, deadline)
            ]
        requests = [each for each in found if isinstance(each, ReconcileRequest)]
        history.tell([each for each in found if isinstance(each, Failed)])
        if work.whole:
            instance.planned, instance.planned_at = requests, at
        yield from requests

    @staticmethod
    def _reconcile(
        history: ApplicationHistory, instance: Instance, work: ReconcileRequest
    ) -> Outcome:
        """Reconcile one target; only what the app's own queue would say of it matters here."""
        vault = work.target.vault.text
        try:
            done = instance.reconcile(work, history.real.deadline(), history.real.inline)
        except SyncError as error:
            history.tell(f"{error.reason} {error}")
            return Failed(vault, error, work.target)
        except Exception as error:
            history.world.broken.append(Broken("bug", repr(error)))
            raise
        history.tell(done)
        return Converged(work.target, done.changes, applications=done.applications)


@dataclass(frozen=True, slots=True)
class Declare(Step):
    """Somebody makes an object that lists these, or changes it."""

    name: str
    names: tuple[str, ...]
    kind: str = PLATFORM

    def run(self, history: History) -> None:
        """Let it happen."""
        assert isinstance(history, ApplicationHistory)
        body = body_of(self.kind, self.name, self.names)
        _apply(history, self.kind, self.name, body)


@dataclass(frozen=True, slots=True)
class Erase(Step):
    """Somebody deletes an object: at once, or held by a finalizer until the end."""

    name: str
    kind: str = PLATFORM
    how: Literal["at once", "held", "end"] = "at once"

    def run(self, history: History) -> None:
        """Let it happen, where the object is there."""
        assert isinstance(history, ApplicationHistory)
        cluster, namespace = history.world.cluster, history.witness.objects.namespace
        kind = KINDS[self.kind]
        held = ["example.com/held"] if self.how == "held" else None
        patch: Document = {"metadata": {"finalizers": [*held] if held else None}}
        with suppress(ApiError):
            cluster.patch(kind, namespace, self.name, "merge", patch, Write("team"))
            if self.how != "end":
                cluster.delete(kind, namespace, self.name)


@dataclass(frozen=True, slots=True)
class Unserved(Step):
    """The cluster answers so to whoever lists or gets objects of a kind; 0 is the end of it."""

    status: int
    kind: str = PLATFORM

    def run(self, history: History) -> None:
        """Let it happen."""
        faults = history.world.cluster.faults
        faults.clear()
        if self.status:
            faults.fail(self.status, None, resource=KINDS[self.kind].plural)


@dataclass(frozen=True, slots=True)
class Meddle(Step):
    """Somebody edits an application's Secret, deletes it, or makes one of their own instead."""

    secret: str
    how: Literal["edit", "unset", "state", "delete", "anew"]
    key: str = "A"

    def run(self, history: History) -> None:
        """Let it happen, unless the server refuses."""
        world, namespace = history.world, history.world.kept[0].namespace
        with suppress(ApiError):
            match self.how:
                case "edit" | "unset":
                    value = None if self.how == "unset" else f"edited-{world.moment}".encode()
                    world.cluster.patch_data(
                        namespace, self.secret, {self.key: value}, manager="kubectl-edit"
                    )
                case "state":
                    patch: Document = {"metadata": {"annotations": {STATE: "{}"}}}
                    world.cluster.patch(
                        SECRET, namespace, self.secret, "merge", patch, Write("kubectl-edit")
                    )
                case "delete":
                    world.cluster.delete_secret(namespace, self.secret)
                case "anew":
                    with suppress(ApiError):
                        world.cluster.delete_secret(namespace, self.secret)
                    world.cluster.put_secret(namespace, self.secret, {"foreign": b"kept"})


def _apply(history: ApplicationHistory, kind: str, name: str, body: Document) -> None:
    namespace = history.witness.objects.namespace
    with suppress(ApiError):
        history.world.cluster.patch(
            KINDS[kind], namespace, name, "apply", body, Write("team", force=True)
        )


def repeat(steps: Sequence[Step]) -> ApplicationHistory:
    """Let a whole history happen and finish; raises Broken."""
    history = ApplicationHistory()
    for step in steps:
        history.take(step)
    history.finish()
    return history


def rules_broken(steps: Sequence[Step]) -> set[str]:
    """Let a whole history happen, whatever breaks; return the rules that do."""
    history = ApplicationHistory()
    for step in steps:
        step.run(history)
    try:
        history.finish()
    except Broken as last:
        history.world.broken.append(last)
    return {each.rule for each in history.world.broken}
