"""The real kubectl works on the emulator's workloads and custom kinds."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from local.kubernetes import kubeconfig
from local.kubernetes.controllers import HOLD_STATUS
from local.kubernetes.documents import Document, Json, child, items, parse_yaml, text
from local.kubernetes.kinds import Kind
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, STATEFUL_SET, WORKLOADS
from local.platform import DEFINITION, EXAMPLE
from tests.contract.test_kubectl import Kubectl, kubectl

__all__ = ["kubectl"]

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
_KINDS = pytest.mark.parametrize("kind", WORKLOADS, ids=lambda kind: kind.name)


def manifest(kind: Kind, image: str = "registry.example/web:1") -> str:
    """Return a workload `w` that reads two Secrets."""
    container: Document = {
        "name": "web",
        "image": image,
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}}],
        "envFrom": [{"secretRef": {"name": "t", "optional": True}}],
        "ports": [{"containerPort": 8080}],
    }
    template: Document = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [container]},
    }
    spec: Document = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    head: Document = {"apiVersion": kind.api_version, "kind": kind.name}
    return yaml.safe_dump({**head, "metadata": {"name": "w"}, "spec": spec})


def of(kubectl: Kubectl, kind: Kind) -> Document:
    """Return the workload."""
    return kubectl.cluster.document(kind, "n", "w")


def containers(document: Document) -> list[Document]:
    """Return the containers of its template."""
    return items(child(child(child(document, "spec"), "template"), "spec"), "containers")


def generation(document: Document) -> Json:
    """Return its generation."""
    return child(document, "metadata")["generation"]


@_KINDS
@pytest.mark.parametrize("side", ["client", "server"])
def test_apply(kubectl: Kubectl, kind: Kind, side: str) -> None:
    """`apply` makes a workload, changes nothing the second time, and takes a field back."""
    words = ("apply", f"--server-side={str(side == 'server').lower()}", "-f", "-")
    kubectl(*words, stdin=manifest(kind))
    before = of(kubectl, kind)
    again = kubectl(*words, stdin=manifest(kind))
    assert side == "server" or "unchanged" in again
    assert of(kubectl, kind) == before
    kubectl(*words, stdin=manifest(kind, "registry.example/web:2"))
    (container,) = containers(of(kubectl, kind))
    assert container["image"] == "registry.example/web:2"
    assert (container["imagePullPolicy"], items(container, "ports")[0]["protocol"]) == (
        "IfNotPresent",
        "TCP",
    )
    without = manifest(kind).replace("    - secretRef", "    - configMapRef")
    kubectl(*words, stdin=without.replace("name: t", "name: c"))
    (container,) = containers(of(kubectl, kind))
    assert container["envFrom"] == [{"configMapRef": {"name": "c", "optional": True}}]
    assert kubectl.run("diff", "-f", "-", stdin=manifest(kind)).returncode == 1


@_KINDS
def test_get_and_describe(kubectl: Kubectl, kind: Kind) -> None:
    """`get` and `describe` show a workload whose pods all run."""
    kubectl("apply", "-f", "-", stdin=manifest(kind))
    header, row = kubectl("get", kind.short_names[0]).splitlines()
    shown = dict(zip(header.split(), row.split(), strict=False))
    assert shown["NAME"] == "w"
    assert shown["READY"] in {"1/1", "1"}
    assert "registry.example/web:1" in kubectl("describe", kind.plural, "w")


@_KINDS
def test_rollouts(kubectl: Kubectl, kind: Kind) -> None:
    """`rollout restart` changes the template, and `rollout status` sees the pods follow."""
    kubectl("apply", "-f", "-", stdin=manifest(kind))
    before = generation(of(kubectl, kind))
    kubectl("rollout", "restart", kind.plural, "w")
    assert isinstance(before, int)
    after = of(kubectl, kind)
    assert generation(after) == before + 1
    assert child(after, "status")["observedGeneration"] == before + 1
    assert kubectl("rollout", "status", kind.plural, "w", "--timeout=5s")


def test_a_held_status(kubectl: Kubectl) -> None:
    """While the annotation is there the status stays, and `rollout status` waits."""
    kubectl("apply", "-f", "-", stdin=manifest(DEPLOYMENT))
    kubectl("annotate", "deployment", "w", f"{HOLD_STATUS}=true")
    before = child(of(kubectl, DEPLOYMENT), "status")
    kubectl("rollout", "restart", "deployment", "w")
    assert child(of(kubectl, DEPLOYMENT), "status") == before
    waiting = kubectl.run("rollout", "status", "deployment", "w", "--timeout=1s")
    assert waiting.returncode == 1
    kubectl("annotate", "deployment", "w", f"{HOLD_STATUS}-")
    after = of(kubectl, DEPLOYMENT)
    assert child(after, "status")["observedGeneration"] == generation(after)


def test_the_status_moves_the_version(kubectl: Kubectl) -> None:
    """Who writes by the version of its own write's answer meets the status write, with a 409."""
    path = DEPLOYMENT.path("n")
    made = kubectl.server.call("POST", path, parse_yaml(manifest(DEPLOYMENT).encode()))
    assert (made.status, child(made.body, "status")) == (201, {})
    late = kubectl.server.call("PUT", f"{path}/w", made.body)
    assert (late.status, late.reason) == (409, "Conflict")


