"""The doctor over its protocols: what each finding says, and what it makes pointless."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sync.app.requests import Resync
from sync.core.errors import NotOurs, Permanent, SyncError, Transient
from sync.core.model import Target, VaultName
from sync.core.outcomes import Converged
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.core.vault_names import ClusterMatch
from sync.doctor.checks import CHECKS, Check, Severity, Verdict
from sync.doctor.doctor import EXAMINATION_SECONDS, Doctor, unparsed
from sync.doctor.event_routes import EventRoute
from sync.doctor.secret_checks import NEEDED, Right, Server
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from tests.kit.apps import NAMING, app_of
from tests.kit.fakes import Clock, Stored, vault_name
from tests.kit.world import World
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SHOP = vault_name("weu-ds-akv-shop-dev-1")
PROD = vault_name("weu-ds-akv-shop-prod-1")
ALL = Resync()
LOGIN = f'{{"username": "u", "password": "{PLANTED}"}}'
OWN = "keyvault-project"
CLUSTERS = (ClusterMatch("dev", stage="dev"), ClusterMatch("prod", stage="prod"))
DOWN = Transient(Reason.CLUSTER_UNREACHABLE, "Cluster dev could not be asked.")


@dataclass(slots=True)
class Login:
    """A log-in that works unless it has a fault."""

    fault: SyncError | None = None

    def sign_in(self) -> str:
        """Name a kind."""
        if self.fault:
            raise self.fault
        return "AzureCliCredential"


@dataclass(slots=True)
class Access:
    """Clusters that grant what the sync needs, and `more`; `faults` are by cluster or verb."""

    user: str = "app"
    granted: Sequence[str] = NEEDED
    more: frozenset[Right] = frozenset()
    faults: dict[str, Exception] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    slow: float = 0.0

    def server(self, cluster: str, deadline: Deadline) -> Server:
        """Answer, after some time."""
        deadline.remaining()
        self.clock.tick(self.slow)
        if fault := self.faults.get(cluster):
            raise fault
        return Server("v1.36.0", self.user)

    def allows(self, cluster: str, right: Right, deadline: Deadline) -> bool:
        """Grant the three verbs on a named Secret, and what else is granted."""
        del cluster, deadline
        if fault := self.faults.get(right.verb):
            raise fault
        return (right.verb in self.granted and bool(right.name)) or right in self.more

    def has_namespace(self, target: Target, deadline: Deadline) -> bool | None:
        """Say yes."""
        del target, deadline
        return True


@dataclass(slots=True)
class VaultDirectory:
    """A search with a fixed result."""

    found: Known

    def known(self, deadline: Deadline) -> Known:
        """Return it."""
        del deadline
        return self.found

    def is_gone(self, vault: str, deadline: Deadline) -> bool:
        """Refuse: no test here needs it."""
        raise NotImplementedError(vault, deadline)


@dataclass(slots=True)
class Routes:
    """Event subscriptions that lead to the app, unless a test takes them away."""

    route: EventRoute | SyncError

    def find(self, vault: VaultName, deadline: Deadline) -> EventRoute:
        """Return the route, or raise why there is none to be seen."""
        del vault, deadline
        if isinstance(self.route, SyncError):
            raise self.route
        return self.route


class Clinic:
    """A doctor with everything it looks at in memory; all is well unless a test spoils it."""

    def __init__(self, *vaults: VaultName, fault: SyncError | None = None) -> None:
        world = World.new()
        self.wire, self.vaults, self.cluster = world.wire, world.vaults, world.cluster
        self.login = Login()
        self.routes = Routes(EventRoute("one", leads_here=True, note="Topic t leads here."))
        self.access = Access(clock=world.clock)
        for vault in vaults:
            self.vaults.put(vault, "db-password", PLANTED)
        self.app = app_of(
            world.reconciler,
            *vaults,
            directory=VaultDirectory(Known(vaults, fault)),
            naming=replace(NAMING, clusters=CLUSTERS),
            subscriptions=frozenset({"one"}),
        )
        self.clock = world.clock

    def in_step(self) -> "Clinic":
        """Let a pass bring all in."""
        self.clock.tick(100)
        list(self.app.resync(Resync()))
        return self

    def examine(self, request: Resync = ALL) -> Sequence[Check]:
        """Run it; no check shows a value."""
        doctor = Doctor(self.app, self.vaults, self.login, self.access, routes=self.routes)
        checks = list(doctor.examine(request))
        assert leaks(repr(checks)) == []
        return checks


WEB = "Secret shop-dev/keyvault-project-web in cluster dev"


def with_web(**tags: str) -> Clinic:
    """Return a clinic whose vault has a secret that goes to a Secret of its own."""
    clinic = Clinic(SHOP)
    clinic.vaults.put(SHOP, "web", LOGIN, tags={"k8s-secret": "web", **tags})
    return clinic


def of_verdict(checks: Sequence[Check], verdict: Verdict) -> list[tuple[str, str]]:
    """Return what the checks of a verdict are about, and their names."""
    return [(check.about, check.name) for check in checks if check.verdict is verdict]


def only(checks: Sequence[Check], about: str, name: str) -> Check:
    """Return the one check of that name about that."""
    (found,) = (check for check in checks if check.about.startswith(about) and check.name == name)
    return found


def test_the_groups_are_settings_then_vaults_then_each_cluster_with_its_secrets() -> None:
    """Where all is well each group is told once, and each Secret below its own cluster."""
    checks = Clinic(PROD, SHOP).in_step().examine()
    assert {check.verdict for check in checks} == {Verdict.OK}
    assert list(dict.fromkeys(check.about for check in checks)) == [
        "settings",
        f"vault {PROD}",
        f"vault {SHOP}",
        "cluster dev",
        "Secret shop-dev/keyvault-project in cluster dev",
        "cluster prod",
        "Secret shop-prod/keyvault-project in cluster prod",
    ]


def test_only_the_chosen_vault_and_its_cluster_are_looked_at() -> None:
    """A vault that is named brings its cluster with it, and no other."""
    checks = Clinic(PROD, SHOP).examine(Resync(vault=SHOP.text))
    assert not [check for check in checks if "prod" in check.about]


def test_a_cluster_that_is_down_leaves_the_other_one_alone() -> None:
    """What is in the broken cluster is skipped, and says so; the rest is looked at."""
    clinic = Clinic(PROD, SHOP)
    clinic.access.faults["dev"] = DOWN
    checks = clinic.examine()
    assert of_verdict(checks, Verdict.FAILED) == [("cluster dev", "answers")]
    skipped = of_verdict(checks, Verdict.SKIPPED)
    assert {about for about, _ in skipped} == {"Secret shop-dev/keyvault-project in cluster dev"}
    assert len(skipped) == 7
    assert "cluster dev does not answer" in only(checks, "Secret shop-dev", "owner").sentence


def test_a_refused_log_in_skips_every_vault() -> None:
    """Without a token no vault is asked."""
    clinic = Clinic(SHOP)
    clinic.login.fault = Permanent(Reason.CREDENTIAL_REFUSED, "No token.")
    checks = clinic.examine()
    assert of_verdict(checks, Verdict.FAILED) == [("settings", "log-in")]
    skipped = of_verdict(checks, Verdict.SKIPPED)
    assert skipped == [(f"vault {SHOP}", n) for n in ("list", "read", "secrets")]
    assert only(checks, "settings", "log-in").remedy.startswith("az login")
    assert not clinic.wire.count("list")


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("VaultForbidden", "az role assignment create"),
        ("VaultFirewalled", "az keyvault network-rule add"),
        ("VaultNameUnresolved", ""),
        ("CredentialRefused", "az login"),
        ("CredentialUnavailable", ""),
    ],
)
def test_each_trouble_of_a_vault_has_its_command(reason: str, command: str) -> None:
    """The remedy goes by the reason; where no command mends it, none is told."""
    clinic = Clinic(SHOP)
    clinic.wire.fail(
        "list", Permanent(next(each for each in Reason if each == reason), "It is so.")
    )
    check = only(clinic.examine(), f"vault {SHOP}", "list")
    assert check.sentence == f"{reason}: It is so."
    assert check.remedy.startswith(command)
    assert bool(check.remedy) is bool(command)
    assert check.link == f"docs/outcomes.md#{reason.lower()}"


def test_a_search_that_failed_is_told_and_what_is_known_is_looked_at() -> None:
    """A discovery that fails is a failed check; it hides no vault that is known."""
    clinic = Clinic(
        SHOP, fault=Transient(Reason.RESOURCE_MANAGER_UNAVAILABLE, "Resource Graph is down.")
    )
    checks = clinic.examine()
    assert of_verdict(checks, Verdict.FAILED) == [("settings", "vaults")]
    assert only(checks, f"vault {SHOP}", "read").well


def test_a_secret_that_vanishes_meanwhile_is_no_failure() -> None:
    """A secret that is listed and not served any more proves nothing, and is a warning."""
    clinic = Clinic(SHOP).in_step()
    clinic.wire.before = lambda call: (
        clinic.vaults.delete(SHOP, "db-password") if call.verb == "get" else None
    )
    assert of_verdict(clinic.examine(), Verdict.WARNING) == [(f"vault {SHOP}", "read")]


def test_a_vault_that_leads_nowhere_has_no_secret_to_look_at() -> None:
    """Where no cluster matches, the target fails, and the vault is still read."""
    nowhere = vault_name("weu-ds-akv-shop-test-1")
    checks = Clinic(nowhere).examine()
    assert of_verdict(checks, Verdict.FAILED) == [(f"vault {nowhere}", "target")]
    assert only(checks, f"vault {nowhere}", "read").well


def test_what_breaks_off_is_told_where_it_did() -> None:
    """An error amid a Secret's checks keeps those before it and skips those after it."""
    clinic = Clinic(SHOP)
    clinic.access.faults["create"] = DOWN
    checks = clinic.examine()
    about = "Secret shop-dev/keyvault-project in cluster dev"
    assert of_verdict(checks, Verdict.FAILED) == [(about, "may create")]
    assert [name for _, name in of_verdict(checks, Verdict.SKIPPED)] == [
        "may patch",
        "no more rights",
        "owner",
        "settings",
    ]


