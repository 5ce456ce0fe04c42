"""The use cases: what an event, a timer, a resync and a status come to."""

import json
import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from sync.app.requests import Resync
from sync.app.status import SecretStatus, VaultStatus
from sync.app.use_cases import DISCOVERY, REQUEST, App, VaultRegistry
from sync.app.work_queue import Threads, WorkQueue
from sync.core.errors import Malformed, NotOurs, Permanent, SyncError, Transient, Unexpected
from sync.core.model import (
    Actual,
    Converged,
    Desired,
    Failed,
    Hint,
    Ignored,
    Outcome,
    SecretName,
    Target,
)
from sync.core.ports import Cluster, Deadline, Known
from sync.core.reasons import Reason
from sync.core.vault_names import DEFAULT_PATTERN, Naming
from sync.http_api.convert import status_of
from sync.http_api.dataclass_json import to_json
from sync.reconcile.reconciler import ReconcileRequest, ReconcileResult
from tests.unit.world import World

SUBSCRIPTION = str(UUID(int=15))
PATTERN = re.compile(DEFAULT_PATTERN, re.IGNORECASE | re.ASCII)
KNOWN = ("weu-ds-akv-shop-dev-1", "weu-ds-akv-shop-dev-2", "weu-ds-akv-shop-prod-1")


@dataclass(slots=True)
class Stage:
    """An app over a world, and the works it asked for."""

    world: World = field(default_factory=World.new)
    namespace: str = "{project}-{stage}"
    known: tuple[str, ...] = KNOWN
    listed: tuple[str, ...] = ()
    fault: SyncError | None = None
    works: list[ReconcileRequest] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    def app(self) -> App:
        """Return the app."""
        naming = Naming(PATTERN, self.namespace)
        listed = [naming.vault(name) for name in self.listed]

        def reconcile(
            work: ReconcileRequest, deadline: Deadline, fetchers: Executor
        ) -> ReconcileResult:
            self.works.append(work)
            return self.world.reconciler.reconcile(work, deadline, fetchers)

        return App(
            naming=naming,
            survey=VaultRegistry(naming, Searched(self, naming), listed),
            subscriptions=frozenset({SUBSCRIPTION}),
            fleet=WorkQueue(
                reconcile, self.world.clock, Threads(lanes=2, sweep=1, fetchers=1, readers=1)
            ),
            cluster=self.world.cluster,
            clock=self.world.clock,
            look=self.world.reconciler.look,
        )

    def put(self, vault: str, name: str, value: str) -> str:
        """Set a secret in one of the vaults."""
        return self.world.vaults.put(Naming(PATTERN).vault(vault), name, value)


@dataclass(frozen=True, slots=True)
class Searched:
    """A directory that finds what the stage says by now."""

    stage: Stage
    naming: Naming

    def known(self, deadline: Deadline) -> Known:
        """Note the search and its seconds."""
        self.stage.looks.append(deadline.remaining())
        return Known(tuple(map(self.naming.vault, self.stage.known)), self.stage.fault)


@dataclass(frozen=True, slots=True)
class Scarce:
    """A cluster without Secrets that does something at each read."""

    at_read: Callable[[Target, Deadline], None]

    def read(self, target: Target, deadline: Deadline) -> None:
        """Find nothing."""
        self.at_read(target, deadline)

    def apply(
        self, target: Target, desired: Desired, resource_version: str, deadline: Deadline
    ) -> None:
        """Refuse: no test here needs it."""
        raise NotImplementedError(target, desired, resource_version, deadline)

    def evict(
        self, target: Target, keys: frozenset[str], resource_version: str, deadline: Deadline
    ) -> None:
        """Refuse: no test here needs it."""
        raise NotImplementedError(target, keys, resource_version, deadline)


