"""The table of placements: what its entries lead to, and what is refused."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from sync.app.requests import Resync
from sync.app.shared_listing import SharedListing
from sync.app.status import State, VaultStatus, statuses
from sync.app.use_cases import App
from sync.core.errors import NotOurs, Permanent, SyncError, Transient
from sync.core.labels import labels_of
from sync.core.model import STATE_ANNOTATION, Actual, SecretName, Target
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.ports import Deadline, Known
from sync.core.reasons import Reason
from sync.doctor.doctor import Doctor
from sync.projection.placement import Excluded
from sync.projection.rules import Rules
from sync.projection.stages import StagePrefixes
from sync.settings.environment import SettingsError, read
from sync.settings.model import Settings
from sync.settings.placements import read_entries
from tests.kit.apps import app_of
from tests.kit.command_line import say
from tests.kit.errors import raises
from tests.kit.fakes import Call, FakeCluster
from tests.kit.world import World
from tests.unit.test_doctor import Access, Login

DEV = {"vault": "myapp-kv", "project": "myapp", "stage": "dev", "namespace": "web-dev"}
PRD = {"vault": "myapp-kv", "project": "myapp", "stage": "prd", "namespace": "web"}
SAME = {"vault": "other-kv", "project": "other", "stage": "dev", "namespace": "web-dev"}
CLUSTERS = json.dumps([{"name": "dev", "match": {"stage": "dev"}}, {"name": "prod"}])


def settings(*entries: Mapping[str, object], **more: str) -> Settings:
    """Return the settings with a table of these entries."""
    given = {"SYNC_CLUSTERS": CLUSTERS, "SYNC_STAGE_PREFIXES": "keep", **more}
    return read({"SYNC_PLACEMENTS": json.dumps(entries), **given})


def faults(*entries: Mapping[str, object], **more: str) -> tuple[str, ...]:
    """Return what is wrong with a table of these entries."""
    with pytest.raises(SettingsError) as refused:
        settings(*entries, **more)
    return refused.value.faults


def placed(*entries: Mapping[str, object], **more: str) -> list[Target]:
    """Return the targets of the first entry's vault."""
    naming = settings(*entries, **more).naming
    return list(naming.targets(naming.vault(str(entries[0]["vault"]))))


def test_each_entry_of_a_vault_is_a_target() -> None:
    """A vault of any name goes where its entries say, with all that each entry gives."""
    dev, prd = placed(
        DEV | {"secret": "myapp", "cluster": "dev"}, PRD | {"secret": "myapp", "unprefixed": True}
    )
    assert dev.place == ("dev", "web-dev", "myapp")
    assert prd.place == ("prod", "web", "myapp")
    assert [(each.project, each.stage) for each in (dev, prd)] == [
        ("myapp", "dev"),
        ("myapp", "prd"),
    ]
    assert (dev.unprefixed, prd.unprefixed) == (False, True)
    assert (dev.region, dev.number) == ("", None)
    assert labels_of(dev) == {
        "app.kubernetes.io/managed-by": "keyvault-sync",
        "keyvault-sync/project": "myapp",
        "keyvault-sync/stage": "dev",
    }


def test_what_an_entry_leaves_out_comes_from_the_name() -> None:
    """An entry wins over the rule of names, and the rule fills what it leaves out."""
    (target,) = placed({"vault": "WEU-DS-AKV-shop-dev-2", "namespace": "default"})
    assert target.place == ("dev", "default", "keyvault-2")
    assert (target.region, target.project, target.stage, target.number) == ("weu", "shop", "dev", 2)
    (bare,) = placed({"vault": "myapp-kv", "project": "myapp", "stage": "prd"})
    assert bare.place == ("prod", "myapp-prd", "keyvault-project")
    assert bare.unprefixed


def test_the_table_is_known_beside_the_listed_vaults() -> None:
    """Passes cover the vaults of the table; SYNC_VAULTS adds others, and may name these too."""
    table = (DEV, PRD)
    assert list(map(str, settings(*table).vaults)) == ["myapp-kv"]
    listed = settings(*table, SYNC_VAULTS="weu-ds-akv-shop-dev-1, MYAPP-kv, off")
    assert list(map(str, listed.vaults)) == ["myapp-kv", "weu-ds-akv-shop-dev-1"]
    assert [name for name, _ in listed.strays] == ["off"]
    with raises(NotOurs, Reason.VAULT_NAME_OFF_PATTERN, "SYNC_PLACEMENTS has no entry"):
        listed.naming.vault("other-kv")


