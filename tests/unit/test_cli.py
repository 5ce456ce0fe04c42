"""The command line on an app in memory: what it prints where, and what its exit code says."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest

from sync.app.requests import Resync
from sync.app.status import statuses
from sync.app.use_cases import App
from sync.app.work_queue import Reconcile
from sync.cli.arguments import parse
from sync.cli.commands import main, run
from sync.cli.screen import Screen
from sync.cli.tables import outcomes_text
from sync.core.annotation import Record, State, encode
from sync.core.errors import NotOurs, Permanent, SyncError, Transient
from sync.core.model import (
    STATE_ANNOTATION,
    Action,
    Actual,
    Change,
    Failed,
    Ignored,
    SecretName,
    Target,
)
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.http_api.answers import Statuses
from sync.http_api.convert import outcomes_of, status_of
from sync.http_api.dataclass_json import to_json
from sync.reconcile.reconciler import Reconciler, write_turns
from sync.reconcile.request import ReconcileRequest, ReconcileResult
from tests.kit.apps import NAMING, app_of
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
VAULT                    SECRET                                RESULT   KEYS  NOTES
we-ds-akv-shop-prod-1    default/shop-prod/keyvault-project    changed  2     create 1, repair 1,
                                                                              remove 1; expired: db-
                                                                              password
we-ds-akv-shop-prod-2    default/shop-prod/keyvault-2          in step  3
we-ds-akv-billing-dev-1  default/billing-dev/keyvault-project  failed   -     NamespaceMissing

VAULT                  KEY          CHANGE  VERSION
we-ds-akv-shop-prod-1  api-key      create  0123456789abcdef0123456789abcdef
we-ds-akv-shop-prod-1  db-password  repair  0123456789abcdef0123456789abcdef
we-ds-akv-shop-prod-1  old-key      remove  -

3 vaults: 1 changed, 1 failed, 1 in step
"""

STATUS = """\
VAULT                 SECRET                 STATE    KEYS  WRITTEN               NOTES
we-ds-akv-shop-       default/shop-          drifted  2     2026-01-02 03:04:05Z  out of step: b
prod-1                prod/keyvault-project
we-ds-akv-shop-       default/shop-          absent   0     -
prod-2                prod/keyvault-2
we-ds-akv-billing-    -                      unknown  -     -                     ClusterUnavailable
dev-1

3 vaults: 1 absent, 1 drifted, 1 unknown
"""

STATUS_OF_ONE = """\
VAULT                  SECRET                    STATE    KEYS  WRITTEN               NOTES
we-ds-akv-shop-prod-1  default/shop-             drifted  2     2026-01-02 03:04:05Z  out of step: b
                       prod/keyvault-project

KEY  VERSION                           UPDATED               STATE
a    0123456789abcdef0123456789abcdef  2023-11-14 22:13:20Z  in step
b    0123456789abcdef0123456789abcdef  2023-11-14 22:13:20Z  out of step

1 vault: 1 drifted
"""

STATUS_OF_SEVERAL = """\
VAULT                SECRET                STATE    KEYS  WRITTEN               NOTES
weu-ds-akv-shop-     default/shop-         drifted  3     2026-01-01 12:01:40Z  also: keyvault-
dev-1                dev/keyvault-project                                       project-web drifted;
                                                                                out of step:
                                                                                keyvault-project-
                                                                                web/user; not ours:
                                                                                keyvault-project-
                                                                                web/theirs

KEY                            VERSION  UPDATED               STATE
a                              v000001  2026-01-01 12:00:00Z  in step
keyvault-project-web/password  v000002  2026-01-01 12:06:40Z  in step
keyvault-project-web/user      v000002  2026-01-01 12:06:40Z  out of step

1 vault: 1 drifted
"""

