"""The components for restarts and applications: what an overlay makes of them."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from local.kubernetes.documents import Document, child, items, text, words
from local.kubernetes.workloads import DEPLOYMENT, WORKLOADS
from local.platform import DEFINITION, EXAMPLE
from local.role import BASE, COMPONENTS, Rights
from tests.contract.api_servers import ApiServer
from tests.contract.conftest import actual_server, api_server, emulated_server, namespace
from tests.contract.definitions import serve
from tests.contract.policies import manifest
from tests.infra.test_components import IDENTITY, expressions
from tests.infra.test_kubernetes import kubectl, needs_kubectl

__all__ = ["actual_server", "api_server", "emulated_server", "namespace"]

APPLICATIONS = BASE.parent / "overlays" / "example-applications"
MARK = "keyvault-sync/application"
POLICY = "keyvault-sync-env-from"
OURS: Document = {"secretRef": {"name": "web-application", "optional": True}}
README = (BASE.parent / "README.md").read_text()


def documents(folder: Path) -> dict[tuple[str, str], Document]:
    """Build a kustomization; return its documents by kind and name."""
    built: list[Document] = list(yaml.safe_load_all(kubectl("kustomize", str(folder))))
    return {(text(each, "kind"), text(child(each, "metadata"), "name")): each for each in built}


@needs_kubectl
def test_the_overlay_adds_to_the_one_role() -> None:
    """The example's Role has the base's rule and those of both components, for one identity."""
    found = documents(APPLICATIONS)
    secrets = ["keyvault-project", "keyvault-2", "orders", "billing"]
    rights = Rights.shipped("shop-dev", IDENTITY, secrets, components=("restart", "applications"))
    assert found["Role", "keyvault-sync"] == rights.role
    assert found["RoleBinding", "keyvault-sync"] == rights.binding
    limits = expressions(found["ValidatingAdmissionPolicy", "keyvault-sync-restart-only"])
    assert limits["the-app-asks"] == f"request.userInfo.username == '{IDENTITY}'"
    bound = found["ValidatingAdmissionPolicyBinding", "keyvault-sync-restart-only"]
    assert child(bound, "spec")["validationActions"] == ["Deny"]


def test_the_rules_name_what_the_app_restarts_and_reads() -> None:
    """No rule has a verb beyond get, list and patch, and none is about Secrets."""
    base, *added = items(
        Rights.shipped("n", "u", ["s"], components=("restart", "applications")).role, "rules"
    )
    assert base["resources"] == ["secrets"]
    groups = [(each["apiGroups"], each["resources"], each["verbs"]) for each in added]
    spec = child(DEFINITION, "spec")
    read = ["get", "list"]
    assert groups == [
        (["apps"], [kind.plural for kind in WORKLOADS], [*read, "patch"]),
        (["argoproj.io"], ["rollouts"], [*read, "patch"]),
        ([""], ["pods"], ["list"]),
        ([spec["group"]], [child(spec, "names")["plural"]], read),
    ]


def test_the_policy_for_restarts_names_nobody() -> None:
    """As shipped it is about no identity; it fails closed, and covers all that may be patched."""
    policy = manifest("restart-only", "policy")
    assert "00000000-0000-0000-0000-000000000000" in expressions(policy)["the-app-asks"]
    spec = child(policy, "spec")
    assert spec["failurePolicy"] == "Fail"
    rights = Rights.shipped("n", "u", ["s"], components=("restart",))
    patched = [
        (each["apiGroups"], each["resources"])
        for each in items(rights.role, "rules")[1:]
        if "patch" in words(each, "verbs")
    ]
    covered = items(child(spec, "matchConstraints"), "resourceRules")
    assert [(each["apiGroups"], each["resources"]) for each in covered] == patched


def test_the_policy_has_what_both_mutations_share() -> None:
    """It looks at new pods alone, adds behind what is there, and each list is handled the same."""
    policy, binding = manifest("env-from", "policy"), manifest("env-from", "binding")
    assert child(binding, "spec") == {"policyName": POLICY}
    for each in (policy, binding):
        assert text(child(each, "metadata"), "name") == POLICY
        labels = child(child(each, "metadata"), "labels")
        assert labels == {"velero.io/exclude-from-backup": "true"}
    spec = child(policy, "spec")
    (rule,) = items(child(spec, "matchConstraints"), "resourceRules")
    assert (rule["resources"], rule["operations"]) == (["pods"], ["CREATE"])
    assert (spec["failurePolicy"], spec["reinvocationPolicy"]) == ("Fail", "IfNeeded")
    containers, inits = (
        text(child(each, "jsonPatch"), "expression") for each in items(spec, "mutations")
    )
    assert (
        inits.replace("spec.?initContainers.orValue([])", "spec.containers").replace(
            "/spec/initContainers/", "/spec/containers/"
        )
        == containers
    )
    written = (COMPONENTS / "env-from" / "policy.yaml").read_text()
    assert set(re.findall(r"keyvault-sync/\w+", written)) == {MARK}


@needs_kubectl
@pytest.mark.parametrize("side", ["client", "server"])
def test_the_applications_example_is_applied(
    actual_server: ApiServer, tmp_path: Path, side: str
) -> None:
    """Kubectl applies the overlay as it is, from either side, and again without a change."""
    config = tmp_path / "kubeconfig"
    config.write_text(actual_server.kubeconfig())
    made = actual_server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop-dev"}})
    assert made.status in {201, 409}
    apply = ["apply", f"--server-side={str(side == 'server').lower()}", "-k", str(APPLICATIONS)]
    try:
        for _ in range(2):
            kubectl(*apply, "--force-conflicts" if side == "server" else "--wait", config=config)
    finally:
        kubectl("delete", "--ignore-not-found", "-k", str(APPLICATIONS), config=config)


_WORKLOAD = """\
apiVersion: apps/v1
kind: {kind}
metadata:
  name: {name}
  labels: {labels}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: bare
          image: registry.example/a
        - name: configured
          image: registry.example/a
          envFrom: [{{configMapRef: {{name: c}}}}]
