"""The use cases: what an event, a timer, a resync and a status come to."""

import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

import pytest

from sync.app.explain import explained
from sync.app.outcomes import DISCOVERY
from sync.app.requests import Resync
from sync.app.status import SecretStatus, VaultStatus, statuses
from sync.app.use_cases import REQUEST, App
from sync.core.errors import (
    Malformed,
    NotOurs,
    Permanent,
    SyncError,
    Transient,
    Unattended,
    Unexpected,
)
from sync.core.model import STATE_ANNOTATION, Hint, SecretName, Target
from sync.core.outcomes import Converged, Failed, Ignored, Outcome
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.core.vault_names import Naming
from sync.http_api.convert import status_of
from sync.http_api.dataclass_json import to_json
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.apps import NAMING, app_of
from tests.kit.errors import raises
from tests.kit.world import World

SUBSCRIPTION = str(UUID(int=15))
KNOWN = ("weu-ds-akv-shop-dev-1", "weu-ds-akv-shop-dev-2", "weu-ds-akv-shop-prod-1")


@dataclass(slots=True)
class Stage:
    """An app over a world, and the works it asked for."""

    world: World = field(default_factory=World.new)
    namespace: str = "{project}-{stage}"
    known: tuple[str, ...] = KNOWN
    listed: tuple[str, ...] = ()
    fault: SyncError | None = None
    current: bool = True
    gone: frozenset[str] | SyncError = frozenset()
    subscriptions: frozenset[str] = frozenset({SUBSCRIPTION})
    works: list[ReconcileRequest] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    def app(self) -> App:
        """Return the app."""
        naming = replace(NAMING, namespace=self.namespace)

        def reconcile(
            work: ReconcileRequest, deadline: Deadline, fetchers: Executor
        ) -> ReconcileResult:
            self.works.append(work)
            return self.world.reconciler.reconcile(work, deadline, fetchers)

        return app_of(
            self.world.reconciler,
            *map(naming.vault, self.listed),
            directory=Searched(self, naming),
            naming=naming,
            subscriptions=self.subscriptions,
            reconcile=reconcile,
        )

    def put(self, vault: str, name: str, value: str) -> str:
        """Set a secret in one of the vaults."""
        return self.world.vaults.put(NAMING.vault(vault), name, value)


@dataclass(frozen=True, slots=True)
class Searched:
    """A directory that finds what the stage says by now."""

    stage: Stage
    naming: Naming

    def known(self, deadline: Deadline) -> Known:
        """Note the search and its seconds."""
        self.stage.looks.append(deadline.remaining())
        stage = self.stage
        return Known(tuple(map(self.naming.vault, stage.known)), stage.fault, stage.current)

    def is_gone(self, vault: str, _deadline: Deadline) -> bool:
        """Tell what the stage says."""
        if isinstance(self.stage.gone, SyncError):
            raise self.stage.gone
        return vault in self.stage.gone


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


def taken(app: App, payload: str) -> Outcome:
    """Return the one outcome of an event, as the trigger has it in the end."""
    (pending,) = app.event(payload)
    (outcome,) = app.for_event_grid([pending.outcome.result(20)], 20)
    return outcome


def of(outcome: Outcome) -> type[SyncError] | None:
    """Return the kind of what went wrong."""
    return None if isinstance(outcome, Converged) else type(outcome.error)


