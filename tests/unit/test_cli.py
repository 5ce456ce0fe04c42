"""The command line on an app in memory: what it prints where, and what its exit code says."""

import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
import yaml

from sync.app.requests import Resync
from sync.app.status import statuses
from sync.app.use_cases import App
from sync.app.work_queue import Reconcile
from sync.cli.documents import Document
from sync.cli.group import cli
from sync.cli.main import main
from sync.cli.screen import coloured
from sync.cli.sources import Fields
from sync.core.annotation import encode
from sync.core.changes import Action, Change
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import STATE_ANNOTATION, Actual, SecretName, Target
from sync.core.outcomes import Failed, LeftOut, Notice
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.core.state import Record, State
from sync.http_api.answers import Statuses
from sync.http_api.convert import outcomes_of, status_of
from sync.http_api.dataclass_json import to_json
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from sync.reconcile.reconciler import Reconciler, write_turns
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.apps import NAMING, app_of
from tests.kit.command_line import Said, say
from tests.kit.fakes import Clock, FakeCluster, FakeVaults, Wire, vault_name
from tests.kit.world import World
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SHOP, SHOP_2, BILLING = (
    "we-ds-akv-shop-prod-1",
    "we-ds-akv-shop-prod-2",
    "we-ds-akv-billing-dev-1",
)
VAULT = vault_name().text
VERSION = "0123456789abcdef0123456789abcdef"

IN_STEP = ReconcileResult((), 3, (), {})
CHANGED = ReconcileResult(
    (
        Change("api-key", Action.CREATE, VERSION),
        Change("db-password", Action.REPAIR, VERSION),
        Change("old-key", Action.REMOVE),
    ),
    2,
    ("db-password",),
    {},
)
REFUSED = Permanent(Reason.NAMESPACE_MISSING, "Namespace billing-dev is missing: create it.")
BUSY = Transient(Reason.CLUSTER_UNAVAILABLE, "The cluster did not answer: try again.")

RESYNC = """\
VAULT                    SECRET                                RESULT   KEYS
we-ds-akv-shop-prod-1    default/shop-prod/keyvault-project    changed  2
  create 1, repair 1, remove 1; expired: db-password
we-ds-akv-shop-prod-2    default/shop-prod/keyvault-2          in step  3
we-ds-akv-billing-dev-1  default/billing-dev/keyvault-project  failed   -
  NamespaceMissing

VAULT                  KEY          CHANGE  VERSION
we-ds-akv-shop-prod-1  api-key      create  0123456789abcdef0123456789abcdef
we-ds-akv-shop-prod-1  db-password  repair  0123456789abcdef0123456789abcdef
we-ds-akv-shop-prod-1  old-key      remove  -

VAULT                    NAME  REASON            WHY
we-ds-akv-billing-dev-1  -     NamespaceMissing  Namespace billing-dev is
                                                 missing: create it.

3 vaults: 1 changed, 1 failed, 1 in step
"""

STATUS = """\
VAULT                    SECRET                              STATE    KEYS
  WRITTEN               NOTES
we-ds-akv-shop-prod-1    default/shop-prod/keyvault-project  drifted  2
  2026-01-02 03:04:05Z  out of step: b
we-ds-akv-shop-prod-2    default/shop-prod/keyvault-2        empty    0
we-ds-akv-billing-dev-1  -                                   unknown  -
  -                     ClusterUnavailable

VAULT                    NAME  REASON              SINCE
we-ds-akv-billing-dev-1  -     ClusterUnavailable  -
  The cluster did not answer: try again.

3 vaults: 1 drifted, 1 empty, 1 unknown
"""

STATUS_OF_ONE = """\
VAULT                  SECRET                              STATE    KEYS
  WRITTEN               NOTES
we-ds-akv-shop-prod-1  default/shop-prod/keyvault-project  drifted  2
  2026-01-02 03:04:05Z  out of step: b

KEY  VERSION                           UPDATED               STATE
a    0123456789abcdef0123456789abcdef  2023-11-14 22:13:20Z  in step
b    0123456789abcdef0123456789abcdef  2023-11-14 22:13:20Z  out of step

1 vault: 1 drifted
"""

STATUS_OF_SEVERAL = """\
VAULT                  SECRET                             STATE    KEYS
  WRITTEN               NOTES
weu-ds-akv-shop-dev-1  default/shop-dev/keyvault-project  drifted  3
  2026-01-01 12:01:40Z  also: keyvault-project-web drifted; out of step:
                        keyvault-project-web/user; not ours:
                        keyvault-project-web/theirs

KEY                            VERSION  UPDATED               STATE
a                              v000001  2026-01-01 12:00:00Z  in step
keyvault-project-web/password  v000002  2026-01-01 12:06:40Z  in step
keyvault-project-web/user      v000002  2026-01-01 12:06:40Z  out of step

1 vault: 1 drifted
"""

