"""Objects that list vault secrets, in memory, and a world in which their Secrets are synced."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from local.stack import SUBSCRIPTION
from sync.app.application_works import ApplicationWorks
from sync.app.requests import Resync
from sync.app.use_cases import App
from sync.applications.directory import ApplicationDirectory
from sync.applications.kinds import Kind
from sync.applications.paths import Names, parse_path
from sync.applications.ports import Declared
from sync.applications.reconciling import ApplicationReconciler
from sync.core.model import ListedVersion, SecretName, Target, VaultName, secret_name
from sync.core.outcomes import Outcome
from sync.core.ports import Deadline
from sync.projection.rules import DEFAULT_RULES, Rules
from tests.kit.apps import app_of
from tests.kit.events import new_version
from tests.kit.fakes import Call, FakeVaults, Wire
from tests.kit.world import World

KIND = Kind("meta.p6m.dev", "v1alpha1", "platformapplications", parse_path("spec.secrets[*].name"))


@dataclass(slots=True)
class FakeApplications:
    """The objects of one namespace, by kind and name."""

    wire: Wire
    objects: dict[tuple[str, str], Declared] = field(default_factory=dict)

    def put(self, name: str, *secrets: str, kind: Kind = KIND, deleting: bool = False) -> None:
        """Make an object that lists these secrets, or change it."""
        names = Names(frozenset(map(secret_name, secrets)))
        self.objects[str(kind), name] = Declared(name, names, deleting)

    def delete(self, name: str, kind: Kind = KIND) -> None:
        """Delete an object."""
        del self.objects[str(kind), name]

    def list(self, place: Target, kind: Kind, deadline: Deadline) -> Sequence[Declared]:
        """Return every object of a kind."""
        assert place.namespace
        deadline.remaining()
        self.wire.pass_on(Call("list-applications"))
        return [each for (of, _), each in self.objects.items() if of == str(kind)]

    def get(self, place: Target, kind: Kind, name: str, deadline: Deadline) -> Declared | None:
        """Return an object, None where there is none."""
        assert place.namespace
        deadline.remaining()
        self.wire.pass_on(Call("get-application", name))
        return self.objects.get((str(kind), name))


@dataclass(slots=True)
class FakePreparer:
    """Makes disabled secrets, and remembers for whom."""

    vaults: FakeVaults
    wire: Wire
    made: dict[str, str] = field(default_factory=dict)

    def prepare(self, vault: VaultName, name: SecretName, waiting: str, deadline: Deadline) -> bool:
        """Make a secret."""
        deadline.remaining()
        self.wire.pass_on(Call("prepare", name))
        self.vaults.put(vault, str(name), "", enabled=False)
        self.made[str(name)] = waiting
        return True


@dataclass(frozen=True, slots=True)
class Declaring:
    """A world with applications, and the app on it."""

    world: World
    objects: FakeApplications
    preparer: FakePreparer
    app: App

    @classmethod
    def new(
        cls,
        *kinds: Kind,
        rules: Rules = DEFAULT_RULES,
        prepare: bool = False,
        world: World | None = None,
    ) -> "Declaring":
        """Return an empty vault, and no object."""
        world = world or World.new(rules=rules)
        objects = FakeApplications(world.wire)
        preparer = FakePreparer(world.vaults, world.wire)
        kinds = kinds or (KIND,)
        reconcile = ApplicationReconciler(
            world.reconciler,
            {str(kind): kind for kind in kinds},
            objects,
            preparer if prepare else None,
        )
        app = app_of(
            world.reconciler,
            world.vault,
            reconcile=reconcile,
            subscriptions=frozenset({SUBSCRIPTION}),
        )
        directory = ApplicationDirectory(
            kinds,
            objects,
            lambda own: app.naming.targets(own.vault),
            app.registry.neighbours,
            world.clock,
        )
        works = ApplicationWorks(directory, app.registry)
        return cls(world, objects, preparer, replace(app, applications=works))

    def sweep(self, *, removals: bool = False, dry_run: bool = False) -> Mapping[str, Outcome]:
        """Reconcile all, as an operator asks for it; return the outcomes by Secret."""
        return dict(self._by_secret(self.app.resync(Resync(removals=removals, dry_run=dry_run))))

    def settle(self) -> None:
        """Bring all in step, let time pass until it is trusted, and forget the calls."""
        self.world.clock.tick(100)
        self.sweep()
        self.world.clock.tick(100)
        self.sweep()
        self.world.clock.tick(300)
        self.world.wire.calls.clear()

    def sweep_of(self, secret: str) -> Mapping[str, Outcome]:
        """Reconcile one secret, as an operator asks for it."""
        request = Resync(vault=self.world.vault.text, secret=secret)
        return dict(self._by_secret(self.app.resync(request)))

    def event(self, name: str) -> Mapping[str, Outcome]:
        """Handle the event of a secret's newest version."""
        (version,) = (each.version for each in self.versions(name)[-1:])
        payload = json.dumps(new_version(self.world.vault.text, name, version))
        pending = self.app.event(payload)
        return dict(self._by_secret(each.outcome.result() for each in pending))

    def versions(self, name: str) -> Sequence[ListedVersion]:
        """Return the versions of a secret, oldest first."""
        world = self.world
        return world.vaults.versions(world.vault, name, world.deadline())

    def held(self, secret: str) -> dict[str, str]:
        """Return what a Secret of the namespace holds."""
        return self.world.held(secret)

    @staticmethod
    def _by_secret(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, Outcome]]:
        for outcome in outcomes:
            target = getattr(outcome, "target", None)
            yield (target.secret if isinstance(target, Target) else ""), outcome