@pytest.mark.parametrize("known", [KNOWN, ()], ids=["known", "unknown"])
def test_an_event_brings_its_secret_over(known: tuple[str, ...]) -> None:
    """An event leads to a reconcile with its secret as hint, also of a vault no pass covers."""
    stage = Stage(known=known)
    version = stage.put(KNOWN[0], "a", "new")
    outcome = taken(stage.app(), event(KNOWN[0].upper(), Version=version))
    assert isinstance(outcome, Converged)
    assert stage.world.data == {"a": "new"}
    assert stage.works[0].hints == (Hint(SecretName("a"), version, stage.world.clock()),)
    assert not stage.works[0].whole


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (event("shop-vault-1"), NotOurs),
        (event(KNOWN[0], "KeyNewVersionCreated"), NotOurs),
        (event(KNOWN[0]).replace(SUBSCRIPTION, str(UUID(int=7))), NotOurs),
        (event(KNOWN[0], "SecretExpired", EXP=1_767_268_800), NotOurs),
        (event(KNOWN[0], "SecretNearExpiry", EXP=None), NotOurs),
        (event(KNOWN[0], "CertificateNearExpiry", EXP=1_767_268_800), NotOurs),
        (event(KNOWN[0], ObjectName="a/b"), Malformed),
        ("{", Malformed),
        (event("weu-ds-akv-kube-x-1"), Permanent),
    ],
    ids=[
        "name",
        "type",
        "subscription",
        "expired",
        "near",
        "certificate",
        "secret",
        "json",
        "namespace",
    ],
)
def test_other_events_reach_no_vault(payload: str, kind: type[SyncError]) -> None:
    """What is not ours is ignored, what cannot be read or leads nowhere fails; nobody is asked."""
    stage = Stage()
    outcome = taken(stage.app(), payload)
    assert isinstance(outcome, Ignored if kind is NotOurs else Failed)
    assert of(outcome) is kind
    assert stage.works == []
    assert stage.world.wire.calls == []


def test_an_expiry_is_told_with_its_time() -> None:
    """An expiry event says which secret of which vault expires and when."""
    outcome = taken(Stage().app(), event(KNOWN[0], "SecretExpired", EXP="1767268800"))
    assert isinstance(outcome, Ignored)
    assert outcome.error.reason == "SecretExpired"
    for word in ("'a'", KNOWN[0], "2026-01-01T12:00:00+00:00"):
        assert word in outcome.error.message


def test_a_certificate_expires_as_one() -> None:
    """The event of a certificate names it as a certificate, with a reason of its own."""
    outcome = taken(Stage().app(), event(KNOWN[0], "CertificateExpired", EXP=1_767_268_800))
    assert isinstance(outcome, Ignored)
    assert outcome.error.reason == "CertificateExpired"
    assert outcome.error.message.startswith("Certificate 'a' of vault")


def test_a_pass_covers_every_known_vault() -> None:
    """The timer's pass has one outcome for each vault, and each one is whole."""
    stage = Stage()
    for name in KNOWN:
        stage.put(name, "a", name)
    outcomes = list(stage.app().resync_known())
    swept = sorted(o.target.vault.text for o in outcomes if isinstance(o, Converged))
    assert swept == sorted(KNOWN)
    assert all(work == ReconcileRequest(work.target) for work in stage.works)


def test_a_vault_that_leads_nowhere_fails_alone() -> None:
    """A vault without a safe target is Permanent in the report, and the others are done."""
    stage = Stage(known=("weu-ds-akv-kube-x-1", *KNOWN))
    stage.put(KNOWN[0], "a", "x")
    outcomes = list(stage.app().resync_known())
    assert sorted(str(of(outcome)) for outcome in outcomes) == sorted(
        [str(Permanent), *["None"] * 3]
    )
    assert stage.world.data == {"a": "x"}


def test_no_vault_is_always_the_last() -> None:
    """Where only the first of a pass have their turn, each vault is among them before long."""
    stage = Stage(known=tuple(f"weu-ds-akv-shop-dev-{number}" for number in range(1, 13)))
    app = stage.app()
    first: set[str] = set()
    for _ in range(400):  # that one of twelve is never first is less likely than 1 in 10^14
        stage.works.clear()
        list(app.resync_known())
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


@pytest.mark.parametrize(
    "request_", [Resync(vault="nonsense"), Resync(project="x", stage="y")], ids=["vault", "project"]
)
def test_a_resync_of_nothing_is_not_ours(request_: Resync) -> None:
    """A name off the pattern and an unknown project are NotOurs, which is a 404."""
    with pytest.raises(NotOurs):
        list(Stage().app().resync(request_))