def test_a_bug_stays_with_its_subject() -> None:
    """What nobody thought of fails one check, by type and place, and the others go on."""
    clinic = Clinic(SHOP, PROD)
    clinic.access.faults["dev"] = ValueError(PLANTED)
    checks = clinic.examine()
    assert of_verdict(checks, Verdict.FAILED) == [("cluster dev", "answers")]
    assert "Bug: ValueError" in only(checks, "cluster dev", "answers").sentence


def test_nothing_is_asked_after_the_time_is_over() -> None:
    """A cluster that takes all the time leaves the next one unchecked, not a hang."""
    clinic = Clinic(SHOP, PROD)
    clinic.access.slow = EXAMINATION_SECONDS + 1
    checks = clinic.examine()
    assert of_verdict(checks, Verdict.FAILED) == []
    assert only(checks, "cluster prod", "answers").sentence == "not checked: time."


def test_excess_is_named() -> None:
    """Rights that the sync never needs are named; nothing has to be mended for the sync."""
    clinic = Clinic(SHOP)
    clinic.access.user = "system:serviceaccount:tools:sync"
    clinic.access.more = frozenset({Right("list", "shop-dev"), Right("get")})
    check = only(clinic.examine(), "Secret", "no more rights")
    assert check.verdict is Verdict.WARNING
    assert check.sentence.endswith("list the namespace's Secrets, get any Secret of any namespace.")
    assert (check.remedy, check.severity) == ("", Severity.WARNING)