EXPLAINED = """\
NAME      SECRET            KEYS   VERSION  STATE    WHY
in        keyvault-project  in     v000001  in step  -
left-out  -                 -      -        out      its tag k8s-sync is false
waits     keyvault-project  waits  -        waiting  it is new in the vault and not written yet
wrong     -                 -      -        failed   TagUnknown: Correct the tags of secret 'wrong'\
: 'k8s-foo' is no tag of this app. Known tags are k8s-sync, k8s-key, k8s-keys, k8s-expand, \
k8s-path, k8s-encoding, k8s-secret, k8s-type, k8s-trim, k8s-restart, k8s-label-NAME.

4 secrets: 1 failed, 1 in step, 1 out, 1 waiting
"""


@dataclass(frozen=True)
class Scripted:
    """Reconciles as the script says for each vault."""

    script: Mapping[str, ReconcileResult | SyncError]

    def __call__(
        self, work: ReconcileRequest, deadline: Deadline, fetchers: Executor
    ) -> ReconcileResult:
        """Look the vault up."""
        del deadline, fetchers
        told = self.script[work.target.vault.text]
        if isinstance(told, SyncError):
            raise told
        return told


class Secrets(FakeCluster):
    """The clusters' Secrets by vault; one that is an error cannot be read."""

    def __init__(self, actuals: Mapping[str, Actual | SyncError] = MappingProxyType({})) -> None:
        super().__init__(Wire())
        self._actuals = actuals

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Look the Secret up."""
        deadline.remaining()
        actual = self._actuals.get(target.vault.text)
        if isinstance(actual, SyncError):
            raise actual
        return actual


def app(reconcile: Reconcile, vaults: Iterable[str] = (), secrets: Secrets | None = None) -> App:
    """Build an app that knows these vaults."""
    cluster = secrets or Secrets()
    reconciler = Reconciler(FakeVaults(Clock(0.0), Wire()), cluster, lambda: 0.0)
    return app_of(reconciler, *map(NAMING.vault, vaults), reconcile=reconcile)


def scripted(**outcomes: ReconcileResult | SyncError) -> App:
    """Build an app whose vaults are those of the script, `shop` for SHOP and so on."""
    names = {"shop": SHOP, "shop_2": SHOP_2, "billing": BILLING}
    script = {names[name]: told for name, told in outcomes.items()}
    return app(Scripted(script), script)


def holding(vault: str, *keys: str, owned: Iterable[str] | None = None) -> Actual:
    """Make a Secret as the sync wrote it, of whose keys it still owns those that are named."""
    records = {
        SecretName(key): Record(VERSION, 1_700_000_000, settled=True, keys=(key,)) for key in keys
    }
    state = encode(State(vault, 1_767_323_045, records))
    return Actual(
        "7",
        "Opaque",
        immutable=False,
        data={key: PLANTED.encode() for key in keys},
        labels={},
        annotations={STATE_ANNOTATION: state},
        owned=frozenset(keys if owned is None else owned),
        owns_state=True,
    )


def test_a_resync_shows_vaults_then_changes_then_the_sum() -> None:
    """On a terminal each vault and each change has a row, and the columns are aligned."""
    said = say(scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED), "resync", "--all", width=80)
    assert said.out == RESYNC
    assert said.code == 1


def test_a_plan_speaks_of_what_is_to_do() -> None:
    """A plan calls a vault out of step, where a resync calls it changed."""
    said = say(scripted(shop=CHANGED, shop_2=IN_STEP), "plan", "--all")
    assert "out of step  2" in said.out
    assert said.out.endswith("\n2 vaults: 1 in step, 1 out of step\n")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_table_fits_the_terminal_with_whole_names(width: int) -> None:
    """No line is wider than the terminal; names stay whole, and only versions are shortened."""
    wide = say(scripted(shop=CHANGED, billing=REFUSED), "resync", "--all", width=500).out
    fitted = say(scripted(shop=CHANGED, billing=REFUSED), "resync", "--all", width=width).out
    assert max(map(len, fitted.splitlines())) <= width
    told = {*wide.replace(VERSION, VERSION[:8]).split()} - {"NOTES", "WHY"}
    assert {*fitted.replace(VERSION, VERSION[:8]).split()} - {"NOTES", "WHY"} == told


def test_a_narrow_terminal_still_gets_whole_names() -> None:
    """Where not even a name fits, the terminal folds it: it is printed whole."""
    said = say(scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED), "plan", "--all", width=1)
    assert "3 vaults:" in said.out
    assert "default/shop-prod/keyvault-project" in said.out


def test_a_table_in_a_pipe_has_one_line_a_row() -> None:
    """Nothing is folded, shortened or coloured where no terminal is."""
    lines = say(scripted(shop=CHANGED, billing=REFUSED), "resync", "--all").out.splitlines()
    (row,) = (line for line in lines if line.startswith(SHOP) and "default/" in line)
    assert row.endswith("create 1, repair 1, remove 1; expired: db-password")
    assert len([line for line in lines if VERSION in line]) == 2
    assert lines[-3].endswith("NamespaceMissing  Namespace billing-dev is missing: create it.")


def test_a_status_shows_each_secret_by_its_own_word() -> None:
    """On a terminal a status has a row a vault: how it stands, since when, and what is off."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a"), BILLING: BUSY})
    said = say(app(Scripted({}), [SHOP, SHOP_2, BILLING], secrets), "status", width=80)
    assert said.out == STATUS