@dataclass(frozen=True, slots=True)
class Barred:
    """A cluster that lets one Secret not be read."""

    cluster: Cluster
    closed: Target
    why: SyncError

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Read it, or say why not."""
        if target == self.closed:
            raise self.why
        return self.cluster.read(target, deadline)

    def apply(
        self, target: Target, desired: Desired, resource_version: str, deadline: Deadline
    ) -> None:
        """Apply."""
        self.cluster.apply(target, desired, resource_version, deadline)

    def evict(
        self, target: Target, keys: frozenset[str], resource_version: str, deadline: Deadline
    ) -> None:
        """Evict."""
        self.cluster.evict(target, keys, resource_version, deadline)


def event(vault: str, kind: str = "SecretNewVersionCreated", **data: object) -> str:
    """Return an event of now."""
    topic = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.KeyVault/"
        f"vaults/{vault}"
    )
    return json.dumps(
        {
            "topic": topic,
            "eventType": f"Microsoft.KeyVault.{kind}",
            "eventTime": "2026-01-01T12:00:00Z",
            "data": {"VaultName": vault, "ObjectName": "a", **data},
        }
    )


def of(outcome: Outcome) -> type[SyncError] | None:
    """Return the kind of what went wrong."""
    return None if isinstance(outcome, Converged) else type(outcome.error)


def test_an_event_brings_its_secret_over() -> None:
    """An event leads to a reconcile of its vault's target with its secret as hint."""
    stage = Stage()
    version = stage.put(KNOWN[0], "a", "new")
    outcome = stage.app().event(event(KNOWN[0].upper(), Version=version)).result(20)
    assert isinstance(outcome, Converged)
    assert stage.world.data == {"a": "new"}
    assert stage.works[0].hints == (Hint(SecretName("a"), version, stage.world.clock()),)
    assert not stage.works[0].whole


def test_an_event_of_a_vault_that_nobody_listed_is_taken_too() -> None:
    """The list of vaults is the timer's; an event of an allowed subscription needs no entry."""
    stage = Stage(known=())
    stage.put(KNOWN[0], "a", "new")
    assert isinstance(stage.app().event(event(KNOWN[0])).result(20), Converged)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (event("shop-vault-1"), NotOurs),
        (event(KNOWN[0], "KeyNewVersionCreated"), NotOurs),
        (event(KNOWN[0]).replace(SUBSCRIPTION, str(UUID(int=7))), NotOurs),
        (event(KNOWN[0], "SecretExpired", EXP=1_767_268_800), NotOurs),
        (event(KNOWN[0], "SecretNearExpiry", EXP=None), NotOurs),
        (event(KNOWN[0], ObjectName="a/b"), Malformed),
        ("{", Malformed),
        (event("weu-ds-akv-kube-x-1"), Permanent),
    ],
    ids=["name", "type", "subscription", "expired", "near", "secret", "json", "namespace"],
)
def test_other_events_reach_no_vault(payload: str, kind: type[SyncError]) -> None:
    """What is not ours is ignored, what cannot be read or leads nowhere fails; nobody is asked."""
    stage = Stage()
    outcome = stage.app().event(payload).result(0)
    assert isinstance(outcome, Ignored if kind is NotOurs else Failed)
    assert of(outcome) is kind
    assert stage.works == []
    assert stage.world.wire.calls == []


def test_an_expiry_is_told_with_its_time() -> None:
    """An expiry event says which secret of which vault expires and when."""
    outcome = Stage().app().event(event(KNOWN[0], "SecretExpired", EXP="1767268800")).result(0)
    assert isinstance(outcome, Ignored)
    assert outcome.error.reason == "SecretExpired"
    for word in ("'a'", KNOWN[0], "2026-01-01T12:00:00+00:00"):
        assert word in outcome.error.message


def test_a_sweep_covers_every_known_vault() -> None:
    """The timer's pass has one outcome for each vault, and each one is whole."""
    stage = Stage()
    for name in KNOWN:
        stage.put(name, "a", name)
    outcomes = list(stage.app().sweep())
    swept = sorted(o.target.vault.text for o in outcomes if isinstance(o, Converged))
    assert swept == sorted(KNOWN)
    assert all(work.whole and not work.force and not work.dry_run for work in stage.works)


