"""The whole job on the emulator's API server and, where one is at hand, on a real one."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.host_process import HostProcess
from local.key_vault import Vault
from local.kubernetes import Rule
from local.kubernetes.documents import Document, child, texts
from local.stack import Stack
from tests.contract.api_servers import MERGE, Account, Answer, ApiServer
from tests.contract.conftest import actual_server, api_server, emulated_server, namespace
from tests.functional.world import subscribe
from tests.kit.waiting import PATIENCE_SECONDS

__all__ = ["actual_server", "api_server", "emulated_server", "namespace"]

SECRET = "keyvault-project"


@dataclass(frozen=True, slots=True)
class Site:
    """The app between a vault and one namespace of an API server, with the least Role there."""

    stack: Stack
    host: HostProcess
    server: ApiServer
    vault: Vault
    namespace: str

    def secret(self, method: str = "GET", body: object = None) -> Answer:
        """Read or change the Secret as the administrator."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{SECRET}"
        patch = body if isinstance(body, dict) else None
        return self.server.call(method, path, patch, media=MERGE, fieldManager="somebody")

    def data(self) -> dict[str, str]:
        """Return the Secret's keys and values."""
        found = texts(self.secret().body, "data")
        return {key: base64.b64decode(value).decode() for key, value in found.items()}


@contextmanager
def serving(
    stack: Stack, folder: Path, server: ApiServer, namespace: str, account: Account
) -> Iterator[Site]:
    """Run an app whose one cluster is the server, as that account."""
    config = folder / "kubeconfig"
    config.write_text(server.kubeconfig(account.token))
    vault = stack.vault(f"weu-DS-AKV-e{secrets.token_hex(2)}-dev-1")
    environment = stack.app_environment([vault.name], SYNC_NAMESPACE=namespace)
    environment["KUBECONFIG"] = str(config)
    with stack.host(environment, timer=False) as host:
        subscribe(stack, host)
        yield Site(stack, host, server, vault, namespace)
        assert stack.settle(PATIENCE_SECONDS)  # before the host goes, lest events stay behind


@pytest.fixture
def site(stack: Stack, tmp_path: Path, api_server: ApiServer, namespace: str) -> Iterator[Site]:
    """Run an app with the least Role on the server under test."""
    rule = Rule(("get", "create", "patch"), ("secrets",), (SECRET,), (namespace,))
    account = api_server.user("keyvault-sync", [rule])
    with serving(stack, tmp_path, api_server, namespace, account) as site:
        yield site


def test_the_main_job(site: Site) -> None:
    """Secrets and versions arrive, drift is repaired, what is gone goes, others' keys stay."""
    site.vault.set_secret("db", "one")
    site.vault.set_secret("api", "key")
    assert site.stack.settle(PATIENCE_SECONDS)
    assert site.data() == {"db": "one", "api": "key"}
    site.vault.set_secret("db", "two")
    assert site.stack.settle(PATIENCE_SECONDS)
    assert site.data() == {"db": "two", "api": "key"}
    stranger = base64.b64encode(b"mallory").decode()
    assert (
        site.secret("PATCH", {"data": {"db": stranger, "api": None, "own": stranger}}).status == 200
    )
    assert site.host.fire("reconcile_drift") == 202
    assert site.data() == {"db": "two", "api": "key", "own": "mallory"}
    site.vault.disable("db")
    site.vault.delete("api")
    assert site.host.fire("reconcile_drift") == 202
    assert site.data() == {"own": "mallory"}


def test_a_key_that_somebody_holds_goes_with_its_secret(site: Site) -> None:
    """A key changed in the cluster, whose vault secret is then deleted, does not stay."""
    site.vault.set_secret("db", "one")
    site.vault.set_secret("api", "key")
    assert site.stack.settle(PATIENCE_SECONDS)
    stranger = base64.b64encode(b"mallory").decode()
    assert site.secret("PATCH", {"data": {"db": stranger}}).status == 200
    site.vault.delete("db")
    assert site.host.fire("reconcile_drift") == 202
    assert site.data() == {"api": "key"}


def test_a_quiet_pass_writes_nothing(site: Site) -> None:
    """Once all is settled, a pass leaves the Secret's resourceVersion as it was."""
    site.vault.set_secret("db", "one")
    assert site.stack.settle(PATIENCE_SECONDS)
    versions = {site.secret().version}
    while len(versions) < 3 and site.vault.requests()["get"] < 100:
        before = site.vault.requests()["get"]
        assert site.host.fire("reconcile_drift") == 202
        versions.add(site.secret().version)
        if site.vault.requests()["get"] == before:
            break
    settled = site.secret().version
    assert site.host.fire("reconcile_drift") == 202
    assert site.secret().version == settled


def test_what_the_role_does_not_cover_is_refused(site: Site) -> None:
    """A vault whose Secret is not in the Role fails with the command that grants it."""
    vaults = site.stack.vaults
    usual, vaults.publish = vaults.publish, lambda _: None  # Event Grid would keep the event
    second = site.stack.vault(site.vault.name[:-1] + "2")
    vaults.publish = usual
    second.set_secret("db", "one")
    answer = site.host.post("/api/resync", {"vault": second.name})
    assert answer.status == 422
    assert "ClusterForbidden" in answer.text
    assert "--resource-name=keyvault-2" in answer.text


def test_a_secret_of_others_is_left_alone(site: Site) -> None:
    """A Secret that Helm manages keeps its data and its labels until somebody takes it over."""
    path = f"/api/v1/namespaces/{site.namespace}/secrets"
    labels: Document = {"app.kubernetes.io/managed-by": "Helm"}
    metadata: Document = {"name": SECRET, "labels": labels}
    body: Document = {"metadata": metadata, "stringData": {"theirs": "1"}}
    assert site.server.call("POST", path, body).status == 201
    site.vault.set_secret("db", "one")
    assert site.stack.settle(PATIENCE_SECONDS)
    assert site.data() == {"theirs": "1"}
    assert site.host.post("/api/resync", {"all": True}).status == 422
    assert site.host.post("/api/resync", {"all": True, "takeover": True}).status == 200
    assert site.data() == {"theirs": "1", "db": "one"}
    left = child(site.secret().body, "metadata")
    assert texts(left, "labels")["app.kubernetes.io/managed-by"] == "keyvault-sync"