def test_the_status_of_a_named_vault_shows_its_keys() -> None:
    """A vault that is asked for by name has a row a key."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a")})
    said = say(app(Scripted({}), [], secrets), "status", SHOP.upper(), width=80)
    assert said.out == STATUS_OF_ONE


def test_other_secrets_of_a_vault_are_told_with_its_own() -> None:
    """A status counts the keys of all of them, and tells which is how; a key has its Secret."""
    world = World.in_step("a")
    tags = {"k8s-secret": "web", "k8s-expand": "json"}
    world.vaults.put(world.vault, "db", '{"user": "1", "password": "2"}', tags=tags)
    world.clock.tick(100)
    world.sweep()
    web = world.target.further("keyvault-project-web")
    world.cluster.edit(web, {("data", "user"): b"x", ("data", "theirs"): b"y"})
    assert (
        say(app_of(world.reconciler), "status", world.vault.text, width=80).out == STATUS_OF_SEVERAL
    )


def test_a_key_has_a_row_for_the_one_that_holds_it() -> None:
    """Of two vault secrets for one key the one that has it is shown, and the Secret has drifted."""
    world = World.in_step("a")
    world.put("b", "x", key="a")
    world.sweep()
    shown = say(app_of(world.reconciler), "status", world.vault.text).out
    rows = [line.split() for line in shown.splitlines() if line.startswith("a ")]
    assert [(row[1], " ".join(row[4:])) for row in rows] == [("v000001", "in step")]
    assert "drifted" in shown


@pytest.mark.parametrize("command", ["status", "explain"])
def test_a_secret_that_other_settings_wrote_is_told(command: str) -> None:
    """Both tables have the reason and what to do, and the exit code says that something waits."""
    world = World.in_step("a")
    styled = replace(world.reconciler, rules=Rules(style=KeyStyle.ENV))
    said = say(app_of(styled, world.vault), command, world.vault.text)
    assert said.code == 2
    assert "SettingsDiffer" in said.out
    assert f"Secret {world.target} was last written with other settings" in said.out
    assert say(app_of(world.reconciler, world.vault), command, world.vault.text).code == 0


def test_a_change_in_another_secret_is_told_with_it() -> None:
    """The table of changes says which Secret a key is of, where it is not the vault's own."""
    done = ReconcileResult((Change("tls.crt", Action.CREATE, VERSION, secret="web"),), 1, (), {})
    assert "web/tls.crt  create" in say(scripted(shop=done), "resync", SHOP).out


_ODD = (
    Notice(Reason.SETTINGS_DIFFER, "It is odd.", "a-b"),
    Notice(Reason.SETTINGS_DIFFER, "All is odd."),
)


def test_warnings_are_shown_and_counted() -> None:
    """What is odd of a vault that converged is no failure: shown, counted, exit 0."""
    odd = ReconcileResult((), 3, (), {}, _ODD)
    said = say(scripted(shop=odd), "resync", SHOP)
    assert f"{SHOP}  a-b   warning SettingsDiffer  It is odd." in said.out
    assert "2 warnings\n" in said.out
    assert said.code == 0
    told = say(scripted(shop=odd), "resync", SHOP, "-o", "json").err
    assert told.endswith(
        f"{SHOP}/a-b: warning SettingsDiffer: It is odd.\n"
        f"{SHOP}: warning SettingsDiffer: All is odd.\n"
    )


def test_a_plan_shows_what_is_left_out_and_why() -> None:
    """It is no failure and no drift: a row for each, a number in the notes, and exit code 0."""
    out = (LeftOut(SecretName("prod-a"), "it is of stage prod"), LeftOut(SecretName("x"), "off"))
    done = ReconcileResult((), 3, (), {}, (), out)
    said = say(scripted(shop=done), "plan", SHOP)
    assert f"VAULT{' ' * (len(SHOP) - 3)}LEFT OUT  WHY" in said.out
    assert f"{SHOP}  prod-a    it is of stage prod\n" in said.out
    assert f"{SHOP}  x         off\n" in said.out
    assert "2 left out\n" in said.out
    assert said.code == 0


