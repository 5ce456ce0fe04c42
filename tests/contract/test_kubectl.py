"""The real kubectl works against the emulator."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from local.kubernetes import Cluster, kubeconfig
from tests.contract.api_servers import ApiServer, emulator

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

_MANIFEST = """\
apiVersion: v1
kind: Secret
metadata:
  name: s
data:
  a: b25l
"""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with a kubeconfig of its own, in one namespace of a cluster."""

    cluster: Cluster
    server: ApiServer
    folder: Path

    def __call__(self, *words: str, stdin: str = "", editor: str = "") -> str:
        """Run it; return what it prints."""
        done = self.run(*words, stdin=stdin, editor=editor)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(
        self, *words: str, stdin: str = "", editor: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whether it succeeds or not."""
        return subprocess.run(  # noqa: S603 - our own words
            ("kubectl", *words),  # noqa: S607 - the one on the path
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.folder / "config"),
                "KUBE_EDITOR": editor,
            },
        )

    def data(self) -> dict[str, bytes]:
        """Return the data of Secret `s`, from the cluster itself."""
        return self.cluster.data("n", "s")


@pytest.fixture
def kubectl(tmp_path: Path) -> Iterator[Kubectl]:
    """Serve a cluster that has the namespace `n`."""
    cluster = Cluster()
    cluster.create_namespace("n")
    with emulator(cluster) as server:
        config = kubeconfig(server.url, server.ca_pem, server.admin_token, "n")
        (tmp_path / "config").write_text(config)
        yield Kubectl(cluster, server, tmp_path)


def test_create_and_get(kubectl: Kubectl) -> None:
    """`create secret generic` makes what `get` shows, as a table and as YAML."""
    kubectl("create", "secret", "generic", "s", "--from-literal=a=one", "--from-literal=b=two")
    assert kubectl.data() == {"a": b"one", "b": b"two"}
    header, row = kubectl("get", "secret", "s").splitlines()
    assert header.split() == ["NAME", "TYPE", "DATA", "AGE"]
    assert row.split()[:3] == ["s", "Opaque", "2"]
    assert yaml.safe_load(kubectl("get", "secret", "s", "-o", "yaml"))["data"]["a"] == "b25l"


def test_get_in_all_namespaces(kubectl: Kubectl) -> None:
    """`get secrets -A` shows the namespace of each."""
    kubectl.cluster.create_namespace("m")
    for namespace in ("m", "n"):
        kubectl.cluster.put_secret(namespace, "s", {})
    rows = kubectl("get", "secrets", "-A", "--no-headers").splitlines()
    assert [row.split()[:2] for row in rows] == [["m", "s"], ["n", "s"]]


def test_namespaces(kubectl: Kubectl) -> None:
    """Namespaces are created, listed, described and deleted with their Secrets."""
    kubectl("create", "namespace", "fresh")
    kubectl.cluster.put_secret("fresh", "s", {})
    assert "fresh" in kubectl("get", "ns")
    assert "Active" in kubectl("describe", "namespace", "fresh")
    kubectl("label", "namespace", "fresh", "team=x")
    manifest = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: applied\n"
    kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
    assert kubectl("get", "ns", "-l", "team=x", "-o", "name").strip() == "namespace/fresh"
    kubectl("delete", "namespace", "fresh")
    assert "fresh" not in kubectl("get", "ns")
    assert kubectl("get", "secrets", "-A", "-o", "name") == ""


def test_describe(kubectl: Kubectl) -> None:
    """`describe` shows the keys and their sizes."""
    kubectl.cluster.put_secret("n", "s", {"a": b"one"})
    assert "a:  3 bytes" in kubectl("describe", "secret", "s")


def test_client_side_apply(kubectl: Kubectl) -> None:
    """`apply` creates, changes and removes."""
    kubectl("apply", "-f", "-", stdin=_MANIFEST)
    assert kubectl("apply", "-f", "-", stdin=_MANIFEST).strip() == "secret/s unchanged"
    assert kubectl.data() == {"a": b"one"}
    changed = _MANIFEST.replace("b25l", "dHdv")
    assert kubectl("apply", "-f", "-", stdin=changed).strip() == "secret/s configured"
    assert kubectl.data() == {"a": b"two"}


def test_server_side_apply(kubectl: Kubectl) -> None:
    """`apply --server-side` applies as manager kubectl and reports conflicts."""
    words = ("apply", "--server-side", "-f", "-")
    kubectl(*words, stdin=_MANIFEST)
    refused = kubectl.run(
        *words,
        "--field-manager=other",
        stdin=_MANIFEST.replace("b25l", "eA=="),
    )
    assert refused.returncode == 1
    assert 'conflict with "kubectl": .data.a' in refused.stderr
    assert kubectl.data() == {"a": b"one"}


def test_server_side_apply_after_client_side(kubectl: Kubectl) -> None:
    """A Secret applied from the client can be applied from the server, which owns it then."""
    kubectl("apply", "-f", "-", stdin=_MANIFEST)
    words = ("apply", "--server-side", "-f", "-")
    done = kubectl.run(*words, stdin=_MANIFEST.replace("b25l", "eA=="))
    assert (done.returncode, done.stderr) == (0, "")
    assert kubectl.data() == {"a": b"x"}


@pytest.mark.parametrize("kind", ["merge", "strategic"])
def test_patch(kubectl: Kubectl, kind: str) -> None:
    """`patch` takes both types that merge."""
    kubectl.cluster.put_secret("n", "s", {"a": b"one"})
    kubectl("patch", "secret", "s", "--type", kind, "-p", '{"data":{"a":"eA=="}}')
    assert kubectl.data() == {"a": b"x"}


def test_edit(kubectl: Kubectl) -> None:
    """`edit` sends what the editor made of the object."""
    kubectl.cluster.put_secret("n", "s", {"a": b"one"})
    kubectl("edit", "secret", "s", editor="sed -i s/b25l/dHdv/")
    assert kubectl.data() == {"a": b"two"}


def test_label_and_annotate(kubectl: Kubectl) -> None:
    """`label` and `annotate` set metadata, and selectors find it."""
    kubectl.cluster.put_secret("n", "s", {})
    kubectl("label", "secret", "s", "app=x")
    kubectl("annotate", "secret", "s", "note=y")
    assert kubectl("get", "secrets", "-l", "app=x", "-o", "name").strip() == "secret/s"


def test_replace(kubectl: Kubectl) -> None:
    """`replace` puts."""
    kubectl.cluster.put_secret("n", "s", {"a": b"one", "b": b"two"})
    kubectl("replace", "-f", "-", stdin=_MANIFEST)
    assert kubectl.data() == {"a": b"one"}


def test_delete(kubectl: Kubectl) -> None:
    """`delete` removes one and, with --all, every Secret."""
    for name in ("s", "t", "u"):
        kubectl.cluster.put_secret("n", name, {})
    kubectl("delete", "secret", "s")
    assert len(kubectl("get", "secrets", "-o", "name").split()) == 2
    kubectl("delete", "secrets", "--all")
    assert kubectl("get", "secrets", "-o", "name") == ""


def test_diff(kubectl: Kubectl) -> None:
    """`diff` exits with 1 where an apply would change something."""
    kubectl("apply", "-f", "-", stdin=_MANIFEST)
    assert kubectl.run("diff", "-f", "-", stdin=_MANIFEST).returncode == 0
    changed = _MANIFEST.replace("b25l", "dHdv")
    assert kubectl.run("diff", "-f", "-", stdin=changed).returncode == 1


def test_validation_names_unknown_fields(kubectl: Kubectl) -> None:
    """A manifest with an unknown field is refused with the field's name."""
    refused = kubectl.run("create", "-f", "-", stdin=_MANIFEST + "foo: bar\n")
    assert refused.returncode == 1
    assert 'unknown field "foo"' in refused.stderr


def test_watch(kubectl: Kubectl) -> None:
    """`wait` sees a change through a watch."""
    kubectl.cluster.put_secret("n", "s", {})
    shown = kubectl("get", "secret", "s", "-w", "--request-timeout=1s", "--no-headers")
    assert shown.split()[:2] == ["s", "Opaque"]


def test_can_i_and_forbidden(kubectl: Kubectl) -> None:
    """`auth can-i` and a refusal speak of the user's rights."""
    assert kubectl("auth", "can-i", "delete", "secrets").strip() == "yes"
    account = kubectl.server.user("nobody", [])
    refused = kubectl.run("get", "secrets", f"--token={account.token}")
    assert f'User "{account.user}" cannot list resource "secrets"' in refused.stderr
    assert (
        kubectl.run("auth", "can-i", "get", "secrets", f"--token={account.token}").returncode == 1
    )


def test_explain_and_api_resources(kubectl: Kubectl) -> None:
    """Discovery and the schema are there."""
    assert "secrets" in kubectl("api-resources")
    assert "immutable" in kubectl("explain", "secret")


_JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: web}]}
"""


@pytest.mark.parametrize("words", ["apply", "apply --server-side", "create", "replace", "delete"])
def test_a_kind_that_is_not_served_is_told(kubectl: Kubectl, words: str) -> None:
    """Of a manifest whose kind the cluster lacks, kubectl says so."""
    refused = kubectl.run(*words.split(), "-f", "-", stdin=_JOB)
    assert refused.returncode == 1
    assert 'no matches for kind "Job" in version "batch/v1"' in refused.stderr