def test_a_vault_that_leads_nowhere_fails_alone() -> None:
    """A vault without a safe target is Permanent in the report, and the others are done."""
    stage = Stage(known=("weu-ds-akv-kube-x-1", *KNOWN))
    stage.put(KNOWN[0], "a", "x")
    outcomes = list(stage.app().sweep())
    assert sorted(str(of(outcome)) for outcome in outcomes) == sorted(
        [str(Permanent), *["None"] * 3]
    )
    assert stage.world.data == {"a": "x"}


def test_a_failing_vault_leaves_the_others() -> None:
    """A vault that is down is its own failure in a pass."""
    stage = Stage()
    for name in KNOWN:
        stage.put(name, "a", name)
    stage.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "Throttled."), times=1)
    assert {of(outcome) for outcome in stage.app().sweep()} == {Transient, None}


def test_no_vault_is_always_the_last() -> None:
    """Where only the first of a pass have their turn, each vault is among them before long."""
    stage = Stage(known=tuple(f"weu-ds-akv-shop-dev-{number}" for number in range(1, 13)))
    app = stage.app()
    first: set[str] = set()
    for _ in range(400):  # that one of twelve is never first is less likely than 1 in 10^14
        stage.works.clear()
        list(app.sweep())
        first.add(stage.works[0].target.vault.text)
    assert first == set(stage.known)


@pytest.mark.parametrize(
    ("request_", "covered"),
    [
        (Resync(vault="WEU-DS-AKV-shop-dev-2"), [1]),
        (Resync(project="Shop", stage="DEV"), [0, 1]),
        (Resync(), [0, 1, 2]),
    ],
    ids=["vault", "project", "all"],
)
def test_a_resync_covers_what_it_names(request_: Resync, covered: list[int]) -> None:
    """A vault, a project's stage, or all known vaults, whatever the case."""
    stage = Stage()
    list(stage.app().resync(request_))
    assert [work.target.vault.text for work in stage.works] == [KNOWN[each] for each in covered]


def test_a_resync_may_name_a_vault_that_is_not_listed() -> None:
    """A vault of the pattern can be resynced by its name."""
    stage = Stage(known=())
    stage.put(KNOWN[0], "a", "x")
    assert [of(outcome) for outcome in stage.app().resync(Resync(vault=KNOWN[0]))] == [None]


@pytest.mark.parametrize(
    "request_", [Resync(vault="nonsense"), Resync(project="x", stage="y")], ids=["vault", "project"]
)
def test_a_resync_of_nothing_is_not_ours(request_: Resync) -> None:
    """A name off the pattern and an unknown project are NotOurs, which is a 404."""
    with pytest.raises(NotOurs):
        list(Stage().app().resync(request_))


def test_a_resync_hands_its_options_on() -> None:
    """Secret, force and dry run reach the reconcile; a named secret needs no whole vault."""
    stage = Stage()
    list(stage.app().resync(Resync(vault=KNOWN[0], secret="a", dry_run=True, force=True)))
    work = stage.works[0]
    assert (work.hints, work.whole, work.force, work.dry_run) == (
        (Hint(SecretName("a")),),
        False,
        True,
        True,
    )


def test_vaults_that_lead_to_one_secret_are_refused() -> None:
    """Two known vaults of one target are refused, not merged, by pass, resync and event alike."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    for name in stage.known:
        stage.put(name, "a", name)
    app = stage.app()
    outcomes = [
        *app.sweep(),
        *app.resync(Resync(vault=KNOWN[0], force=True)),
        app.event(event(KNOWN[2])).result(20),
    ]
    assert [of(outcome) for outcome in outcomes] == [Permanent] * 4
    assert stage.world.cluster.secrets == {}


def test_an_event_waits_for_no_search() -> None:
    """An event goes by the vaults of the last look, and the search is left to passes."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]), listed=(KNOWN[0],))
    stage.put(KNOWN[0], "a", "x")
    app = stage.app()
    assert of(app.event(event(KNOWN[0])).result(20)) is None
    assert stage.looks == []
    list(app.status(app.select(Resync())))
    list(app.resync(Resync(vault=KNOWN[0])))
    assert len(stage.looks) == 1
    assert not stage.works[0].contested
    assert stage.works[1].contested