@dataclass(frozen=True)
class Explaining:
    """A vault with a secret of each kind, and the app that explains it."""

    world: World

    @classmethod
    def prepared(cls) -> "Explaining":
        """Make one in step, one on its way, one out and one failed."""
        world = World.in_step("in")
        for name, tags in (
            ("waits", {}),
            ("left-out", {"k8s-sync": "false"}),
            ("wrong", {"k8s-foo": "x"}),
        ):
            world.vaults.put(world.vault, name, PLANTED, tags=tags)
        return cls(world)

    def say(self, *argv: str) -> Said:
        """Explain."""
        said = say(app_of(self.world.reconciler), "explain", self.world.vault.text, *argv)
        assert leaks(said.out + said.err) == []
        return said


def test_an_explanation_has_a_row_a_secret() -> None:
    """Each secret with its place and why; what failed is told on stderr to who reads no table."""
    explaining = Explaining.prepared()
    said = explaining.say()
    assert said.out == EXPLAINED
    assert said.code == 1
    assert said.err == ""
    told = explaining.say("-o", "name")
    assert told.out.split() == ["in", "left-out", "waits", "wrong"]
    assert told.err.startswith(f"{VAULT}/wrong: TagUnknown: Correct the tags of secret 'wrong'")
    assert "STATE    TYPE    WHY" in explaining.say("--wide").out


@pytest.mark.parametrize(("name", "code"), [("IN", 0), ("waits", 2), ("left-out", 0), ("wrong", 1)])
def test_one_secret_can_be_explained(name: str, code: int) -> None:
    """A secret is named in any case, and the exit code is of that one alone."""
    said = Explaining.prepared().say(name, "-o", "json")
    assert said.code == code
    told = json.loads(said.out)
    assert told["vault"] == VAULT
    assert [each["name"] for each in told["secrets"]] == [name.lower()]


def test_what_cannot_be_explained_is_an_error() -> None:
    """A secret that is not there and a vault that does not answer are told as by any command."""
    explaining = Explaining.prepared()
    said = explaining.say("nosuch", "-o", "json")
    assert (said.code, json.loads(said.out)["reason"]) == (1, "NoSuchSecret")
    explaining.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "Wait."))
    said = explaining.say()
    assert (said.code, said.out) == (1, "")
    assert said.err == "keyvault-sync: VaultThrottled: Wait.\n"


def test_outcomes_without_a_target_have_a_row_too() -> None:
    """A vault that leads nowhere shows why and no Secret; so does a search that failed."""
    failed: Document = json.loads(json.dumps(to_json(outcomes_of((Failed(SHOP, REFUSED),)))))
    said = say(lambda *_: failed, "plan", SHOP)
    assert (
        said.out.splitlines()[1] == "we-ds-akv-shop-prod-1  -       failed  -     NamespaceMissing"
    )
    assert said.code == 1


def test_a_long_list_of_keys_is_summed_up_in_the_notes() -> None:
    """A note names a few keys and counts the rest."""
    keys = [f"key-{number}" for number in range(8)]
    secrets = Secrets({SHOP: holding(SHOP, *keys, owned=())})
    said = say(app(Scripted({}), [SHOP], secrets), "status")
    assert "out of step: key-0, key-1, key-2, key-3, key-4 and 3 more" in said.out
    assert (
        "key-4, key-5, key-6, key-7"
        in say(app(Scripted({}), [SHOP], secrets), "status", "-o", "wide").out
    )


@pytest.mark.parametrize(
    ("given", "resync", "plan"),
    [
        ((IN_STEP, IN_STEP), 0, 0),
        ((IN_STEP, CHANGED), 0, 2),
        ((CHANGED, CHANGED), 0, 2),
        ((IN_STEP, REFUSED), 1, 1),
        ((CHANGED, REFUSED), 1, 1),
        ((BUSY, CHANGED), 1, 1),
    ],
)
@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "name"])
@pytest.mark.parametrize("width", [None, 80])
def test_the_exit_code_of_a_resync_and_of_a_plan(
    given: tuple[ReconcileResult | SyncError, ReconcileResult | SyncError],
    resync: int,
    plan: int,
    output: str,
    width: int | None,
) -> None:
    """A failure wins over drift, and drift is told of by plan only, whatever the output."""
    shown = scripted(shop=given[0], billing=given[1])
    how = ("--all", "-o", output)
    assert say(shown, "resync", *how, width=width).code == resync
    assert say(shown, "plan", *how, width=width).code == plan
    assert say(shown, "resync", *how, "--dry-run", width=width).code == plan


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        (holding(SHOP, "a"), 0),
        (holding(SHOP, "a", owned=()), 2),
        (holding(SHOP_2, "a"), 2),
        (None, 0),
        (BUSY, 1),
    ],
    ids=["converged", "drifted", "of another vault", "empty", "unreadable"],
)
def test_the_exit_code_of_a_status(secret: Actual | SyncError | None, code: int) -> None:
    """Only a Secret that is there, ours and untouched is in step."""
    secrets = Secrets({SHOP: secret} if secret else {})
    assert say(app(Scripted({}), [SHOP], secrets), "status").code == code