EXPLAINED = """\
NAME      SECRET            KEYS   VERSION  STATE    WHY
in        keyvault-project  in     v000001  in step
left-out  -                 -      -        out      its tag k8s-sync is false
waits     keyvault-project  waits  -        waiting
wrong     -                 -      -        failed   TagUnknown

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


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


def say(given: App, *argv: str, width: int = 120, tables: bool = True) -> Said:
    """Run a command on an app, on a terminal of that width or into a pipe."""
    out, err = io.StringIO(), io.StringIO()
    code = run(given, parse(argv), Screen(out, err, width, tables, progress=tables))
    return Said(code, out.getvalue(), err.getvalue())


def test_a_resync_shows_vaults_then_changes_then_the_sum() -> None:
    """On a terminal each vault and each change has a row, and the columns are aligned."""
    said = say(
        scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED), "resync", "--all", width=100
    )
    assert said.out == RESYNC
    assert said.code == 1


def test_a_plan_speaks_of_what_is_to_do() -> None:
    """A plan calls a vault out of step, where a resync calls it changed."""
    said = say(scripted(shop=CHANGED, shop_2=IN_STEP), "plan", "--all")
    assert "out of step  2" in said.out
    assert said.out.endswith("\n2 vaults: 1 in step, 1 out of step\n")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_what_is_too_wide_is_folded_and_nothing_is_cut(width: int) -> None:
    """No line is wider than the terminal, and the folds hold all characters."""
    wide = say(scripted(shop=CHANGED), "resync", "--all", width=500).out
    folded = say(scripted(shop=CHANGED), "resync", "--all", width=width).out
    assert max(map(len, folded.splitlines())) <= width
    assert sorted("".join(folded.split())) == sorted("".join(wide.split()))


def test_a_narrow_terminal_still_gets_a_table() -> None:
    """Where not even the narrowest columns fit, the table is as narrow as it can be."""
    assert (
        "3 vaults:"
        in say(
            scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED), "plan", "--all", width=1
        ).out
    )


def test_a_status_shows_each_secret_by_its_own_word() -> None:
    """On a terminal a status has a row a vault: how it stands, since when, and what is off."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a"), BILLING: BUSY})
    said = say(app(Scripted({}), [SHOP, SHOP_2, BILLING], secrets), "status", width=100)
    assert said.out == STATUS


def test_the_status_of_a_named_vault_shows_its_keys() -> None:
    """A vault that is asked for by name has a row a key."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a")})
    said = say(app(Scripted({}), [], secrets), "status", SHOP.upper(), width=100)
    assert said.out == STATUS_OF_ONE


def test_other_secrets_of_a_vault_are_told_with_its_own() -> None:
    """A status counts the keys of all of them, and tells which is how; a key has its Secret."""
    world = World.in_step("a")
    tags = {"k8s-secret": "web", "k8s-expand": "json"}
    world.vaults.put(world.vault, "db", '{"user": "1", "password": "2"}', tags=tags)
    world.clock.tick(100)
    world.sweep()
    web = replace(world.target, secret="keyvault-project-web")
    world.cluster.edit(web, {("data", "user"): b"x", ("data", "theirs"): b"y"})
    assert (
        say(app_of(world.reconciler), "status", world.vault.text, width=100).out
        == STATUS_OF_SEVERAL
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


def test_a_change_in_another_secret_is_told_with_it() -> None:
    """The table of changes says which Secret a key is of, where it is not the vault's own."""
    done = ReconcileResult((Change("tls.crt", Action.CREATE, VERSION, secret="web"),), 1, (), {})
    assert "web/tls.crt  create" in say(scripted(shop=done), "resync", SHOP).out


def test_warnings_are_told_on_stderr_and_counted() -> None:
    """What is odd of a vault that converged is no failure: told, counted, exit 0."""
    odd = ReconcileResult((), 3, (), {}, ("Key 'a-b' is odd.", "Key 'c-d' is odd."))
    said = say(scripted(shop=odd), "resync", SHOP)
    assert said.err.endswith(f"{SHOP}: Key 'a-b' is odd.\n{SHOP}: Key 'c-d' is odd.\n")
    assert "2 warnings\n" in said.out
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

    def say(self, *argv: str, tables: bool = True) -> Said:
        """Explain."""
        given = app_of(self.world.reconciler)
        said = say(given, "explain", self.world.vault.text, *argv, width=100, tables=tables)
        assert leaks(said.out + said.err) == []
        return said


def test_an_explanation_has_a_row_a_secret() -> None:
    """Each secret with its place and why; what failed is told in words on stderr."""
    said = Explaining.prepared().say()
    assert said.out == EXPLAINED
    assert said.err.startswith(f"{VAULT}/wrong: TagUnknown: Correct the tags of secret 'wrong'")
    assert said.code == 1


@pytest.mark.parametrize(("name", "code"), [("IN", 0), ("waits", 2), ("left-out", 0), ("wrong", 1)])
def test_one_secret_can_be_explained(name: str, code: int) -> None:
    """A secret is named in any case, and the exit code is of that one alone."""
    said = Explaining.prepared().say(name, tables=False)
    assert said.code == code
    told = json.loads(said.out)
    assert told["vault"] == VAULT
    assert [each["name"] for each in told["explanation"]["secrets"]] == [name.lower()]


def test_what_cannot_be_explained_is_an_error() -> None:
    """A secret that is not there and a vault that does not answer are told as by any command."""
    explaining = Explaining.prepared()
    said = explaining.say("nosuch", tables=False)
    assert (said.code, json.loads(said.out)["reason"]) == (1, "NoSuchSecret")
    explaining.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "Wait."))
    said = explaining.say()
    assert (said.code, said.out) == (1, "")
    assert said.err == "keyvault-sync: VaultThrottled: Wait.\n"