def test_a_resync_hands_its_options_on() -> None:
    """Each option reaches the reconcile, and no other with it; a named secret needs no listing."""
    stage = Stage(gone=frozenset({KNOWN[2]}))
    app, target = stage.app(), NAMING.targets(NAMING.vault(KNOWN[0]))[0]
    for request, work in (
        (
            Resync(KNOWN[0], secret="a"),
            ReconcileRequest(target, (Hint(SecretName("a")),), whole=False),
        ),
        (Resync(KNOWN[0], dry_run=True), ReconcileRequest(target, dry_run=True)),
        (Resync(KNOWN[0], removals=True), ReconcileRequest(target, removals=True)),
        (Resync(KNOWN[0], takeover=True), ReconcileRequest(target, takeover=True)),
        (Resync(KNOWN[0], refetch=True), ReconcileRequest(target, refetch=True)),
        (
            Resync(KNOWN[0], takeover_from=KNOWN[2]),
            ReconcileRequest(target, takeover_from=KNOWN[2]),
        ),
    ):
        list(app.resync(request))
        assert stage.works.pop() == work


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        (frozenset({KNOWN[2]}), None),
        (frozenset({KNOWN[1]}), "VaultNotGone"),
        (Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, "No."), "ResourceManagerForbidden"),
    ],
    ids=["gone", "another is", "unknown"],
)
def test_a_vaults_secret_is_taken_over_only_once_that_vault_is_gone(
    gone: frozenset[str] | SyncError, reason: str | None
) -> None:
    """Who exists, or of whom nobody can tell, keeps the Secret, and our vault is not even read."""
    stage = Stage(namespace="{project}", known=(KNOWN[0],), gone=gone)
    for name in (KNOWN[0], KNOWN[2]):
        stage.put(name, "a", name)
    list(Stage(stage.world, "{project}", known=()).app().resync(Resync(vault=KNOWN[2])))
    (outcome,) = stage.app().resync(Resync(vault=KNOWN[0], takeover_from=KNOWN[2]))
    if reason is None:
        assert isinstance(outcome, Converged)
        (own,) = replace(NAMING, namespace="{project}").targets(NAMING.vault(KNOWN[0]))
        assert stage.world.cluster.data(own) == {"a": KNOWN[0].encode()}
        return
    assert isinstance(outcome, Failed)
    assert outcome.error.reason == reason
    assert stage.works == []


def test_vaults_that_lead_to_one_secret_are_refused() -> None:
    """Two known vaults of one target are refused, not merged, by pass, resync and event alike."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    for name in stage.known:
        stage.put(name, "a", name)
    app = stage.app()
    outcomes = [
        *app.resync_known(),
        *app.resync(Resync(vault=KNOWN[0], takeover=True)),
        taken(app, event(KNOWN[2])),
    ]
    assert [of(outcome) for outcome in outcomes] == [Permanent] * 4
    assert stage.world.cluster.secrets == {}


def test_an_event_of_a_vault_in_step_waits_for_no_search() -> None:
    """A search is made where a Secret is to be, and not for what is in it afterwards."""
    stage = Stage(listed=(KNOWN[0],))
    stage.put(KNOWN[0], "a", "x")
    app = stage.app()
    assert of(taken(app, event(KNOWN[0]))) is None
    assert len(stage.looks) == 1
    version = stage.put(KNOWN[0], "a", "new")
    stage.current, stage.fault = False, Transient(Reason.RESOURCE_MANAGER_UNAVAILABLE, "Down.")
    assert of(taken(app, event(KNOWN[0], Version=version))) is None
    assert of(*app.resync(Resync(vault=KNOWN[0], refetch=True))) is None
    assert stage.world.data == {"a": "new"}
    assert len(stage.looks) == 1


@pytest.mark.parametrize("by_event", [True, False], ids=["event", "resync"])
def test_an_instance_that_has_not_looked_makes_no_secret_for_a_rival(*, by_event: bool) -> None:
    """Whichever trigger comes first in a process, the search shows who contends for the Secret."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    for name in stage.known:
        stage.put(name, "a", name)
    app = stage.app()
    if by_event:
        outcome = taken(app, event(KNOWN[2]))
    else:
        (outcome,) = app.resync(Resync(vault=KNOWN[2], takeover=True))
    assert isinstance(outcome, Failed)
    assert outcome.error.reason == "TargetContested"
    assert stage.world.cluster.secrets == {}