def test_a_table_may_be_a_file_of_the_package(tmp_path: Path) -> None:
    """A name instead of JSON is that of a file; one that cannot be read is refused."""
    (tmp_path / "placements.json").write_text("\ufeff" + json.dumps([DEV]), "utf-8")
    assert [str(entry.vault) for entry in read_entries("placements.json", tmp_path)] == ["myapp-kv"]
    (tmp_path / "latin.json").write_bytes(b'[{"vault": "\xe9"}]')
    for name in ("missing.json", "latin.json", "a\0b", "x" * 300):
        with pytest.raises(ValueError, match="neither a JSON list nor the name of a readable file"):
            read_entries(name, tmp_path)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (7, "must be an object with vault, not a bare number, true or false"),
        ({}, "must be an object with vault, not an object of 0 field(s)"),
        ({"stage": "dev"}, "lacks a vault"),
        (
            {"vault": "a--b"},
            "has a vault that is a text of 4 characters: it must be ",
        ),
        (
            DEV | {"Stage": 1},
            "has 1 unknown field(s): known are vault, project, stage, ",
        ),
        (DEV | {"secret": "My_App"}, "has a secret that is a text of 6 characters: it must be a "),
        (DEV | {"namespace": ["x"]}, "has a namespace that is a list of 1: it must be a namespace"),
        (DEV | {"stage": "prod-1"}, "has a stage that is a text of 6 characters"),
        (DEV | {"unprefixed": "yes"}, "has unprefixed that is a text of 3 characters: it must be "),
    ],
    ids=range(9),
)
def test_a_malformed_entry_is_refused_by_its_number(entry: object, fault: str) -> None:
    """Each fault names the entry by its number and quotes nothing of it."""
    with pytest.raises(ValueError, match="entry 2") as refused:
        read_entries(json.dumps([DEV, entry]))
    (told,) = refused.value.args
    assert told.startswith(f"entry 2 {fault}")


@pytest.mark.parametrize(
    ("entries", "more", "fault"),
    [
        ([{"vault": "myapp-kv", "stage": "dev"}], {}, "entry 1 (myapp-kv) lacks project: "),
        ([{"vault": "myapp-kv"}], {}, "entry 1 (myapp-kv) lacks project and stage: "),
        ([DEV | {"namespace": "kube-system"}], {}, "kube-… is never written"),
        ([DEV | {"cluster": "edge"}], {}, "it names dev, prod"),
        (
            [PRD],
            {"SYNC_CLUSTERS": json.dumps([{"name": "dev", "match": {"stage": "dev"}}])},
            "entry 1 (myapp-kv) matches no cluster of SYNC_CLUSTERS (stage prd): give it a cluster",
        ),
        (
            [{"vault": "myapp-kv", "project": "default", "stage": "x"}],
            {"SYNC_NAMESPACE": "{project}"},
            "leads to namespace default by SYNC_NAMESPACE: name it if that is meant",
        ),
        (
            [{"vault": "myapp-kv", "project": "myapp", "stage": "x"}],
            {"SYNC_NAMESPACE": "{region}-{project}"},
            "leads by SYNC_NAMESPACE to no valid namespace",
        ),
        (
            [DEV, SAME],
            {},
            "leads to Secret web-dev/keyvault-project in cluster dev, and so does entry 1 (",
        ),
        (
            [DEV | {"secret": "myapp-db"}, SAME | {"secret": "myapp"}],
            {},
            "Secret myapp-db, which the tag k8s-secret can ask for from Secret myapp of entry 2 (",
        ),
        (
            [DEV | {"secret": "keyvault-2-db"}],
            {},
            "the tag k8s-secret can ask for from Secret keyvault-2 of another vault",
        ),
        (
            [DEV, PRD],
            {"SYNC_STAGE_PREFIXES": "none"},
            "the entries of vault myapp-kv differ in stage",
        ),
        (
            [DEV | {"unprefixed": False}],
            {"SYNC_STAGE_PREFIXES": "none"},
            "entry 1 (myapp-kv) refuses names without a prefix",
        ),
    ],
    ids=range(12),
)
def test_a_wrong_table_is_refused(
    entries: list[Mapping[str, object]], more: Mapping[str, str], fault: str
) -> None:
    """What could be written to the wrong place is refused with the entry and what to do."""
    (told,) = faults(*entries, **more)
    assert told.startswith("SYNC_PLACEMENTS is wrong: ")
    assert fault in told


