"""The app's user has the shipped Role on its Secrets and nothing besides, on a real server too."""

import ssl

import pytest
import urllib3
import yaml

from local.stack import Stack
from tests.functional.world import World


def answer(stack: Stack, method: str, path: str) -> int:
    """Ask the app's cluster with the app's token; return the status."""
    config = yaml.safe_load(stack.app_kubeconfig.read_text())
    token, url = config["users"][0]["user"]["token"], config["clusters"][0]["cluster"]["server"]
    context = ssl.create_default_context(cafile=stack.folder / "ca.pem")
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
    }
    with urllib3.PoolManager(ssl_context=context) as http:
        body = None if method == "GET" else b"{}"
        return http.request(method, url + path, headers=headers, body=body).status


@pytest.fixture
def secrets(world: World) -> str:
    """Return the path of the Secrets in a namespace where the app has written its own."""
    place = world.place()
    place.vault.set_secret("a", "1")
    world.settle()
    assert world.resync(place).status == 200
    world.stack.cluster.put_secret(place.namespace, "other", {"a": b"1"})
    return f"/api/v1/namespaces/{place.namespace}/secrets"


def test_its_own_secret_is_read_and_patched(world: World, secrets: str) -> None:
    """The Secret that the Role names is the app's to read and to patch."""
    assert answer(world.stack, "GET", f"{secrets}/keyvault-project") == 200
    assert answer(world.stack, "PATCH", f"{secrets}/keyvault-project") == 200


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", "/other"),
        ("PATCH", "/other"),
        ("GET", ""),
        ("GET", "?watch=1&timeoutSeconds=1"),
        ("POST", ""),
        ("DELETE", ""),
        ("PUT", "/keyvault-project"),
        ("DELETE", "/keyvault-project"),
    ],
)
def test_nothing_else_is(world: World, secrets: str, method: str, below: str) -> None:
    """Other Secrets, all of them at once, and the end of its own are not."""
    assert answer(world.stack, method, secrets + below) == 403


def test_no_other_place_is(world: World, secrets: str) -> None:
    """Neither the same name elsewhere, nor namespaces, nor rights."""
    home = secrets.removesuffix("/secrets")
    rbac = f"/apis/rbac.authorization.k8s.io/v1{home.removeprefix('/api/v1')}"
    for path in (
        "/api/v1/namespaces/default/secrets/keyvault-project",
        "/api/v1/secrets",
        "/api/v1/namespaces",
        home,
        f"{rbac}/roles",
        f"{rbac}/rolebindings",
    ):
        assert answer(world.stack, "GET", path) == 403, path