def test_json_is_that_of_the_routes() -> None:
    """-o json prints the report's document, one line, and nothing else."""
    given = scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED)
    said = say(given, "resync", "--all", "-o", "json")
    assert said.out == json.dumps(to_json(outcomes_of(given.resync(Resync())))) + "\n"
    planned = say(given, "plan", "--all", "-o", "json")
    wanted = to_json(outcomes_of(given.resync(Resync(dry_run=True))))
    assert planned.out == json.dumps(wanted) + "\n"


def test_json_of_a_status_is_that_of_the_route() -> None:
    """A status is the same document over HTTP and on the command line."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a"), BILLING: BUSY})
    given = app(Scripted({}), [SHOP, SHOP_2, BILLING], secrets)
    said = say(given, "status", "-o", "json")
    wanted = Statuses(tuple(map(status_of, statuses(given, given.select(Resync())))))
    assert said.out == json.dumps(to_json(wanted)) + "\n"
    assert said.out.count("\n") == 1


def test_failures_are_told_on_stderr_with_what_to_do() -> None:
    """Beside JSON each failure has a line with its vault, its reason and its remedy."""
    line = f"{BILLING}: NamespaceMissing: Namespace billing-dev is missing: create it.\n"
    given = scripted(shop=IN_STEP, billing=REFUSED)
    assert say(given, "resync", "--all", "-o", "json").err == line
    unreadable = app(Scripted({}), [BILLING], Secrets({BILLING: REFUSED}))
    assert say(unreadable, "status", "-o", "json").err == line


def test_progress_is_one_line_on_stderr_that_goes_away() -> None:
    """Progress overwrites itself, ends blank, and is not in what was asked for."""
    said = say(scripted(shop=IN_STEP, billing=IN_STEP), "resync", "--all", width=80)
    blank = " " * len("2/2 vaults...")
    assert said.err == f"\r1/2 vaults...\r2/2 vaults...\r{blank}\r"
    assert "\r" not in said.out
    assert "..." not in said.out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("resync", "not-a-vault"), "VaultNameOffPattern"),
        (("plan", "--project", "nobody", "--stage", "prod"), "NoSuchProject"),
        (("status", "--project", "nobody", "--stage", "prod"), "NoSuchProject"),
        (("status", "not-a-vault"), "VaultNameOffPattern"),
        (("explain", "not-a-vault"), "VaultNameOffPattern"),
    ],
)
def test_what_is_not_known_is_refused(argv: tuple[str, ...], reason: str) -> None:
    """A choice that means no vault fails, in words on stderr and as JSON if that is asked for."""
    given = scripted(shop=IN_STEP)
    piped = say(given, *argv, "-o", "json")
    assert piped.code == 1
    assert json.loads(piped.out)["reason"] == reason
    shown = say(given, *argv)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith(f"keyvault-sync: {reason}: ")


@pytest.mark.parametrize("argv", [("resync", "--all"), ("plan", "--all"), ("status",)])
def test_no_vaults_are_not_a_success(argv: tuple[str, ...]) -> None:
    """With no vault configured, all of them is an error that names the setting."""
    said = say(app(Scripted({})), *argv)
    assert said.code == 1
    assert "SYNC_VAULTS" in said.err


def test_a_project_and_stage_choose_their_vaults() -> None:
    """Only the vaults of that project and stage are looked at, whatever the case."""
    given = scripted(shop=IN_STEP, shop_2=IN_STEP, billing=REFUSED)
    said = say(given, "resync", "--project", "SHOP", "--stage", "Prod", "-o", "json")
    assert [told["vault"] for told in json.loads(said.out)["outcomes"]] == [SHOP, SHOP_2]


@pytest.mark.parametrize(
    ("argv", "route", "fields"),
    [
        (("resync", SHOP), "resync", {"vault": SHOP}),
        (("resync", "--all", "--removals"), "resync", {"all": True, "removals": True}),
        (
            ("plan", "--all", "--takeover", "--refetch"),
            "plan",
            {"all": True, "takeover": True, "refetch": True},
        ),
        (
            ("resync", SHOP, "--takeover-from", "old-vault"),
            "resync",
            {"vault": SHOP, "takeover_from": "old-vault"},
        ),
        (
            ("plan", SHOP, "--takeover-from", "old-vault"),
            "plan",
            {"vault": SHOP, "takeover_from": "old-vault"},
        ),
        (("resync", SHOP, "--dry-run"), "resync", {"vault": SHOP, "dry_run": True}),
        (("plan", SHOP, "--secret", "a-b"), "plan", {"vault": SHOP, "secret": "a-b"}),
        (("plan", "--project=p", "--stage=s"), "plan", {"project": "p", "stage": "s"}),
        (("status",), "status", {}),
        (("status", "--all"), "status", {}),
        (("status", SHOP), "status", {"vault": SHOP}),
        (("doctor",), "doctor", {}),
        (("doctor", "--project=p", "--stage=s"), "doctor", {"project": "p", "stage": "s"}),
        (("explain", SHOP), "explain", {"vault": SHOP}),
        (("explain", SHOP, "a-b"), "explain", {"vault": SHOP, "secret": "a-b"}),
    ],
)
def test_arguments_are_the_request_of_the_route(
    argv: tuple[str, ...], route: str, fields: Fields
) -> None:
    """A command line asks for just what the JSON or the query of the same names asks for."""
    asked: list[tuple[str, Fields]] = []

    def answer(route: str, fields: Fields) -> Document:
        asked.append((route, fields))
        return {"outcomes": [], "vaults": [], "secrets": [], "checks": []}

    assert say(answer, *argv).code == 0
    assert asked == [(route, fields)]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "Commands:"),
        (("resnc",), "Did you mean 'resync'?"),
        (("help", "resnc"), "Did you mean 'resync'?"),
        (("resync",), "one of VAULT, --project with --stage, or --all"),
        (("plan",), "one of VAULT, --project with --stage, or --all"),
        (("resync", SHOP, "--all"), "one of VAULT, --project with --stage, or --all"),
        (("status", SHOP, "--stage", "prod"), "one of VAULT"),
        (("plan", "--project", "shop"), "--project and --stage go together"),
        (("plan", "--project", " ", "--stage", "prod"), "'--project': it is empty"),
        (("plan", ""), "'[VAULT]': it is empty"),
        (("plan", "--all", "--secret", "../x"), "no Key Vault secret name"),
        (("status", "--removals"), "No such option '--removals'"),
        (("resync", "--all", "--removal"), "Did you mean '--removals'?"),
        (("resync", "--all", "--force"), "No such option '--force'"),
        (("resync", "--all", "--takeover-from", "old-vault"), "takeover_from is for one vault"),
        (("explain",), "VAULT"),
        (("explain", SHOP, "../x"), "no Key Vault secret name"),
        (("explain", "--all"), "No such option"),
        (("plan", "--al"), "No such option '--al'"),
        (("plan", "--all", "--dry-run"), "No such option '--dry-run'"),
        (("plan", "--all", "--json"), "No such option '--json'"),
        (("plan", "--all", "-o", "xml"), "'xml' is not one of"),
        (("plan", "--all", "--key", "k"), "No such option '--key'"),
        (("adopt",), "VAULT"),
        (("adopt", "--all"), "No such option"),
        (("wait",), "VAULT"),
        (("doctor", "--takeover"), "No such option '--takeover'"),
    ],
)
def test_a_wrong_command_line_is_a_failure_and_no_drift(
    argv: tuple[str, ...], message: str
) -> None:
    """A usage error exits 1, since 2 means out of step, and says what is wrong on stderr."""
    said = say(app(Scripted({})), *argv)
    assert said.code == 1
    assert said.out == ""
    assert message in said.err
    assert "--help" in said.err


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "name"])
@pytest.mark.parametrize(
    "argv", [("plan", "--all"), ("resync", "--all"), ("status", VAULT), ("plan", VAULT)]
)
def test_no_value_is_ever_shown(argv: tuple[str, ...], output: str) -> None:
    """The real reconcile over planted values leaves none of them on either stream."""
    world = World.new()
    world.put("db-password", PLANTED)
    world.settle()
    world.put("db-password", f"{PLANTED} two")
    world.cluster.edit(world.target, {("data", "db-password"): f"{PLANTED} three".encode()})
    rival = world.rival()
    rival.put("a", PLANTED)
    said = say(app_of(world.reconciler, world.vault, rival.vault), *argv, "-o", output)
    assert VAULT in said.out
    assert leaks(said.out + said.err) == []


def test_the_commands_fit_together() -> None:
    """A plan shows what a resync then writes, after which plan and status are in step."""
    world = World.new()
    world.put("db-password", PLANTED)
    given = app_of(replace(world.reconciler, turns=write_turns), world.vault)
    assert say(given, "status").code == 2
    assert say(given, "plan", "--all").code == 2
    assert world.cluster.secrets == {}
    assert say(given, "resync", "--all").code == 0
    assert say(given, "plan", "--all").code == 0
    assert say(given, "status").code == 0


def test_a_yaml_answer_is_the_same_document() -> None:
    """-o yaml has what -o json has."""
    given = scripted(shop=CHANGED, billing=REFUSED)
    as_yaml = yaml.safe_load(say(given, "plan", "--all", "-o", "yaml").out)
    assert as_yaml == json.loads(say(given, "plan", "--all", "-o", "json").out)


@pytest.mark.parametrize("name", [*cli.commands])
def test_help_says_the_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that asks lists the exit codes; `help` shows what --help shows."""
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    if name not in {"help", "completion"}:
        assert "exit codes:\n    0  " in told
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == told


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """--version needs no command and no settings."""
    assert main(["--version"]) == 0
    assert re.fullmatch(r"keyvault-sync \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize("where", ["before", "after"])
def test_shared_options_stand_before_or_after_the_command(where: str) -> None:
    """The options of all commands mean the same on either side of it."""
    shared = ("-o", "name")
    argv = (*shared, "plan", "--all") if where == "before" else ("plan", "--all", *shared)
    assert say(scripted(shop=IN_STEP), *argv).out == f"{SHOP}\n"


HOSTILE = "x\x1b]0;owned\x07\u202e\nrow"


@pytest.mark.parametrize("width", [None, 80])
def test_names_move_no_terminal(width: int | None) -> None:
    """What a terminal would obey is replaced, in tables, names and messages."""
    refused = {"secret": HOSTILE, "reason": "TagWrong", "message": HOSTILE, "transient": False}
    outcome = {"vault": HOSTILE, "outcome": "failed", "message": HOSTILE, "refused": [refused]}
    check = {"about": HOSTILE, "id": HOSTILE, "result": "failed", "remedy": HOSTILE}

    def answer(*_: object) -> Document:
        return {"outcomes": [outcome], "checks": [{**check, "sentence": HOSTILE}]}

    for command in ("plan", "doctor"):
        for output in ("table", "wide", "name"):
            said = say(answer, command, "--all", "-o", output, width=width)
            assert (said.out + said.err).replace("\n", "").replace("\r", "").isprintable()
            assert "x?]0;owned?? row" in said.out


def test_a_removal_says_what_goes_and_why() -> None:
    """Each key that goes has its version, its time and the reason."""
    change = {
        "key": "old",
        "action": "remove",
        "version": VERSION,
        "why": "the vault has it no more",
        "updated": "2026-01-02T03:04:05+00:00",
    }
    outcome = {"vault": SHOP, "outcome": "planned", "changes": [change], "keys": 1}
    said = say(lambda *_: {"outcomes": [outcome]}, "plan", SHOP)
    assert said.code == 2
    told = f"old  remove  {VERSION}  the vault has it no more; of 2026-01-02 03:04:05Z"
    assert told in said.out


def test_each_refused_secret_is_shown_with_its_reason() -> None:
    """Of several refused secrets each has its row, and a vault with one is not in step."""
    refused = [
        {"secret": "a", "reason": "TagWrong", "message": "Mend a.", "transient": False},
        {"secret": "b", "reason": "ValueTooLarge", "message": "Shrink b.", "transient": False},
    ]
    outcome = {"vault": SHOP, "outcome": "converged", "changes": [], "keys": 1, "refused": refused}
    said = say(lambda *_: {"outcomes": [outcome]}, "resync", SHOP)
    assert said.code == 1
    assert f"{SHOP}  a     TagWrong       Mend a." in said.out
    assert f"{SHOP}  b     ValueTooLarge  Shrink b." in said.out
    assert "failed  1     2 refused secrets" in said.out


def test_a_status_shows_what_is_refused_since_when_and_what_failed() -> None:
    """The annotation's refusals and a vault's last failure have rows; then it is not in step."""
    refused = {"secret": "a", "reason": "TagWrong", "since": "2026-01-02T03:04:05+00:00"}
    status = {
        "vault": SHOP,
        "state": "converged",
        "secrets": [],
        "refused": [refused],
        "unnamed": 3,
        "failure": {"reason": "VaultForbidden", "since": "2026-01-02T03:00:00+00:00"},
        "due": "2026-01-02T03:10:00+00:00",
    }
    said = say(lambda *_: {"vaults": [status]}, "status")
    assert said.code == 1
    rows = [line.split() for line in said.out.splitlines()]
    assert [SHOP, "a", "TagWrong", "2026-01-02", "03:04:05Z"] in [row[:5] for row in rows]
    assert [SHOP, "-", "VaultForbidden", "2026-01-02", "03:00:00Z"] in [row[:5] for row in rows]
    assert "3 more are refused" in said.out
    assert "due 2026-01-02 03:10:00Z" in said.out


def test_what_waits_says_when_the_timer_tries() -> None:
    """No WHY is blank: a secret on its way says when its turn comes, or what writes it."""
    secrets = [
        {"name": "a", "state": "waiting", "due": "2026-01-02T03:10:00+00:00"},
        {"name": "b", "state": "waiting", "reason": "its key is taken"},
        {"name": "c", "state": "waiting"},
        {
            "name": "d",
            "state": "failed",
            "reason": "VaultThrottled",
            "message": "Wait.",
            "due": "2026-01-02T03:10:00+00:00",
        },
    ]
    said = say(lambda *_: {"vault": SHOP, "secrets": secrets}, "explain", SHOP)
    assert said.code == 1
    heading, *lines = said.out.splitlines()
    whys = [line[heading.index("WHY") :] for line in lines[:4]]
    assert whys == [
        "it is not written yet; the timer tries at 2026-01-02 03:10:00Z",
        "its key is taken",
        "it is not written yet: resync writes it",
        "VaultThrottled: Wait. The timer tries at 2026-01-02 03:10:00Z.",
    ]


def test_restarts_are_rows_and_complaints() -> None:
    """What was not restarted is said to whoever reads no table; the exit code stays the sync's."""
    where = {"cluster": "default", "namespace": "shop-dev", "keys": ["orders/a"]}
    web = {**where, "kind": "Deployment", "name": "web", "restarted": True}
    api = {**web, "name": "api", "restarted": False, "reason": "WorkloadPaused", "message": "Wait."}
    unlisted = {**where, "kind": None, "name": None, "keys": [], "reason": "WorkloadsForbidden"}

    def given(*_: object) -> Document:
        restarts = [web, api, {**unlisted, "message": "No."}]
        return {"outcomes": [{"vault": SHOP, "outcome": "converged"}], "restarts": restarts}

    said = say(given, "resync", SHOP)
    assert said.code == 0
    assert [line.split() for line in said.out.splitlines() if line.startswith("shop-dev")] == [
        ["shop-dev", "Deployment/web", "restarted", "orders/a", "-"],
        ["shop-dev", "Deployment/api", "WorkloadPaused", "orders/a", "Wait."],
        ["shop-dev", "-", "WorkloadsForbidden", "-", "No."],
    ]
    said = say(given, "resync", SHOP, "-o", "json")
    assert said.err.splitlines() == [
        "shop-dev: WorkloadPaused: Wait.",
        "shop-dev: WorkloadsForbidden: No.",
    ]


def test_readers_are_rows() -> None:
    """Which workloads read a key, whether they are restarted for it, and what they run with."""
    reader = {"kind": "Deployment", "secret": "orders", "key": "a", "restarts": True}
    at = "2026-01-02T03:10:00+00:00"
    readers = [
        {**reader, "name": "web", "changed": at, "running": at, "current": True},
        {**reader, "name": "api", "changed": at, "running": at, "current": False},
        {**reader, "name": "job", "restarts": False, "changed": None, "current": None},
    ]
    secrets = [{"name": "a", "state": "in step", "readers": readers}]
    said = say(lambda *_: {"vault": SHOP, "secrets": secrets}, "explain", SHOP)
    rows = [re.split(r"  +", line) for line in said.out.splitlines() if "orders/a" in line]
    assert rows == [
        ["a", "orders/a", "Deployment/web", "yes", "2026-01-02 03:10:00Z", "this change"],
        ["a", "orders/a", "Deployment/api", "yes", "2026-01-02 03:10:00Z", "an older one"],
        ["a", "orders/a", "Deployment/job", "no", "not counted", "not known"],
    ]


@pytest.mark.parametrize(
    ("environment", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals(
    environment: dict[str, str], *, terminal: bool, colour: bool
) -> None:
    """A non-empty NO_COLOR wins over FORCE_COLOR, which wins over the missing terminal."""
    assert coloured(environment, terminal=terminal) is colour


def test_colours_change_no_character() -> None:
    """Without its escapes a coloured table is the plain one; each state has its colour."""
    given = scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED)
    plain = say(given, "plan", "--all", width=80).out
    painted = say(given, "plan", "--all", width=80, colour=True).out
    assert re.sub("\x1b\\[[0-9]+m", "", painted) == plain
    assert "\x1b[31mfailed" in painted
    assert "\x1b[33mout of step" in painted
    assert "\x1b[32min step" in painted