def test_a_test_writes_any_status(kubectl: Kubectl) -> None:
    """A status that a test writes stays until the next change of the object."""
    kubectl("apply", "-f", "-", stdin=manifest(STATEFUL_SET))
    kubectl.cluster.write_status(STATEFUL_SET, "n", "w", {"replicas": 1, "updatedReplicas": 0})
    assert child(of(kubectl, STATEFUL_SET), "status") == {"replicas": 1, "updatedReplicas": 0}


@_KINDS
def test_set_patch_and_edit(kubectl: Kubectl, kind: Kind) -> None:
    """`set env`, `set image`, `patch` and `edit` change one container and leave the rest."""
    kubectl("apply", "-f", "-", stdin=manifest(kind))
    kubectl("set", "env", f"{kind.plural}/w", "B=2")
    kubectl("set", "image", f"{kind.plural}/w", "web=registry.example/web:3")
    kubectl("set", "env", f"{kind.plural}/w", "A-")
    (container,) = containers(of(kubectl, kind))
    assert container["image"] == "registry.example/web:3"
    assert container["env"] == [{"name": "B", "value": "2"}]
    sidecar: Document = {"name": "side", "image": "registry.example/side"}
    patch: Document = {"spec": {"template": {"spec": {"containers": [sidecar]}}}}
    kubectl("patch", kind.plural, "w", "-p", json.dumps(patch))
    names = [text(each, "name") for each in containers(of(kubectl, kind))]
    assert sorted(names) == ["side", "web"]
    kubectl("edit", kind.plural, "w", editor="sed -i s,registry.example/side,registry.example/t,")
    images = [text(each, "image") for each in containers(of(kubectl, kind))]
    assert "registry.example/t" in images


def test_undo_needs_replica_sets(kubectl: Kubectl) -> None:
    """`rollout undo` reads ReplicaSets, which are not here; applying the old manifest undoes."""
    kubectl("apply", "-f", "-", stdin=manifest(DEPLOYMENT))
    refused = kubectl.run("rollout", "undo", "deployment", "w")
    assert refused.returncode == 1
    assert "replica sets" in refused.stderr


def test_unknown_fields_and_explain(kubectl: Kubectl) -> None:
    """An unknown field deep in a template is named; `explain` knows the fields."""
    broken = manifest(DAEMON_SET).replace("envFrom:", "envform:")
    refused = kubectl.run("apply", "-f", "-", stdin=broken)
    assert 'unknown field "spec.template.spec.containers[0].envform"' in refused.stderr
    assert "secretRef" in kubectl("explain", "deployment.spec.template.spec.containers.envFrom")
    assert "configMapRef" in kubectl("explain", "pod.spec.containers.envFrom")