"""
_KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [example, workloads.yaml]
components: [component]
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Write an application's kustomization: its object, four workloads and the component."""
    marked = f"{{{MARK}: web-application}}"
    manifests = [
        _WORKLOAD.format(kind=kind.name, name=kind.name.lower(), labels=marked)
        for kind in WORKLOADS
    ]
    manifests.append(_WORKLOAD.format(kind="Deployment", name="other", labels="{}"))
    (tmp_path / "workloads.yaml").write_text("---\n".join(manifests))
    shutil.copytree(EXAMPLE / "base", tmp_path / "example")
    shutil.copytree(COMPONENTS / "env-from-kustomize", tmp_path / "component")
    (tmp_path / "kustomization.yaml").write_text(_KUSTOMIZATION)
    return tmp_path


def sources(workload: Document) -> list[list[Document]]:
    """Return the sources of variables of each container of a template, without empty fields."""
    template = child(child(workload, "spec"), "template")
    return [
        [
            {key: value for key, value in source.items() if value}
            for source in items(each, "envFrom")
        ]
        for each in items(child(template, "spec"), "containers")
    ]


@needs_kubectl
def test_the_kustomize_component_adds_the_secret(application: Path) -> None:
    """Workloads with the label get the application's Secret behind what is there; others do not."""
    found = documents(application)
    for kind in WORKLOADS:
        workload = found[kind.name, kind.name.lower()]
        assert sources(workload) == [[OURS], [{"configMapRef": {"name": "c"}}, OURS]]
    assert sources(found["Deployment", "other"]) == [[], [{"configMapRef": {"name": "c"}}]]
    assert {kind for kind, _ in found} == {*(k.name for k in WORKLOADS), "PlatformApplication"}


@needs_kubectl
@pytest.mark.parametrize("side", ["client", "server"])
def test_what_the_kustomize_component_makes_is_applied(
    api_server: ApiServer, namespace: str, application: Path, side: str
) -> None:
    """Servers take it as it is, and again without a change."""
    serve(api_server, DEFINITION)
    config = application / "kubeconfig"
    config.write_text(api_server.kubeconfig(namespace=namespace))
    apply = ["apply", f"--server-side={str(side == 'server').lower()}", "-k", str(application)]
    kubectl(*apply, config=config)
    before = api_server.call("GET", DEPLOYMENT.path(namespace, "deployment")).body
    kubectl(*apply, config=config)
    after = api_server.call("GET", DEPLOYMENT.path(namespace, "deployment")).body
    assert child(after, "spec") == child(before, "spec")
    assert sources(after)[0] == [OURS]


@pytest.mark.parametrize("component", sorted(path.name for path in COMPONENTS.iterdir()))
def test_the_readme_tells_of_each_component(component: str) -> None:
    """Each component has a row, and its kustomization says what it is for."""
    assert f"`components/{component}`" in README
    first = (COMPONENTS / component / "kustomization.yaml").read_text().splitlines()[0]
    assert first.startswith("# ")