def test_outcomes_without_a_target_have_a_row_too() -> None:
    """A vault that leads nowhere, or is not ours, shows why and no Secret."""
    outcomes = (
        Failed(SHOP, REFUSED),
        Ignored("event", NotOurs(Reason.EVENT_TYPE_IGNORED, "Not ours.")),
    )
    assert outcomes_text(outcomes, 80) == (
        "VAULT                  SECRET  RESULT   KEYS  NOTES\n"
        "we-ds-akv-shop-prod-1  -       failed   -     NamespaceMissing\n"
        "event                  -       ignored  -     EventTypeIgnored\n"
        "\n"
        "2 vaults: 1 failed, 1 ignored\n"
    )


def test_a_long_list_of_keys_is_summed_up_in_the_notes() -> None:
    """A note names a few keys and counts the rest."""
    keys = [f"key-{number}" for number in range(8)]
    secrets = Secrets({SHOP: holding(SHOP, *keys, owned=())})
    said = say(app(Scripted({}), [SHOP], secrets), "status", width=200)
    assert "out of step: key-0, key-1, key-2, key-3, key-4 and 3 more" in said.out


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
@pytest.mark.parametrize("tables", [True, False])
def test_the_exit_code_of_a_resync_and_of_a_plan(
    given: tuple[ReconcileResult | SyncError, ReconcileResult | SyncError],
    resync: int,
    plan: int,
    *,
    tables: bool,
) -> None:
    """A failure wins over drift, and drift is told of by plan only, whatever the output."""
    shown = scripted(shop=given[0], billing=given[1])
    assert say(shown, "resync", "--all", tables=tables).code == resync
    assert say(shown, "plan", "--all", tables=tables).code == plan
    assert say(shown, "resync", "--all", "--dry-run", tables=tables).code == plan


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        (holding(SHOP, "a"), 0),
        (holding(SHOP, "a", owned=()), 2),
        (holding(SHOP_2, "a"), 2),
        (None, 2),
        (BUSY, 1),
    ],
    ids=["converged", "drifted", "of another vault", "absent", "unreadable"],
)
def test_the_exit_code_of_a_status(secret: Actual | SyncError | None, code: int) -> None:
    """Only a Secret that is there, ours and untouched is in step."""
    secrets = Secrets({SHOP: secret} if secret else {})
    assert say(app(Scripted({}), [SHOP], secrets), "status").code == code


def test_a_pipe_gets_the_json_of_the_routes() -> None:
    """What is no terminal gets the report's document, one line, and nothing else."""
    given = scripted(shop=CHANGED, shop_2=IN_STEP, billing=REFUSED)
    said = say(given, "resync", "--all", tables=False)
    assert said.out == json.dumps(to_json(outcomes_of(given.resync(Resync())))) + "\n"
    planned = say(given, "plan", "--all", tables=False)
    wanted = to_json(outcomes_of(given.resync(Resync(dry_run=True))))
    assert planned.out == json.dumps(wanted) + "\n"


def test_a_pipe_gets_the_status_of_the_route() -> None:
    """A status is the same document over HTTP and on the command line."""
    secrets = Secrets({SHOP: holding(SHOP, "a", "b", owned="a"), BILLING: BUSY})
    given = app(Scripted({}), [SHOP, SHOP_2, BILLING], secrets)
    said = say(given, "status", tables=False)
    wanted = Statuses(tuple(map(status_of, statuses(given, given.select(Resync())))))
    assert said.out == json.dumps(to_json(wanted)) + "\n"
    assert said.out.count("\n") == 1


def test_failures_are_told_on_stderr_with_what_to_do() -> None:
    """Each failure has a line with its vault, its reason and its remedy, tables or not."""
    line = f"{BILLING}: NamespaceMissing: Namespace billing-dev is missing: create it.\n"
    given = scripted(shop=IN_STEP, billing=REFUSED)
    assert say(given, "resync", "--all", tables=False).err == line
    assert say(given, "resync", "--all").err.endswith("\r" + line)
    unreadable = app(Scripted({}), [BILLING], Secrets({BILLING: REFUSED}))
    assert say(unreadable, "status", tables=False).err == line


def test_progress_is_one_line_on_stderr_that_goes_away() -> None:
    """Progress overwrites itself, ends blank, and is not in what was asked for."""
    said = say(scripted(shop=IN_STEP, billing=IN_STEP), "resync", "--all")
    blank = " " * len("2/2 vaults...")
    assert said.err == f"\r0/2 vaults...\r1/2 vaults...\r2/2 vaults...\r{blank}\r"
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
    """A choice that means no vault fails, in words on stderr and as JSON in a pipe."""
    given = scripted(shop=IN_STEP)
    piped = say(given, *argv, tables=False)
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
    said = say(given, "resync", "--project", "SHOP", "--stage", "Prod", tables=False)
    assert [told["vault"] for told in json.loads(said.out)["outcomes"]] == [SHOP, SHOP_2]