def test_listed_vaults_contend_before_any_look() -> None:
    """Two listed vaults of one target are refused to the first event of a process."""
    stage = Stage(namespace="{project}", listed=(KNOWN[0], KNOWN[2]))
    stage.put(KNOWN[0], "a", "x")
    assert of(stage.app().event(event(KNOWN[0])).result(20)) is Permanent
    assert stage.looks == []


def test_a_contest_ends_with_the_look_that_shows_no_rival() -> None:
    """Claims follow what is known: once a rival is gone, the other vault has the target."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    stage.put(KNOWN[0], "a", "x")
    app = stage.app()
    assert [of(outcome) for outcome in app.sweep()] == [Permanent] * 2
    stage.known = (KNOWN[0],)
    assert [of(outcome) for outcome in app.sweep()] == [None]


@pytest.mark.parametrize(
    "fault",
    [Transient(Reason.VAULT_UNAVAILABLE, "x"), Permanent(Reason.VAULT_FORBIDDEN, "x")],
    ids=["503", "422"],
)
def test_a_failed_search_is_told_and_every_known_vault_is_done(fault: SyncError) -> None:
    """A pass, a resync and a status tell of the search and go on with what is known."""
    stage = Stage(fault=fault)
    for name in KNOWN:
        stage.put(name, "a", name)
    app = stage.app()
    for outcomes in (
        list(app.sweep()),
        list(app.resync(Resync())),
        list(app.resync(Resync(project="shop", stage="dev"))),
    ):
        assert outcomes[0] == Failed(DISCOVERY, fault)
        assert [of(outcome) for outcome in outcomes[1:]] == [None] * (len(outcomes) - 1)
        assert len(outcomes) > 1
    told = list(app.status(app.select(Resync())))
    assert [status_of(each).vault for each in told] == [DISCOVERY, *KNOWN]
    assert [each.error for each in told] == [fault, None, None, None]


def test_a_project_that_a_failed_search_may_have_missed_is_not_called_unknown() -> None:
    """Where the search failed, nobody can say that there is no such project."""
    fault = Transient(Reason.VAULT_UNAVAILABLE, "x")
    app = Stage(fault=fault).app()
    assert list(app.resync(Resync(project="x", stage="y"))) == [Failed(DISCOVERY, fault)]


def test_a_vault_that_is_named_is_not_searched_for() -> None:
    """An operator can resync one vault while the search is down."""
    stage = Stage(fault=Transient(Reason.VAULT_UNAVAILABLE, "x"))
    stage.put(KNOWN[0], "a", "x")
    assert [of(outcome) for outcome in stage.app().resync(Resync(vault=KNOWN[0]))] == [None]
    assert stage.looks == []


def test_a_search_leaves_the_front_end_time_to_answer() -> None:
    """Search and reconciles together end before the 230 s of App Service's front end."""
    stage = Stage()
    list(stage.app().resync(Resync()))
    assert stage.looks[0] + REQUEST.total < 230


def test_the_status_tells_every_secret_and_every_failure() -> None:
    """The status has one entry a vault: what its Secret says, or why it cannot be read."""
    stage = Stage(known=("weu-ds-akv-kube-x-1", *KNOWN))
    stage.put(KNOWN[0], "a", "pl4nted")
    app = stage.app()
    list(app.resync(Resync(vault=KNOWN[0])))
    told = list(app.status(app.select(Resync())))
    states = [status_of(each).state for each in told]
    assert states == ["unknown", "converged", "absent", "absent"]
    assert [each.error.reason if each.error else None for each in told] == [
        "NamespaceProtected",
        None,
        None,
        None,
    ]
    stage.world.wire.fail("read", Transient(Reason.CLUSTER_UNREACHABLE, "Down."), times=1)
    told += app.status(app.select(Resync(vault=KNOWN[0])))
    assert told[-1].error
    assert told[-1].error.reason == "ClusterUnreachable"
    assert "pl4nted" not in repr(told) + json.dumps(to_json(list(map(status_of, told))))