def test_all_wrong_entries_are_told_at_once() -> None:
    """The faults of a whole table come together."""
    assert len(faults(DEV | {"cluster": "edge"}, SAME | {"namespace": "kube-x"}, PRD, PRD)) == 3


def test_two_names_of_one_stage_do_not_differ() -> None:
    """Entries of prd and prod need no prefixes and take every name."""
    both = placed(
        PRD | {"secret": "a"}, PRD | {"stage": "prod", "secret": "b"}, SYNC_STAGE_PREFIXES="none"
    )
    assert [each.unprefixed for each in both] == [True, True]


def left_out(target: Target, name: str) -> str:
    """Return why a name is left out of a target, empty if it is not."""
    found = Rules(stages=StagePrefixes.KEEP).place(target, name, {}, "")
    return found.reason if isinstance(found, Excluded) else ""


def test_prefixes_say_which_target_takes_a_name() -> None:
    """A stage's names go to its targets, common ones to all, and others where that is allowed."""
    dev, prd = placed(DEV, PRD | {"unprefixed": True})
    assert [left_out(dev, name) for name in ("dev-x", "common-x")] == ["", ""]
    assert [left_out(prd, name) for name in ("prod-x", "prd-x", "common-x", "x")] == [""] * 4
    assert "it is of stage prod, not dev" in left_out(dev, "prod-x")
    assert "it is of stage dev, not prd" in left_out(prd, "dev-x")
    assert "does not have unprefixed" in left_out(dev, "x")


@pytest.mark.parametrize(
    ("word", "names"),
    [("db", ()), ("other", ("oth*",)), ("keyvault-project", ("*",)), ("keyvault-7", ())],
)
def test_no_tag_leads_to_another_entrys_secret(word: str, names: tuple[str, ...]) -> None:
    """A tag that leads to a Secret of the table, or to one by the rule, refuses its secret."""
    (target, _) = settings(
        DEV | {"secret": "keyvault"}, SAME | {"secret": "other"}, DEV | {"secret": "mine"}
    ).naming.table[settings(DEV).vaults[0]]
    target = replace(target, placed=target.placed | {"keyvault-db"})
    with raises(Permanent, Reason.TAG_WRONG):
        Rules(names=names).place(target, "x", {"k8s-secret": word}, "")
    free = Rules(names=names).place(target, "x", {"k8s-secret": "free"}, "")
    assert not isinstance(free, Excluded)


class PartlyDown(FakeCluster):
    """A cluster that answers for some targets with an error."""

    down: Mapping[Target, SyncError] = MappingProxyType({})

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, or raise the target's error."""
        if target in self.down:
            raise self.down[target]
        return super().read(target, deadline)


class Placed:
    """A world whose vault myapp-kv has a target for each of two stages."""

    def __init__(self) -> None:
        table = settings(DEV | {"secret": "myapp"}, PRD | {"secret": "myapp"})
        world = World.new(rules=table.rules)
        self.cluster = PartlyDown(world.wire)
        reconciler = replace(world.reconciler, cluster=self.cluster)
        self.world = replace(world, cluster=self.cluster, reconciler=reconciler)
        self.naming = table.naming
        (self.vault,) = table.vaults
        self.dev, self.prd = self.naming.targets(self.vault)

    @property
    def app(self) -> App:
        """The app that knows this vault."""
        return app_of(self.world.reconciler, self.vault, naming=self.naming)

    def put(self, *names: str) -> None:
        """Set secrets."""
        for name in names:
            self.world.vaults.put(self.vault, name, f"{name}'s value")

    def resync(self, target: str | None = None) -> list[Outcome]:
        """Resync the vault, or one of its targets."""
        return list(self.app.resync(Resync("myapp-kv", target)))

    def keys(self, target: Target) -> set[str]:
        """Return the keys of a target's Secret."""
        return set(self.world.cluster.data(target))


