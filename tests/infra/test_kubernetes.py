"""The shipped Role and RoleBinding: what they become, that servers take them, what they let."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from local.kubernetes.documents import Document, child, dump, items, text, words
from local.kubernetes.kinds import ROLE, ROLE_BINDING, SECRET
from local.role import BASE, Rights
from sync.core.model import Target, VaultName
from sync.doctor import remedies
from tests.contract.api_servers import APPLY, JSON, MERGE, Account, Answer, ApiServer
from tests.contract.conftest import actual_server, api_server, emulated_server, namespace
from tests.kit.waiting import wait_until

__all__ = ["actual_server", "api_server", "emulated_server", "namespace"]

ROOT = BASE.parents[2]
EXAMPLE = BASE.parent / "overlays" / "example"
NAME = "keyvault-sync"
OURS = "keyvault-project"
TARGET = Target(VaultName("weu-ds-akv-shop-dev-1"), "main", "shop-dev", OURS)

needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


def kubectl(*words: str, config: Path | None = None) -> str:
    """Run kubectl; return what it prints."""
    login = ["--kubeconfig", str(config)] if config else []
    done = subprocess.run(  # noqa: S603 - our own words
        ["kubectl", *login, *words],  # noqa: S607 - the one on the path
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(folder: Path) -> dict[tuple[str, str], Document]:
    """Build a kustomization; return its documents by kind and namespace."""
    documents: list[Document] = list(yaml.safe_load_all(kubectl("kustomize", str(folder))))
    found = {
        (text(document, "kind"), text(child(document, "metadata"), "namespace")): document
        for document in documents
    }
    assert len(found) == len(documents)
    return found


@needs_kubectl
def test_the_base_names_nobody() -> None:
    """The base is one Role on one Secret, bound to an object id that no identity has."""
    found = built(BASE)
    assert found.keys() == {("Role", ""), ("RoleBinding", "")}
    (rule,) = items(found["Role", ""], "rules")
    assert rule == {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [OURS],
        "verbs": ["get", "create", "patch"],
    }
    (subject,) = items(found["RoleBinding", ""], "subjects")
    assert subject == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "User",
        "name": "00000000-0000-0000-0000-000000000000",
    }


@needs_kubectl
def test_the_example_sets_namespace_identity_and_secrets() -> None:
    """Each namespace has the base's Role on its own Secrets, bound to the one identity."""
    found = built(EXAMPLE)
    wanted = {
        "shop-dev": [OURS, "keyvault-2"],
        "shop-prod": [OURS],
        "web-dev": ["myapp", "myapp-db"],
    }
    assert found.keys() == {(kind, where) for kind in ("Role", "RoleBinding") for where in wanted}
    (subject,) = items(found["RoleBinding", "shop-dev"], "subjects")
    assert re.fullmatch(r"[1-9][0-9a-f-]{35}", text(subject, "name"))
    for where, secrets in wanted.items():
        rights = Rights.shipped(where, text(subject, "name"), secrets)
        assert found["Role", where] == rights.role
        assert found["RoleBinding", where] == rights.binding


@needs_kubectl
@pytest.mark.parametrize("side", ["client", "server"])
def test_the_example_is_applied(api_server: ApiServer, tmp_path: Path, side: str) -> None:
    """Kubectl applies the overlay as it is, from either side, and again without a change."""
    config = tmp_path / "kubeconfig"
    config.write_text(api_server.kubeconfig())
    for where in ("shop-dev", "shop-prod", "web-dev"):
        made = api_server.call("POST", "/api/v1/namespaces", {"metadata": {"name": where}})
        assert made.status in {201, 409}
    apply = ["apply", f"--server-side={str(side == 'server').lower()}", "-k", str(EXAMPLE)]
    for _ in range(2):
        kubectl(*apply, "--force-conflicts" if side == "server" else "--wait", config=config)
    role = api_server.call("GET", ROLE.path("shop-dev", NAME))
    (rule,) = items(role.body, "rules")
    assert words(rule, "resourceNames") == [OURS, "keyvault-2"]
    kubectl("delete", "-k", str(EXAMPLE), config=config)
    assert api_server.call("GET", ROLE_BINDING.path("shop-prod", NAME)).status == 404


def test_other_places_name_the_same_role() -> None:
    """The documentation and the doctor's remedy make the Role that ships, under its name."""
    role = yaml.safe_load((BASE / "role.yaml").read_text())
    (rule,) = items(role, "rules")
    documented = (ROOT / "docs" / "clusters.md").read_text()
    for told in (documented, remedies.role(TARGET, "somebody")):
        created = re.search(r"kubectl create role (\S+) .*--verb=(\S+) --resource=(\S+)", told)
        bound = re.search(r"kubectl create rolebinding (\S+) .*--role=(\S+)", told)
        assert created is not None
        assert bound is not None
        verbs = created[2].split(",")
        assert (created[1], verbs, [created[3]]) == (NAME, rule["verbs"], rule["resources"])
        assert (bound[1], bound[2]) == (NAME, NAME)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A user that has the shipped Role on one Secret of one namespace, and nothing else."""

    server: ApiServer
    namespace: str
    elsewhere: str
    account: Account

    def ask(self, method: str, path: str, body: Document | None = None, media: str = "") -> Answer:
        """Send a request as that user; `{here}` and `{elsewhere}` in the path are namespaces."""
        path = path.format(here=self.namespace, elsewhere=self.elsewhere)
        query = {"fieldManager": "tenant", "force": "true"} if media == APPLY else {}
        token = self.account.token
        return self.server.call(method, path, body, media=media or JSON, token=token, query=query)

    def until_may_read(self, path: str) -> None:
        """Wait until the server goes by the Role."""
        wait_until(lambda: self.ask("GET", path).status != 403)


@pytest.fixture
def tenant(api_server: ApiServer, namespace: str) -> Tenant:
    """Apply the shipped manifests from the server's side, strictly, and wait until they count."""
    account = api_server.user("tenant", [])
    rights = Rights.shipped(namespace, account.user, [OURS])
    for kind, document in ((ROLE, rights.role), (ROLE_BINDING, rights.binding)):
        path = kind.path(namespace, NAME)
        query = {"fieldManager": "kubectl", "fieldValidation": "Strict"}
        made = api_server.call("PATCH", path, dump(document), media=APPLY, query=query)
        assert (made.status, made.headers.get("Warning")) == (201, None), made.message
    tenant = Tenant(api_server, namespace, api_server.create_namespace(), account)
    tenant.until_may_read(MINE)
    return tenant