def test_pods(kubectl: Kubectl) -> None:
    """Pods are documents, which run from when they are made."""
    assert kubectl("get", "pods", "-o", "name") == ""
    spec = yaml.safe_dump({"containers": [{"name": "a", "image": "b"}]})
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec:\n"
    kubectl("apply", "-f", "-", stdin=head + "  " + spec.replace("\n", "\n  "))
    (pod,) = json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["startTime"] >= pod["metadata"]["creationTimestamp"]
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=5s")
    kubectl("delete", "pod", "p")


@pytest.fixture
def platform(kubectl: Kubectl) -> Kubectl:
    """Add the platform's kind."""
    kubectl.cluster.define(DEFINITION)
    return kubectl


@pytest.mark.parametrize("stage", ["dev", "stg", "prd"])
def test_an_application_is_applied(platform: Kubectl, stage: str) -> None:
    """Each stage of the example lists its own secrets and the common ones; again is no change."""
    folder = str(EXAMPLE / stage)
    assert "created" in platform("apply", "-k", folder)
    assert "unchanged" in platform("apply", "-k", folder)
    shown = yaml.safe_load(platform("get", "papp", "web-application", "-o", "yaml"))
    assert shown["apiVersion"] == "meta.p6m.dev/v1alpha1"
    assert [each["name"] for each in shown["spec"]["secrets"]] == [
        f"{stage}-database-credentials",
        f"{stage}-api-keys",
        "common-api-keys",
        "common-tls-certificates",
    ]
    platform("apply", "--server-side", "--force-conflicts", "-k", str(EXAMPLE / "base"))
    after = yaml.safe_load(platform("get", "platformapplications", "-o", "yaml"))["items"][0]
    assert [each["name"] for each in after["spec"]["secrets"]] == [
        "common-api-keys",
        "common-tls-certificates",
    ]
    assert after["metadata"]["generation"] == 2


def test_a_custom_kind_is_shown(platform: Kubectl) -> None:
    """`get`, `explain`, `api-resources` and validation know the kind; `edit` and `patch` work."""
    platform("apply", "-k", str(EXAMPLE / "base"))
    header, row = platform("get", "papp").splitlines()
    assert header.split() == ["NAME", "IMAGE", "REPLICAS", "AGE"]
    assert row.split()[:3] == ["web-application", "registry.example/web-application:1.4.2", "1"]
    assert "platformapplications" in platform("api-resources")
    assert "secrets" in platform("explain", "papp.spec")
    platform("patch", "papp", "web-application", "--type=merge", "-p", '{"spec":{"secrets":[]}}')
    platform("edit", "papp", "web-application", editor="sed -i s/info/debug/")
    spec = yaml.safe_load(platform("get", "papp", "web-application", "-o", "yaml"))["spec"]
    assert (spec["secrets"], spec["config"]) == ([], {"LOG_LEVEL": "debug"})
    wrong = yaml.safe_dump({"spec": {"secrets": [{"nam": "x"}]}, **_HEAD})
    refused = platform.run("apply", "-f", "-", stdin=wrong)
    assert 'unknown field "spec.secrets[0].nam"' in refused.stderr


_HEAD = {
    "apiVersion": "meta.p6m.dev/v1alpha1",
    "kind": "PlatformApplication",
    "metadata": {"name": "x"},
}


def test_a_kind_that_is_not_defined_is_absent(kubectl: Kubectl) -> None:
    """Without its definition the group is not there, as on most clusters."""
    path = "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts"
    assert kubectl.server.call("GET", path).status == 404
    nobody = kubectl.server.user("nobody", [])
    assert kubectl.server.call("GET", path, token=nobody.token).status == 403


def test_kubectl_reads_rights_of_its_own(kubectl: Kubectl, tmp_path: Path) -> None:
    """A user without rights on workloads is refused by name of the group."""
    nobody = kubectl.server.user("nobody", [])
    server = kubectl.server
    (tmp_path / "config").write_text(kubeconfig(server.url, server.ca_pem, nobody.token, "n"))
    refused = kubectl.run("get", "deployments")
    assert 'cannot list resource "deployments" in API group "apps"' in refused.stderr