def test_each_target_gets_its_own() -> None:
    """Both targets are written from one listing, each with its own outcome and its own record."""
    placed = Placed()
    placed.put("dev-a", "prod-a", "common-a", "plain")
    outcomes = placed.resync()
    assert [o.target for o in outcomes if isinstance(o, Converged)] == [placed.dev, placed.prd]
    assert placed.keys(placed.dev) == {"dev-a", "common-a"}
    assert placed.keys(placed.prd) == {"prod-a", "common-a"}
    placed.world.clock.tick(60)
    placed.resync()
    before = len(placed.world.wire.calls)
    placed.resync()
    verbs = [call.verb for call in placed.world.wire.calls[before:]]
    assert sorted(verbs) == ["list", "read", "read"]


@pytest.mark.parametrize("fault", [Transient, Permanent])
def test_a_target_that_fails_holds_back_no_other(fault: type[Transient | Permanent]) -> None:
    """One target's cluster is down or forbids it: the other is written, and each is told."""
    placed = Placed()
    placed.put("dev-a", "prod-a")
    placed.cluster.down = {placed.dev: fault(Reason.CLUSTER_UNREACHABLE, "No.")}
    first, second = placed.resync()
    assert isinstance(first, Failed)
    assert first.target == placed.dev
    assert isinstance(second, Converged)
    assert placed.keys(placed.prd) == {"prod-a"}


def test_one_target_can_be_meant() -> None:
    """A request may name one target, with or without its cluster; an unknown one is refused."""
    placed = Placed()
    placed.put("dev-a", "prod-a")
    for name in ("web/myapp", "prod/web/myapp"):
        (outcome,) = placed.resync(name)
        assert isinstance(outcome, Converged)
        assert outcome.target == placed.prd
    assert placed.keys(placed.dev) == set()
    for name in ("web", "dev/web/myapp", "web/myapp "):
        with raises(NotOurs, Reason.NO_SUCH_TARGET, "it has web-dev/myapp, web/myapp"):
            placed.resync(name)


def test_a_projects_stage_means_its_targets_alone() -> None:
    """By project and stage only the targets of that stage are meant, of any vault."""
    placed = Placed()
    placed.put("dev-a", "prod-a")
    request = Resync(project="MyApp", stage="PRD")
    outcomes = list(placed.app.resync(request))
    assert [o.target for o in outcomes if isinstance(o, Converged)] == [placed.prd]
    told = statuses(placed.app, Known((placed.vault,)), request)
    assert [t.state for t in told if isinstance(t, VaultStatus)] == [State.CONVERGED]


def test_two_targets_of_a_namespace_share_no_further_secret() -> None:
    """A Secret that both ask for by its full name is the first one's; the other is refused."""
    table = settings(PRD | {"secret": "a"}, PRD | {"secret": "b"}, SYNC_SECRET_NAMES="orders")
    world = World.new(rules=table.rules)
    (vault,) = table.vaults
    world.vaults.put(vault, "x", "x's value", tags={"k8s-secret": "orders"})
    app = app_of(world.reconciler, vault, naming=table.naming)
    first, second = app.resync(Resync("myapp-kv"))
    assert isinstance(first, Converged)
    assert isinstance(second, Failed)
    assert second.refused[SecretName("x")].reason == Reason.TARGET_TAKEN
    assert "another target of this vault, Secret web/a," in str(second.error)
    own, _ = table.naming.targets(vault)
    annotations = world.cluster.secrets[own.further("orders").place].part("annotation")
    assert json.loads(annotations[STATE_ANNOTATION])["own"] == "a"
    (again,) = app.resync(Resync("myapp-kv", "web/b", takeover=True))
    assert isinstance(again, Failed)


