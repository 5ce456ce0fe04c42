"""The sync with people's own tools: kubectl on one side, the vault's client on the other."""

import base64
import shutil
import subprocess

import pytest
import yaml
from azure.keyvault.secrets import SecretClient

from tests.functional.world import Place, World, wait_until
from tests.kit.tokens import Issued
from tests.leaks.dye import value

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")


def kubectl(place: Place, *arguments: str, **environment: str) -> str:
    """Run kubectl in the place's namespace as an administrator; return what it prints."""
    stack = place.stack
    command = ["kubectl", f"--kubeconfig={stack.admin_kubeconfig}", f"-n={place.namespace}"]
    command += [f"--cache-dir={stack.folder / 'kubectl'}", *arguments]
    done = subprocess.run(  # noqa: S603 - kubectl, against the local stack
        command,
        env={**stack.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def place(world: World) -> Place:
    """Return a vault whose secret has arrived."""
    place = world.filled("db-password")
    world.settle()
    assert place.data() == place.wanted()
    return place


def test_a_secret_set_with_the_real_client_arrives(world: World) -> None:
    """What somebody sets, rotates, disables and deletes through the SDK is what the cluster has."""
    place = world.place(age=600)
    environment = world.stack.environment
    with SecretClient(
        place.vault.url,
        Issued(world.stack.identity),
        connection_verify=environment["REQUESTS_CA_BUNDLE"],
        proxies={"https": environment["HTTPS_PROXY"]},
    ) as client:
        for name in ("Api-Key", "other", "third"):
            client.set_secret(name, value())
        world.settle()
        assert place.data() == place.wanted()
        rotated = client.set_secret("Api-Key", value())
        wait_until(lambda: (place.data() or {})["Api-Key"] == rotated.value)
        client.update_secret_properties("other", enabled=False)
        client.begin_delete_secret("third").wait()
        assert world.resync(place).status == 200
    assert place.data() == {"Api-Key": rotated.value}


@needs_kubectl
def test_kubectl_shows_the_secret(world: World, place: Place) -> None:
    """`kubectl get secret keyvault-project -o yaml` shows the vault's secrets, ready to mount."""
    shown = yaml.safe_load(kubectl(place, "get", "secret", "keyvault-project", "-o", "yaml"))
    data = {key: base64.b64decode(text).decode() for key, text in shown["data"].items()}
    assert data == place.wanted()
    assert (shown["kind"], shown["type"]) == ("Secret", "Opaque")
    assert shown["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "keyvault-sync"
    assert "db-password" in kubectl(place, "describe", "secret", "keyvault-project")
    assert not world.logged("ERROR")


@needs_kubectl
@pytest.mark.parametrize(
    "command",
    [
        ("patch", "secret", "keyvault-project", "-p", '{"stringData": {"db-password": "x"}}'),
        ("edit", "secret", "keyvault-project"),
        ("delete", "secret", "keyvault-project"),
        ("label", "secret", "keyvault-project", "keyvault-sync/stage=prod", "--overwrite"),
        ("annotate", "secret", "keyvault-project", "keyvault-sync/state-"),
    ],
    ids=lambda command: command[0],
)
def test_what_kubectl_changes_returns(world: World, place: Place, command: tuple[str, ...]) -> None:
    """Whatever somebody does to the Secret with kubectl, a pass restores the vault's truth."""
    before = (place.data(), place.labels(), set(place.records()))
    edit = "sed -i 's/^  db-password: .*/  db-password: eA==/'"
    kubectl(place, *command, KUBE_EDITOR=edit)
    assert (place.data(), place.labels(), bool(place.state())) != (*before[:2], True)
    assert world.resync(place).status == 200
    assert (place.data(), place.labels(), set(place.records())) == before


@needs_kubectl
def test_keys_added_with_kubectl_stay(world: World, place: Place) -> None:
    """A key that somebody adds beside ours is theirs, through every later change."""
    patch = '{"stringData": {"mine": "by hand"}}'
    kubectl(place, "patch", "secret", "keyvault-project", "-p", patch)
    place.vault.set_secret("db-password", value())
    world.settle()
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | {"mine": "by hand"}