def test_a_secret_that_an_app_with_other_settings_wrote_is_told() -> None:
    """It is a warning without a command: each app that writes in turn would undo one."""
    clinic = Clinic(SHOP).in_step()
    secret = "Secret shop-dev/keyvault-project"
    assert only(clinic.examine(), secret, "settings").verdict is Verdict.OK
    styled = replace(clinic.app.reconciler, rules=Rules(style=KeyStyle.ENV))
    list(app_of(styled, SHOP, naming=clinic.app.naming).resync(Resync()))
    checks = clinic.examine()
    check = only(checks, secret, "settings")
    assert check.sentence.startswith("SettingsDiffer: Secret shop-dev/keyvault-project")
    assert (check.id, check.remedy) == ("secret-settings", "")
    assert (check.verdict, check.severity) == (Verdict.WARNING, Severity.WARNING)
    assert check.link == "docs/outcomes.md#settingsdiffer"
    assert of_verdict(checks, Verdict.WARNING) == [(check.about, "settings")]
    assert only(clinic.in_step().examine(), secret, "settings").well
    assert of_verdict(clinic.examine(), Verdict.WARNING) == []


def test_a_service_account_is_bound_as_one() -> None:
    """The remedy for a missing verb names the user as kubectl wants it."""
    clinic = Clinic(SHOP)
    clinic.access.user = "system:serviceaccount:tools:sync"
    clinic.access.granted = ()
    check = only(clinic.examine(), "Secret", "may get")
    assert "--serviceaccount=tools:sync" in check.remedy


