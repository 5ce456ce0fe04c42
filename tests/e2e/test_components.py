"""The whole job on a real API server with the components self-service and guard."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, child, texts
from local.stack import Stack
from tests.contract.api_servers import MERGE, Answer, ApiServer
from tests.contract.conftest import actual_server
from tests.contract.policies import installed
from tests.e2e.test_api_servers import SECRET, Site, serving
from tests.kit.waiting import PATIENCE_SECONDS, wait_until

__all__ = ["actual_server"]


@pytest.fixture
def site(stack: Stack, tmp_path: Path, actual_server: ApiServer) -> Iterator[Site]:
    """Run an app whose Role names no Secret; nobody but the app is let through the guard."""
    namespace = actual_server.create_namespace()
    rule = Rule(("get", "create", "patch"), ("secrets",), (), (namespace,))
    account = actual_server.user("keyvault-sync", [rule])
    asks = f"request.userInfo.username == '{account.user}'"
    nobody = {"app": f"'{account.user}'", "breakGlass": "'nobody'"}
    with (
        installed(actual_server, "self-service", {"the-app-asks": asks}),
        installed(actual_server, "guard", nobody),
        serving(stack, tmp_path, actual_server, namespace, account) as site,
    ):
        yield site


def test_drift_is_prevented_and_the_app_goes_on(site: Site) -> None:
    """Secrets arrive, also in a Secret that a tag asks for; a change by others does not."""
    site.vault.set_secret("db", "one")
    site.vault.set_secret("mail", "key", tags={"k8s-secret": "orders"})
    assert site.stack.settle(PATIENCE_SECONDS)
    assert site.data() == {"db": "one"}
    further = f"/api/v1/namespaces/{site.namespace}/secrets/{SECRET}-orders"
    assert texts(site.server.call("GET", further).body, "data").keys() == {"mail"}
    stranger = base64.b64encode(b"mallory").decode()
    change: Document = {"data": {"db": stranger}}
    wait_until(lambda: "keyvault-sync-guard" in tried(site, change).message)
    assert site.secret("PATCH", {"data": {"db": stranger}}).status == 403
    assert site.secret("PATCH", {"data": {"own": stranger}}).status == 200
    assert site.server.call("DELETE", further).status == 403
    site.vault.set_secret("db", "two")
    assert site.stack.settle(PATIENCE_SECONDS)
    assert site.data() == {"db": "two", "own": "mallory"}
    site.vault.disable("db")
    assert site.host.fire("reconcile_drift") == 202
    assert site.data() == {"own": "mallory"}
    labels = child(site.secret().body, "metadata")
    assert texts(labels, "labels")["app.kubernetes.io/managed-by"] == "keyvault-sync"


def tried(site: Site, change: Document) -> Answer:
    """Ask what would become of a change; nothing is stored."""
    path = f"/api/v1/namespaces/{site.namespace}/secrets/{SECRET}"
    return site.server.call("PATCH", path, change, media=MERGE, query={"dryRun": "All"})