def test_a_secret_is_not_made_before_a_search_has_succeeded() -> None:
    """While no search succeeds a new vault waits, and is told why and for how long."""
    down = Transient(Reason.RESOURCE_MANAGER_UNAVAILABLE, "Resource Graph is down.", 7.0)
    stage = Stage(known=(), fault=down, current=False)
    stage.put(KNOWN[0], "a", "x")
    app = stage.app()
    for outcome in (taken(app, event(KNOWN[0])), *app.resync(Resync(vault=KNOWN[0]))):
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, Transient)
        assert (outcome.error.reason, outcome.error.retry_after) == ("DiscoveryNeeded", 7.0)
        assert "Resource Graph is down." in outcome.error.message
    assert stage.world.cluster.secrets == {}
    stage.current = True  # the last one that succeeded is of some minutes ago
    assert of(*app.resync(Resync(vault=KNOWN[0]))) is None


def test_listed_vaults_contend_before_any_look() -> None:
    """Two listed vaults of one target are refused to the first event of a process."""
    two = (KNOWN[0], KNOWN[2])
    stage = Stage(namespace="{project}", listed=two, known=two)
    stage.put(KNOWN[0], "a", "x")
    assert of(taken(stage.app(), event(KNOWN[0]))) is Permanent
    assert stage.world.cluster.secrets == {}


def test_a_contest_ends_with_the_look_that_shows_no_rival() -> None:
    """Claims follow what is known: once a rival is gone, the other vault has the target."""
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    stage.put(KNOWN[0], "a", "x")
    app = stage.app()
    assert [of(outcome) for outcome in app.resync_known()] == [Permanent] * 2
    stage.known = (KNOWN[0],)
    assert [of(outcome) for outcome in app.resync_known()] == [None]


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
        list(app.resync_known()),
        list(app.resync(Resync())),
        list(app.resync(Resync(project="shop", stage="dev"))),
    ):
        assert outcomes[0] == Failed(DISCOVERY, fault)
        assert [of(outcome) for outcome in outcomes[1:]] == [None] * (len(outcomes) - 1)
        assert len(outcomes) > 1
    told = list(statuses(app, app.select(Resync())))
    assert [status_of(each).vault for each in told] == [DISCOVERY, *KNOWN]
    assert [each.error for each in told] == [fault, None, None, None]


def test_a_project_that_a_failed_search_may_have_missed_is_not_called_unknown() -> None:
    """Where the search failed, nobody can say that there is no such project."""
    fault = Transient(Reason.VAULT_UNAVAILABLE, "x")
    app = Stage(fault=fault).app()
    assert list(app.resync(Resync(project="x", stage="y"))) == [Failed(DISCOVERY, fault)]


@pytest.mark.parametrize("known", [KNOWN, ()], ids=["known", "unknown"])
def test_a_vault_that_is_named_is_not_searched_for(known: tuple[str, ...]) -> None:
    """An operator can resync one vault that has its Secret, known or not, without any search."""
    stage = Stage(known=known)
    stage.put(KNOWN[0], "a", "x")
    list(stage.app().resync(Resync(vault=KNOWN[0])))
    stage.put(KNOWN[0], "a", "new")
    stage.looks.clear()
    stage.fault, stage.current = Transient(Reason.VAULT_UNAVAILABLE, "x"), False
    assert [of(outcome) for outcome in stage.app().resync(Resync(vault=KNOWN[0]))] == [None]
    assert stage.looks == []


NOT_A_VAULT_SECRET = Permanent(Reason.NAMESPACE_MISSING, "Make it.")


@pytest.mark.parametrize(
    ("error", "known", "kind"),
    [
        (NOT_A_VAULT_SECRET, (KNOWN[0],), Permanent),
        (NOT_A_VAULT_SECRET, (), Unattended),
        (Permanent(Reason.VAULT_FORBIDDEN, "Grant it."), (), Unattended),
        (Permanent(Reason.TARGET_TAKEN, "Hand it over."), (), Unattended),
        (Permanent(Reason.TAG_WRONG, "Correct it."), (), Permanent),
        (Permanent(Reason.VALUE_NOT_OF_FORMAT, "Set another."), (), Permanent),
        (Transient(Reason.VAULT_UNAVAILABLE, "Later."), (), Transient),
    ],
    ids=["known", "namespace", "vault", "target", "tag", "value", "transient"],
)
def test_what_no_pass_would_make_good_is_kept_by_event_grid(
    error: SyncError, known: tuple[str, ...], kind: type[SyncError]
) -> None:
    """Where no pass covers a vault its event is all that brings it over once somebody acted."""
    app = Stage(known=known).app()
    failed = Failed(KNOWN[0], error)
    (outcome,) = app.for_event_grid([failed], 2)
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is kind
    assert outcome.error.reason == error.reason
    assert outcome.error.message.startswith(error.message)
    assert (outcome.error is error) == (kind is not Unattended)