@pytest.mark.parametrize(
    ("stored", "name", "sentence", "remedy"),
    [
        (Stored(1, {}, {}, type="kubernetes.io/tls"), OWN, "SecretTypeMismatch", "delete"),
        (Stored(1, {}, {}, immutable=True), OWN, "SecretImmutable", "delete"),
        (Stored(1, {}, {}), OWN, "It is nobody's", ""),
        (Stored(1, {}, {}), f"{OWN}-web", "TargetTaken", ""),
    ],
    ids=["type", "immutable", "nobody's", "somebody's, of a tag"],
)
def test_a_secret_that_was_there_is_told(
    stored: Stored, name: str, sentence: str, remedy: str
) -> None:
    """What cannot be written is to be deleted; what a tag asks for and is not ours is shown."""
    clinic = with_web()
    clinic.cluster.secrets["dev", "shop-dev", name] = stored
    check = only(clinic.examine(), f"Secret shop-dev/{name} ", "owner")
    assert check.sentence.startswith(sentence)
    assert check.remedy == (
        f"kubectl {remedy} secret {name} --namespace shop-dev" if remedy else ""
    )


def reconciled(clinic: Clinic) -> Clinic:
    """Bring everything in step."""
    (outcome,) = clinic.app.resync(Resync(vault=SHOP.text))
    assert isinstance(outcome, Converged)
    return clinic


def test_every_secret_of_a_vault_is_examined() -> None:
    """What tags ask for is examined before it is there, and what is remembered when no tag asks."""
    clinic = with_web()
    assert only(clinic.examine(), WEB, "owner").sentence.endswith("the sync creates it.")
    reconciled(clinic)
    assert only(clinic.examine(), WEB, "owner").sentence == "It is kept by this sync."
    clinic.vaults.delete(SHOP, "web")
    assert only(clinic.examine(), WEB, "may get").well
    clinic.wire.fail("list", Permanent(Reason.VAULT_FORBIDDEN, "No."))
    assert only(clinic.examine(), WEB, "may get").well


def test_one_remedy_grants_all_secrets_of_the_vault() -> None:
    """Whichever Secret a verb is missing on, the command names all of them."""
    clinic = with_web()
    clinic.access.granted = ()
    names = "--resource-name=keyvault-project", "--resource-name=keyvault-project-web"
    for about in ("Secret shop-dev/keyvault-project in", WEB):
        remedy = only(clinic.examine(), about, "may get").remedy
        assert all(remedy.count(f"{name} ") == 1 for name in names)


def test_a_typed_secret_is_of_its_type() -> None:
    """The type that tags ask for is right, and another is to be deleted."""
    clinic = reconciled(with_web(**{"k8s-type": "basic-auth"}))
    assert only(clinic.examine(), WEB, "owner").well
    clinic.vaults.tag(SHOP, "web", {"k8s-secret": "web", "k8s-type": "dockerconfigjson"})
    check = only(clinic.examine(), WEB, "owner")
    assert check.sentence.startswith(
        "SecretTypeMismatch: it is of type 'kubernetes.io/basic-auth', not "
        "kubernetes.io/dockerconfigjson"
    )
    assert check.remedy.startswith("kubectl delete secret keyvault-project-web ")
    clinic.vaults.tag(SHOP, "web", {"k8s-secret": "web"})
    assert only(clinic.examine(), WEB, "owner").well


def test_wrong_tags_keep_no_secret_from_its_examination() -> None:
    """Tags that ask for nothing that can be are left to explain; the others are looked at."""
    clinic = Clinic(SHOP)
    clinic.vaults.put(SHOP, "odd", PLANTED, tags={"k8s-foo": "x"})
    clinic.vaults.put(SHOP, "web", PLANTED, tags={"k8s-secret": "web"})
    assert only(clinic.examine(), WEB, "owner").well


def test_an_unknown_project_is_refused() -> None:
    """A choice of no vault raises, as with every command."""
    with pytest.raises(NotOurs):
        Clinic(SHOP).examine(Resync(project="none", stage="dev"))


def test_a_vault_that_no_pass_covers_is_told() -> None:
    """Of a vault that nobody listed only events arrive: that is a warning, with the setting."""
    check = only(Clinic(SHOP).examine(Resync(vault=PROD.text)), f"vault {PROD}", "known")
    assert check.verdict is Verdict.WARNING
    assert check.remedy.endswith(f"--settings SYNC_VAULTS={SHOP},{PROD}")