def test_the_command_line_tells_targets_apart() -> None:
    """Explain shows a row for each target, and wait waits for those that take the secret."""
    placed = Placed()
    placed.put("dev-a", "common-a")
    placed.resync()
    told = say(placed.app, "explain", "myapp-kv", "dev-a")
    assert "dev/web-dev/myapp" in told.out
    assert "prod/web/myapp" in told.out
    assert "it is of stage dev, not prd" in told.out
    assert say(placed.app, "wait", "myapp-kv", "dev-a").code == 0
    assert say(placed.app, "wait", "myapp-kv").code == 0
    one = say(placed.app, "explain", "myapp-kv", "--target", "web/myapp")
    assert "web-dev" not in one.out
    unknown = say(placed.app, "status", "myapp-kv", "--target", "web/x")
    assert unknown.code == 1
    assert "NoSuchTarget" in unknown.err
    many = say(placed.app, "adopt", "myapp-kv", "--yes")
    assert "name one by --target (web-dev/myapp, web/myapp)" in many.err
    assert say(placed.app, "adopt", "myapp-kv", "--yes", "--target", "web/myapp").code == 0


def test_the_doctor_examines_each_target() -> None:
    """Each target's Secret is examined, and what is about one target names it."""
    placed = Placed()
    placed.put("dev-a", "prod-a")
    placed.resync()
    access = Access(clock=placed.world.clock)
    doctor = Doctor(placed.app, placed.world.vaults, Login(), access)
    about = {check.about for check in doctor.examine(Resync("myapp-kv"))}
    assert {
        "vault myapp-kv",
        "vault myapp-kv (web-dev/myapp)",
        "vault myapp-kv (web/myapp)",
        "Secret web-dev/myapp in cluster dev",
        "Secret web/myapp in cluster prod",
    } <= about
    one = {check.about for check in doctor.examine(Resync("myapp-kv", "web/myapp"))}
    assert not any("web-dev" in each for each in one)
    assert "Secret web/myapp in cluster prod" in one


def test_a_large_table_costs_a_quiet_pass_one_list_a_vault_and_one_read_a_target() -> None:
    """500 placements of 100 vaults, in step: 100 lists, 500 reads, and nothing else."""
    table = settings(
        *(
            {
                "vault": f"kv-{vault:03}",
                "project": f"p{vault}",
                "stage": "dev",
                "namespace": f"n{number}",
                "secret": f"s{vault}",
            }
            for vault in range(100)
            for number in range(5)
        ),
        SYNC_STAGE_PREFIXES="none",
    )
    world = World.new()
    for vault in table.vaults:
        world.vaults.put(vault, "a", "a's value")
    world.clock.tick(100)
    app = app_of(world.reconciler, *table.vaults, naming=table.naming)
    first = list(app.resync_known())
    assert [type(outcome) for outcome in first] == [Converged] * 500
    before = len(world.wire.calls)
    assert len(list(app.resync_known())) == 500
    verbs = Counter(call.verb for call in world.wire.calls[before:])
    assert verbs == {"list": 100, "read": 500}


class Listing:
    """A vault that is slow to list, and counts how often it is."""

    def __init__(self, *answers: SyncError | None) -> None:
        world = World.new()
        self.world, self.answers = world, list(answers)
        world.vaults.put(world.vault, "a", "a's value")
        world.wire.before = self._answer
        self.shared = SharedListing(world.vaults, world.vault, world.clock)

    def _answer(self, _call: Call) -> None:
        time.sleep(0.05)
        if self.answers and (error := self.answers.pop(0)):
            raise error

    def ask(self, _number: int = 0) -> int | SyncError:
        """Return how many secrets are listed, or why none are."""
        try:
            return len(self.shared(self.world.deadline()))
        except SyncError as error:
            return error


def test_a_listing_is_shared_by_those_that_ask_at_once() -> None:
    """Eight targets at once list the vault once; seconds later it is listed anew."""
    listing = Listing()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(listing.ask, range(8))) == [1] * 8
    assert listing.world.wire.count("list") == 1
    listing.world.clock.tick(11)
    assert listing.ask() == 1
    assert listing.world.wire.count("list") == 2


def test_a_failed_listing_is_shared_unless_its_own_time_ended() -> None:
    """What the vault answers to one, all are told; that one had no time left is its own matter."""
    refused = Permanent(Reason.VAULT_FORBIDDEN, "No.")
    late = Transient(Reason.DEADLINE_EXCEEDED, "No time.")
    for error, again in ((refused, refused), (late, 1)):
        listing = Listing(error)
        assert listing.ask() is error
        assert listing.ask() == again