def test_a_vault_is_looked_for_before_its_event_is_given_back() -> None:
    """Passes run elsewhere: an instance that serves events alone has to search to know of them."""
    stage = Stage(known=(KNOWN[0],))
    app = stage.app()
    (outcome,) = app.for_event_grid([Failed(KNOWN[0], NOT_A_VAULT_SECRET)], 2)
    assert of(outcome) is Permanent
    assert stage.looks == [2]
    app.for_event_grid([Failed(KNOWN[0], Transient(Reason.VAULT_UNAVAILABLE, "x"))], 2)
    assert stage.looks == [2]


def test_an_app_that_knows_nothing_acknowledges_nothing() -> None:
    """Without subscriptions and vaults every event and every pass fails, and the app says so."""
    app = Stage(known=(), subscriptions=frozenset()).app()
    assert app.knows_nothing
    outcome = taken(app, event(KNOWN[0]))
    assert of(outcome) is Unattended
    with raises(Unattended, "NothingKnown", "SYNC_SUBSCRIPTIONS"):
        app.resync_known()


@pytest.mark.parametrize(
    ("subscriptions", "listed"),
    [(frozenset({SUBSCRIPTION}), ()), (frozenset[str](), (KNOWN[0],))],
    ids=["events", "passes"],
)
def test_an_app_that_events_or_passes_reach_is_well(
    subscriptions: frozenset[str], listed: tuple[str, ...]
) -> None:
    """One of the two is enough, and the events of a listed vault that are refused are let go."""
    app = Stage(known=listed, listed=listed, subscriptions=subscriptions).app()
    assert not app.knows_nothing
    assert len(list(app.resync_known())) == len(listed)
    if listed:
        assert of(taken(app, event(KNOWN[0]))) is NotOurs


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
    told = list(statuses(app, app.select(Resync())))
    states = [status_of(each).state for each in told]
    assert states == ["unknown", "converged", "empty", "empty"]
    assert [each.error.reason if each.error else None for each in told] == [
        "NamespaceProtected",
        None,
        None,
        None,
    ]
    stage.world.wire.fail("read", Transient(Reason.CLUSTER_UNREACHABLE, "Down."), times=1)
    told += statuses(app, app.select(Resync(vault=KNOWN[0])))
    assert told[-1].error
    assert told[-1].error.reason == "ClusterUnreachable"
    assert "pl4nted" not in repr(told) + json.dumps(to_json(list(map(status_of, told))))


def web(stage: Stage) -> Target:
    """Put a secret into a Secret of its own; return that."""
    vault = NAMING.vault(KNOWN[0])
    stage.world.vaults.put(vault, "cert", "pl4nted", tags={"k8s-secret": "web"})
    list(stage.app().resync(Resync(vault=KNOWN[0])))
    return NAMING.targets(vault)[0].further("keyvault-project-web")