@pytest.mark.parametrize(
    ("route", "verdict", "sentence"),
    [
        (EventRoute("two", leads_here=True, note="It does."), Verdict.WARNING, "subscription two"),
        (EventRoute("one", leads_here=False, note="None does."), Verdict.WARNING, "None does."),
        (EventRoute("one", leads_here=None, note="Why."), Verdict.SKIPPED, "not checked: Why."),
        (
            Permanent(Reason.RESOURCE_MANAGER_FORBIDDEN, "Needs Reader."),
            Verdict.SKIPPED,
            "not checked: ResourceManagerForbidden: Needs Reader.",
        ),
    ],
    ids=["another subscription", "no event subscription", "unknown", "no Reader"],
)
def test_what_keeps_events_away_is_told(
    route: EventRoute | SyncError, verdict: Verdict, sentence: str
) -> None:
    """A subscription that is not let in, no event subscription, and what could not be read."""
    clinic = Clinic(SHOP).in_step()
    clinic.routes.route = route
    check = only(clinic.examine(), f"vault {SHOP}", "events")
    assert check.verdict is verdict
    assert sentence in check.sentence


def test_refused_secrets_are_told_by_name_and_reason() -> None:
    """A wrong tag is told at once of a named vault, and of all vaults once a pass has met it."""
    clinic = Clinic(SHOP).in_step()
    clinic.vaults.put(SHOP, "wrong", PLANTED, tags={"k8s-sync": "maybe"})
    found = only(clinic.examine(Resync(vault=SHOP.text)), f"vault {SHOP}", "secrets")
    assert found.verdict is Verdict.FAILED
    assert found.sentence.startswith("1 secret(s) are refused: wrong: TagWrong: ")
    assert only(clinic.examine(), f"vault {SHOP}", "secrets").verdict is Verdict.OK
    assert only(clinic.in_step().examine(), f"vault {SHOP}", "secrets").sentence.startswith(
        "1 secret(s) are refused: wrong: TagWrong: "
    )


def test_what_should_be_known_of_a_secret_is_told() -> None:
    """A version that is not valid yet is no fault, and is named, of a named vault and of all."""
    clinic = Clinic(SHOP)
    clinic.vaults.put(SHOP, "a", PLANTED)
    clinic.in_step()
    clinic.vaults.put(SHOP, "a", PLANTED, not_before=int(clinic.clock()) + 9000)
    clinic.in_step()
    for request in (Resync(vault=SHOP.text), ALL):
        found = only(clinic.examine(request), f"vault {SHOP}", "secrets")
        assert found.verdict is Verdict.OK
        assert "; with a warning: a (NotValidYet)" in found.sentence


def test_a_write_that_the_cluster_would_refuse_is_told() -> None:
    """The API server is asked whether it would take the write: a missing namespace shows so."""
    clinic = Clinic(SHOP)
    missing = Permanent(Reason.NAMESPACE_MISSING, "Namespace shop-dev does not exist.")
    clinic.wire.fail("rehearse", missing)
    found = only(clinic.examine(Resync(vault=SHOP.text)), f"vault {SHOP}", "secrets")
    assert found.verdict is Verdict.FAILED
    assert "NamespaceMissing" in found.sentence


def test_every_check_is_explained() -> None:
    """Each check has a heading of its own in docs/outcomes.md, and each heading a check."""
    checks = [
        *Clinic(SHOP).examine(),
        *Clinic().examine(),
        *unparsed(["It is wrong."]),
    ]
    assert {check.id for check in checks} <= CHECKS.keys()
    text = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()
    for name in CHECKS:
        assert f"\n### {name}\n" in text


def test_the_right_to_restart_is_examined_where_workloads_are_restarted() -> None:
    """Once a namespace; without it the sync works all the same, and the remedy is a Role."""
    clinic = with_web().in_step()
    assert not [each for each in clinic.examine() if each.name == "may restart"]
    clinic.app = replace(clinic.app, readers=lambda *_: [])
    (check,) = [each for each in clinic.examine() if each.name == "may restart"]
    assert (check.verdict, check.severity) == (Verdict.WARNING, Severity.WARNING)
    assert check.about == "Secret shop-dev/keyvault-project in cluster dev"
    assert "list deployments" in check.sentence
    assert "--verb=get,list,patch" in check.remedy
    clinic.access.more = frozenset(
        Right(verb, "shop-dev", "", resource, "apps")
        for verb in ("get", "list", "patch")
        for resource in ("deployments", "statefulsets", "daemonsets")
    )
    assert only(clinic.examine(), check.about, "may restart").verdict is Verdict.OK