@pytest.mark.parametrize(
    ("argv", "request_"),
    [
        (("resync", SHOP), Resync(vault=SHOP)),
        (("resync", "--all", "--removals"), Resync(removals=True)),
        (
            ("plan", "--all", "--takeover", "--refetch"),
            Resync(dry_run=True, takeover=True, refetch=True),
        ),
        (
            ("resync", SHOP, "--takeover-from", "Old-Vault"),
            Resync(vault=SHOP, takeover_from="old-vault"),
        ),
        (("resync", SHOP, "--dry-run"), Resync(vault=SHOP, dry_run=True)),
        (("plan", SHOP, "--secret", "a-b"), Resync(vault=SHOP, secret="a-b", dry_run=True)),
        (("plan", "--project=p", "--stage=s"), Resync(project="p", stage="s", dry_run=True)),
        (("status",), Resync()),
        (("status", "--all"), Resync()),
        (("explain", SHOP), Resync(vault=SHOP)),
        (("explain", SHOP, "a-b"), Resync(vault=SHOP, secret="a-b")),
    ],
)
def test_arguments_are_the_request_of_the_route(argv: tuple[str, ...], request_: Resync) -> None:
    """A command line asks for just what the JSON of the same names asks for."""
    assert parse(argv).request == request_


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "COMMAND"),
        (("sync",), "invalid choice: 'sync'"),
        (("resync",), "one of VAULT, --project with --stage, or --all"),
        (("plan",), "one of VAULT, --project with --stage, or --all"),
        (("resync", SHOP, "--all"), "one of VAULT, --project with --stage, or --all"),
        (("status", SHOP, "--stage", "prod"), "one of VAULT"),
        (("plan", "--project", "shop"), "--project and --stage go together"),
        (("plan", "--project", " ", "--stage", "prod"), "--project: it is empty"),
        (("plan", ""), "VAULT: it is empty"),
        (("plan", "--all", "--secret", "../x"), "no Key Vault secret name"),
        (("status", "--removals"), "unrecognized arguments: --removals"),
        (("resync", "--all", "--force"), "unrecognized arguments: --force"),
        (("resync", "--all", "--takeover-from", "old-vault"), "takeover_from is for one vault"),
        (("explain",), "VAULT"),
        (("explain", SHOP, "../x"), "no Key Vault secret name"),
        (("explain", "--all"), "VAULT"),
        (("plan", "--al"), "unrecognized arguments: --al"),
        (("plan", "--all", "--dry-run"), "unrecognized arguments: --dry-run"),
    ],
)
def test_a_wrong_command_line_is_a_failure_and_no_drift(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error exits 1, since 2 means out of step, and says what is wrong on stderr."""
    with pytest.raises(SystemExit) as stopped:
        parse(argv)
    said = capsys.readouterr()
    assert stopped.value.code == 1
    assert said.out == ""
    assert message in said.err
    assert "--help" in said.err


@pytest.mark.parametrize("tables", [True, False])
@pytest.mark.parametrize(
    "argv", [("plan", "--all"), ("resync", "--all"), ("status", VAULT), ("plan", VAULT)]
)
def test_no_value_is_ever_shown(argv: tuple[str, ...], *, tables: bool) -> None:
    """The real reconcile over planted values leaves none of them on either stream."""
    world = World.new()
    world.put("db-password", PLANTED)
    world.settle()
    world.put("db-password", f"{PLANTED} two")
    world.cluster.edit(world.target, {("data", "db-password"): f"{PLANTED} three".encode()})
    rival = world.rival()
    rival.put("a", PLANTED)
    said = say(app_of(world.reconciler, world.vault, rival.vault), *argv, tables=tables)
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


@pytest.mark.parametrize("command", [(), ("resync",), ("plan",), ("status",), ("explain",)])
def test_help_says_the_exit_codes(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command's help lists the exit codes."""
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    assert "exit codes:\n  0  " in capsys.readouterr().out


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    """--version needs no command and no settings."""
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert re.fullmatch(r"keyvault-sync \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_help_imports_no_sdk() -> None:
    """What does not reach out to Azure or a cluster does not wait for their packages."""
    script = (
        "import sys, sync.cli.commands\n"
        "try: sync.cli.commands.main(['--help'])\n"
        "finally: print(*{'azure', 'kubernetes', 'urllib3', 'requests'} & sys.modules.keys())"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n\n")