def test_the_status_follows_the_index_to_the_other_secrets() -> None:
    """The vault's own Secret says which others there are; one that drifted makes all drift."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "pl4nted")
    other = web(stage)
    stage.world.cluster.edit(other, {("data", "cert"): b"x"})
    (told,) = statuses(stage.app(), Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert (told.state, told.error) == ("drifted", None)
    part = told.others[other.secret]
    assert isinstance(part, SecretStatus)
    assert part.drifted == {"cert"}
    assert "pl4nted" not in repr(told) + json.dumps(to_json(status_of(told)))


def test_the_status_tells_of_a_secret_that_other_settings_wrote() -> None:
    """It has drifted, with the reason and the time of the pass that writes it anew."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "pl4nted")
    other = web(stage)
    app = replace(stage.app(), next_pass=lambda: 1234.0)
    reconciler = stage.world.reconciler
    styled = replace(app, reconciler=replace(reconciler, rules=Rules(style=KeyStyle.ENV)))
    (told,) = statuses(app, Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert (told.state, told.due) == ("converged", None)
    (told,) = statuses(styled, Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert (told.state, told.due, told.error) == ("drifted", 1234.0, None)
    for part, secret in ((told.own, "keyvault-project"), (told.others[other.secret], other.secret)):
        assert isinstance(part, SecretStatus)
        assert (part.state, part.drifted) == ("drifted", frozenset())
        assert part.why is not None
        assert part.why.reason == "SettingsDiffer"
        assert part.why.message.startswith(f"Secret {other.further(secret)} was last")


def test_the_status_of_an_old_state_blames_no_settings() -> None:
    """An annotation of an old release does not say which settings wrote it."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "pl4nted")
    list(stage.app().resync(Resync(vault=KNOWN[0])))
    vault = NAMING.vault(KNOWN[0])
    fields = stage.world.cluster.secrets[NAMING.targets(vault)[0].place].fields
    state = "annotation", STATE_ANNOTATION
    fields[state] = json.dumps({**json.loads(fields[state]), "rules": ""}).encode()
    (told,) = statuses(stage.app(), Known((vault,)))
    assert isinstance(told, VaultStatus)
    assert (told.state, told.own.why) == ("converged", None)


def test_another_secret_that_cannot_be_read_hides_no_other() -> None:
    """What the own Secret holds is told, and the error is the vault's."""
    stage = Stage()
    stage.put(KNOWN[0], "a", "x")
    other = web(stage)
    refused = Permanent(Reason.CLUSTER_FORBIDDEN, "The Role lacks it.")
    stage.world.wire.fail("read", refused, other.secret)
    (told,) = statuses(stage.app(), Known((other.vault,)))
    assert isinstance(told, VaultStatus)
    assert told.error is refused
    assert told.state == "unknown"
    assert list(told.own.secret.records) == ["a"]


def test_an_explanation_is_of_the_whole_vault_or_of_one_secret() -> None:
    """Each secret is told, or the one that is named in any case; nothing is written."""
    stage = Stage()
    for name in ("a", "b"):
        stage.put(KNOWN[0], name, "pl4nted")
    app, target = stage.app(), NAMING.targets(NAMING.vault(KNOWN[0]))[0]
    every, one, none = (explained(app, [target], secret)[0] for secret in (None, "B", "c"))
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
    stage = Stage(namespace="{project}", known=(KNOWN[0], KNOWN[2]))
    app, vault = stage.app(), NAMING.vault
    names = (KNOWN[0], "weu-ds-akv-default-x-1")
    contested, nowhere = explained(app, list(app.places(map(vault, names))))
    stage = Stage()
    stage.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "Wait."))
    (unread,) = explained(stage.app(), list(stage.app().places([vault(KNOWN[0])])))
    reasons = [told.reason for told in (contested, nowhere, unread) if isinstance(told, SyncError)]
    assert reasons == ["TargetContested", "NamespaceProtected", "VaultThrottled"]


def at_read(stage: Stage, act: Callable[[int], None]) -> list[VaultStatus | Failed]:
    """Return the status of all vaults; before each read of a Secret, which is counted, act."""
    reads = count(1)
    stage.world.wire.before = lambda call: act(next(reads)) if call.verb == "read" else None
    app = stage.app()
    return list(statuses(app, app.select(Resync())))


def test_the_status_of_many_vaults_ends_in_time() -> None:
    """Those whose turn has not come within the total are told so, and the others are there."""
    stage = Stage()
    told = at_read(stage, lambda _: stage.world.clock.tick(150))
    reasons = [each.error.reason if each.error else None for each in told]
    assert reasons == [None, None, "DeadlineExceeded"]


def test_a_bug_in_one_status_stays_with_its_vault() -> None:
    """What nobody thought of is told of its vault alone, and by its place only."""

    def stumble(read: int) -> None:
        if read == 2:
            raise ZeroDivisionError("pl4nted")

    told = at_read(Stage(), stumble)
    assert [type(each.error) for each in told] == [type(None), Unexpected, type(None)]
    assert "pl4nted" not in repr(told) + json.dumps(to_json(list(map(status_of, told))))