def web(stage: Stage) -> Target:
    """Put a secret into a Secret of its own; return that."""
    vault = Naming(PATTERN).vault(KNOWN[0])
    stage.world.vaults.put(vault, "cert", "pl4nted", tags={"k8s-secret": "web"})
    list(stage.app().resync(Resync(vault=KNOWN[0])))
    return replace(Naming(PATTERN).target(vault), secret="keyvault-project-web")


def test_the_status_follows_the_index_to_the_other_secrets() -> None:
    """The vault's own Secret says which others there are; one that drifted makes all drift."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "pl4nted")
    other = web(stage)
    stage.world.cluster.edit(other, {("data", "cert"): b"x"})
    (told,) = stage.app().status(Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert (told.state, told.error) == ("drifted", None)
    part = told.others[other.secret]
    assert isinstance(part, SecretStatus)
    assert part.drifted == {"cert"}
    assert "pl4nted" not in repr(told) + json.dumps(to_json(status_of(told)))


def test_another_secret_that_cannot_be_read_hides_no_other() -> None:
    """What the own Secret holds is told, and the error is the vault's."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "x")
    other = web(stage)
    refused = Permanent(Reason.CLUSTER_FORBIDDEN, "The Role lacks it.")
    app = replace(stage.app(), cluster=Barred(stage.world.cluster, other, refused))
    (told,) = app.status(Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert told.error is refused
    assert told.state == "unknown"
    assert list(told.own.secret.records) == ["a"]


def test_an_explanation_is_of_the_whole_vault_or_of_one_secret() -> None:
    """Each secret is told, or the one that is named in any case; nothing is written."""
    stage = Stage()
    for name in ("a", "b"):
        stage.put(KNOWN[0], name, "pl4nted")
    app, vault = stage.app(), Naming(PATTERN).vault(KNOWN[0])
    every, one, none = (app.explain(vault, secret) for secret in (None, "B", "c"))
    assert not isinstance(every, SyncError)
    assert not isinstance(one, SyncError)
    assert [each.name for each in every] == ["a", "b"]
    assert [each.name for each in one] == ["b"]
    assert isinstance(none, Permanent)
    assert none.reason == "NoSuchSecret"
    assert stage.world.cluster.secrets == {}
    assert "pl4nted" not in repr(every)


def test_a_vault_that_cannot_be_explained_is_told_why() -> None:
    """Why the vault cannot be read, or leads nowhere, is the answer, and a contest is one too."""
    stage = Stage(namespace="{project}", listed=(KNOWN[0], KNOWN[2]))
    app, vault = stage.app(), Naming(PATTERN).vault(KNOWN[0])
    contested = app.explain(vault)
    nowhere = app.explain(Naming(PATTERN).vault("weu-ds-akv-default-x-1"))
    stage = Stage()
    stage.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "Wait."))
    unread = stage.app().explain(vault)
    reasons = [told.reason for told in (contested, nowhere, unread) if isinstance(told, SyncError)]
    assert reasons == ["TargetContested", "NamespaceProtected", "VaultThrottled"]


def test_the_status_of_many_vaults_ends_in_time() -> None:
    """Those whose turn has not come within the total are told so, and the others are there."""
    stage = Stage()
    app = stage.app()

    def read(target: Target, deadline: Deadline) -> None:
        del target, deadline
        stage.world.clock.now += 150

    told = list(replace(app, cluster=Scarce(read)).status(app.select(Resync())))
    assert [each.error.reason if each.error else None for each in told] == [
        None,
        None,
        "DeadlineExceeded",
    ]


def test_a_bug_in_one_status_stays_with_its_vault() -> None:
    """What nobody thought of is told of its vault alone, and by its place only."""
    app = Stage().app()

    def read(target: Target, deadline: Deadline) -> None:
        del deadline
        if target.vault.text == KNOWN[1]:
            raise ZeroDivisionError("pl4nted")

    told = list(replace(app, cluster=Scarce(read)).status(app.select(Resync())))
    assert [type(each.error) for each in told] == [type(None), Unexpected, type(None)]
    assert "pl4nted" not in repr(told) + json.dumps(to_json(list(map(status_of, told))))
