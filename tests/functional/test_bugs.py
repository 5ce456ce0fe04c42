"""A bug in any layer, however much its exception says, tells no value to anybody."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local.host_process import HostProcess
from local.stack import ROOT, Stack
from tests.functional.world import World, wait_until
from tests.kit.deployments import allow_restarts, deploy
from tests.leaks.dye import PLANTED, value
from tests.leaks.search import leaks

BUGS = (
    *("sync.settings.environment:read", "sync.bootstrap:_assemble"),
    *(
        "sync.app.use_cases:parse",
        "sync.app.explain:explain",
        "sync.app.registry:VaultRegistry.look",
        "sync.app.status:SecretStatus.of",
    ),
    *(
        "sync.app.requests:parse_resync",
        "sync.core.vault_names:Naming.vault",
        "sync.core.vault_names:Naming.targets",
    ),
    *(
        "sync.app.work_queue:WorkQueue.submit",
        "sync.app.work_queue:WorkQueue.reconcile_many",
        "sync.app.work_queue:WorkQueue.ask",
    ),
    *(
        "sync.reconcile.reconciler:Reconciler.reconcile",
        "sync.reconcile.vault_reader:VaultReader.survey",
        "sync.reconcile.turn:diff",
        "sync.reconcile.reconciler:compose",
    ),
    *("sync.projection.rules:Rules.render", "sync.http_api.convert:outcome_of"),
    *(
        "sync.adapters.azure.key_vault:KeyVaults.list",
        "sync.adapters.azure.key_vault:KeyVaults.get",
    ),
    *(
        "sync.adapters.azure.vault_tokens:VaultTokens.get",
        "sync.adapters.kubernetes.login.kubeconfig:Kubeconfig.connect",
    ),
    *(
        "sync.adapters.kubernetes.connection:Connection.send",
        "sync.adapters.kubernetes.secrets:parse",
    ),
    *(
        "sync.adapters.kubernetes.secrets:KubernetesSecrets.apply",
        "sync.adapters.wire.cached:Cached.get",
    ),
)

BROKEN_APP = """
import importlib, logging, sys
from pathlib import Path

HERE, ROOT, BUGS = Path(__file__).parent, Path({root!r}), {bugs!r}
logging.getLogger().setLevel(logging.DEBUG)


def breakable(bug):
    module, _, path = bug.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    right = getattr(owner, name)

    def act(*given, **named):
        if (HERE / "bug").read_text() != bug:
            return right(*given, **named)
        try:
            raise KeyError({planted!r}, given, named)
        except KeyError as cause:
            cause.add_note({planted!r})
            raise RuntimeError(f"no {planted}: {{given}} {{named}}") from cause

    setattr(owner, name, act)


for each in BUGS:
    breakable(each)
program = ROOT / "function_app.py"
exec(compile(program.read_text(), str(program), "exec"))
"""
"""The app, in which the bug that a file names shows; it logs all that its libraries have to say."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A folder with the app and its bugs."""

    folder: Path

    def shows(self, bug: str) -> None:
        """Let that bug show, and no other."""
        (self.folder / "next").write_text(bug)
        (self.folder / "next").rename(self.folder / "bug")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Write the app; nothing is wrong with it yet."""
    return _written(tmp_path_factory, BUGS)


def _written(tmp_path_factory: pytest.TempPathFactory, bugs: Sequence[str]) -> Broken:
    made = Broken(tmp_path_factory.mktemp("app"))
    shutil.copy(ROOT / "host.json", made.folder)
    code = BROKEN_APP.format(root=str(ROOT), bugs=bugs, planted=PLANTED)
    (made.folder / "function_app.py").write_text(code)
    made.shows("")
    return made


@pytest.fixture(scope="module")
def broken_host(stack: Stack, broken: Broken) -> Iterator[HostProcess]:
    """Start it."""
    environment = stack.app_environment(["weu-ds-akv-broken-dev-1"])
    log = stack.folder / "host.log"
    with HostProcess(broken.folder, environment, log, timer=False) as host:
        yield host


@pytest.fixture
def acting(world: World, broken_host: HostProcess) -> World:
    """Return the world of the broken app, with a vault that it knows and somebody's own key."""
    return replace(world, host=broken_host)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_any_layer_tells_no_value(acting: World, broken: Broken, bug: str) -> None:
    """Every route ends as it may, and what it answers and logs has the bug's place alone."""
    place = acting.place("weu-DS-AKV-{}-dev-1", silent=True)
    made = place.vault.set_secret("key", value())
    broken.shows(bug)
    try:
        acting.deliver(place.event("key", made.version))
        assert acting.timer in {202, 500}
        acting.get(f"/api/status?vault={place.name}")
        acting.resync(place, takeover=True, refetch=True)
    finally:
        broken.shows("")
    told = acting.log() + "".join(answer.text for answer in acting.answers)
    assert ("a bug of Key Vault Sync" in told) != (bug in BUILT_ONCE)
    assert acting.leaks() == []