SECRETS = SECRET.path("{here}")
MINE = f"{SECRETS}/{OURS}"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{here}"


def secret(name: str = OURS) -> Document:
    """Return a Secret of that name."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {}}


def test_the_role_suffices(tenant: Tenant) -> None:
    """Reading, making, applying and merging the one Secret is all that the app does."""
    assert tenant.ask("GET", MINE).status == 404
    assert tenant.ask("PATCH", MINE, secret(), APPLY).status == 201
    assert tenant.ask("PATCH", MINE, {**secret(), "data": {"a": "YQ=="}}, APPLY).status == 200
    assert tenant.ask("PATCH", MINE, {"data": {"a": None}}, MERGE).status == 200
    assert tenant.ask("GET", MINE).status == 200


@needs_kubectl
def test_the_doctors_remedy_widens_the_role(tenant: Tenant, tmp_path: Path) -> None:
    """What the doctor says to run for a second vault adds its Secret and leaves the first."""
    config = tmp_path / "kubeconfig"
    config.write_text(tenant.server.kubeconfig())
    target = replace(TARGET, namespace=tenant.namespace, secret="keyvault-2")
    subprocess.run(  # noqa: S602 - as an operator pastes it
        remedies.role(target, tenant.account.user),
        shell=True,
        check=True,
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(config)},
    )
    tenant.until_may_read(f"{SECRETS}/keyvault-2")
    for name in (OURS, "keyvault-2"):
        assert tenant.ask("PATCH", f"{SECRETS}/{name}", secret(name), APPLY).status == 201


BEYOND: dict[str, tuple[str, str, Document | None, str]] = {
    "list": ("GET", SECRETS, None, ""),
    "list-by-name": ("GET", f"{SECRETS}?fieldSelector=metadata.name%3D{OURS}", None, ""),
    "list-everywhere": ("GET", "/api/v1/secrets", None, ""),
    "watch": ("GET", f"{SECRETS}?watch=true", None, ""),
    "watch-by-name": (
        "GET",
        f"{SECRETS}?watch=true&fieldSelector=metadata.name%3D{OURS}",
        None,
        "",
    ),
    "delete": ("DELETE", MINE, None, ""),
    "deletecollection": ("DELETE", SECRETS, None, ""),
    "update": ("PUT", MINE, secret(), ""),
    "post": ("POST", SECRETS, secret(), ""),
    "get-another": ("GET", f"{SECRETS}/keyvault-2", None, ""),
    "apply-another": ("PATCH", f"{SECRETS}/keyvault-2", secret("keyvault-2"), APPLY),
    "get-elsewhere": ("GET", SECRET.path("{elsewhere}", OURS), None, ""),
    "apply-elsewhere": ("PATCH", SECRET.path("{elsewhere}", OURS), secret(), APPLY),
    "get-configmap": ("GET", f"/api/v1/namespaces/{{here}}/configmaps/{OURS}", None, ""),
    "list-pods": ("GET", "/api/v1/namespaces/{here}/pods", None, ""),
    "get-deployment": ("GET", f"/apis/apps/v1/namespaces/{{here}}/deployments/{OURS}", None, ""),
    "token-of-another": (
        "POST",
        "/api/v1/namespaces/{here}/serviceaccounts/default/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        "",
    ),
    "get-namespace": ("GET", "/api/v1/namespaces/{here}", None, ""),
    "list-namespaces": ("GET", "/api/v1/namespaces", None, ""),
    "create-namespace": ("POST", "/api/v1/namespaces", {"metadata": {"name": "more"}}, ""),
    "get-role": ("GET", f"{ROLES}/roles/{NAME}", None, ""),
    "widen-role": ("PATCH", f"{ROLES}/roles/{NAME}", {"rules": []}, MERGE),
    "bind-role": ("PATCH", f"{ROLES}/rolebindings/{NAME}", {"subjects": []}, MERGE),
}


@pytest.mark.parametrize("request_beyond", BEYOND.values(), ids=BEYOND)
def test_anything_else_is_refused(
    tenant: Tenant, request_beyond: tuple[str, str, Document | None, str]
) -> None:
    """Every other verb, name, kind and namespace gives 403, though the Secret is there."""
    assert tenant.ask("PATCH", MINE, secret(), APPLY).status == 201
    refused = tenant.ask(*request_beyond)
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert tenant.account.user in refused.message