RESTARTS = (
    "sync.restarting:Restarting.after_event",
    "sync.restarting:Restarting.after_pass",
    "sync.rollout.restarter:decide",
    "sync.adapters.kubernetes.workload_document:uses_of",
)


def test_a_bug_of_restarts_fails_nothing_else(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Event, pass and resync end as without it; the bug's place is told, and no value."""
    broken = _written(tmp_path_factory, RESTARTS)
    place = world.place(silent=True)
    allow_restarts(place)
    settings = {"SYNC_RESTART": "all", "SYNC_RESTART_QUIET": "1"}
    environment = world.stack.app_environment([place.name], **settings)
    log = world.stack.folder / "host.log"
    with HostProcess(broken.folder, environment, log, timer=False) as host:
        acting = replace(world, host=host)
        deploy(place, "web", "key", optional=True)
        for bug in RESTARTS:
            made = place.vault.set_secret("key", value())
            broken.shows(bug)
            assert acting.deliver(place.event("key", made.version)) == 202
            assert acting.timer == 202
            assert acting.resync(place).status == 200
    assert acting.log().count("a bug of Key Vault Sync") >= len(RESTARTS)
    assert acting.leaks() == []


BUILT_ONCE = (
    "sync.settings.environment:read",
    "sync.bootstrap:_assemble",
    "sync.adapters.kubernetes.login.kubeconfig:Kubeconfig.connect",
)


@pytest.mark.parametrize("bug", BUILT_ONCE)
def test_a_bug_while_the_app_is_built_tells_no_value(
    world: World, broken: Broken, bug: str
) -> None:
    """An app that cannot be built for a bug of its own answers so, and quotes no setting."""
    place = world.place(silent=True)
    environment = world.stack.app_environment([place.name], SYNC_NAMESPACE="{project}-{stage}")
    broken.shows(bug)
    try:
        log = world.stack.folder / "host.log"
        with HostProcess(broken.folder, environment, log, timer=False) as host:
            built = replace(world, host=host)
            assert built.deliver(place.event("key")) == 500
            assert built.timer == 500
            assert built.resync(place).status == 500
            assert built.leaks() == []
    finally:
        broken.shows("")


@pytest.mark.parametrize(
    ("command", "bug"),
    [
        ("resync", "sync.bootstrap:_assemble"),
        ("status", "sync.core.vault_names:Naming.vault"),
        ("adopt", "sync.adapters.wire.cached:Cached.get"),
    ],
)
def test_a_bug_tells_the_command_line_no_value(
    world: World, broken: Broken, command: str, bug: str
) -> None:
    """A command that meets a bug ends with its place, and no traceback."""
    place = world.filled("key", silent=True)
    code = (broken.folder / "function_app.py").read_text().partition("\nprogram =")[0]
    code += "\nfrom sync.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    program = broken.folder / "command.py"
    program.write_text(code)
    broken.shows(bug)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, str(program), command, place.name],
            env={**world.stack.app_environment(), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        broken.shows("")
    assert done.returncode == 1
    assert "Bug" in done.stderr
    assert "Traceback" not in done.stderr
    assert leaks(done.stdout + done.stderr) == []


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_in_the_midst_of_a_write_tells_no_value(world: World, number: int) -> None:
    """What the interpreter writes of its threads as it dies has places alone."""
    place = world.filled("key", silent=True)
    place.stack.cluster.faults.delay(30, verb="patch")
    command = [sys.executable, "-X", "faulthandler", "-m", "sync", "resync", place.name]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        env=place.stack.app_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        wait_until(_patches(place.stack))
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert running.returncode == -number
    assert b"Thread 0x" in err
    assert b"connection.py" in err
    assert leaks(out + err) == []


def _patches(stack: Stack) -> Callable[[], bool]:
    before = stack.cluster.requests.count("patch")
    return lambda: stack.cluster.requests.count("patch") > before
