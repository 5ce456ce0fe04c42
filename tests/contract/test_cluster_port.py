"""The port Cluster over the kubernetes package, on the emulator and on a real API server."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, child
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigFile
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.errors import Conflict, Permanent
from sync.core.model import CREATE_ONLY, STATE_ANNOTATION, Actual, Desired, Target, VaultName
from tests.contract.api_servers import APPLY, MERGE, STRATEGIC, Answer, ApiServer
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

VAULT = VaultName("weu-ds-akv-shop-dev-1")
LABELS = {"app.kubernetes.io/managed-by": "keyvault-sync"}


def desired(**data: str) -> Desired:
    """Return what to apply for these keys."""
    values = {key: value.encode() for key, value in data.items()}
    return Desired(values, LABELS, {STATE_ANNOTATION: "{}"})


def encoded(**data: str) -> Document:
    """Return the data as a Secret holds it."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


@dataclass(frozen=True, slots=True)
class Port:
    """The port, aimed at one target, and the server behind it."""

    cluster: KubernetesSecrets
    target: Target
    server: ApiServer

    def read(self) -> Actual:
        """Read the Secret, which is there."""
        actual = self.cluster.read(self.target, soon())
        assert actual is not None
        return actual

    def apply(self, wanted: Desired, resource_version: str) -> Actual:
        """Apply, and read what came of it."""
        self.cluster.apply(self.target, wanted, resource_version, soon())
        return self.read()

    def edit(self, body: Document, media: str = MERGE, manager: str = "kubectl-edit") -> None:
        """Change the Secret as somebody else does."""
        assert self.call("PATCH", body, media, manager).status == 200

    def call(
        self, method: str, body: Document | None = None, media: str = MERGE, manager: str = "other"
    ) -> Answer:
        """Send a request for the Secret as the administrator."""
        path = f"/api/v1/namespaces/{self.target.namespace}/secrets/{self.target.secret}"
        return self.server.call(method, path, body, media=media, query={"fieldManager": manager})


def connect(server: ApiServer, folder: Path, token: str | None = None) -> Clusters:
    """Connect to the server with a kubeconfig."""
    path = folder / "kubeconfig"
    path.write_text(server.kubeconfig(token))
    return Clusters([ClusterConfig("main", KubeconfigFile(str(path)))])


@pytest.fixture
def clusters(api_server: ApiServer, tmp_path: Path) -> Iterator[Clusters]:
    """Connect as the administrator."""
    clusters = connect(api_server, tmp_path)
    yield clusters
    clusters.close()


@pytest.fixture
def port(clusters: Clusters, api_server: ApiServer, namespace: str) -> Port:
    """Aim at a Secret that is not there yet."""
    target = Target(VAULT, "main", namespace, "keyvault-project")
    return Port(KubernetesSecrets(clusters), target, api_server)


def test_an_absent_secret_is_none(port: Port) -> None:
    """Neither a missing Secret nor a missing namespace is an error to read."""
    assert port.cluster.read(port.target, soon()) is None
    nowhere = Target(VAULT, "main", "there-is-no-such", "keyvault-project")
    assert port.cluster.read(nowhere, soon()) is None


def test_create_only_creates(port: Port) -> None:
    """What was applied to an absent Secret is there, byte by byte, and ours."""
    actual = port.apply(desired(a="1\n\0ä", b=""), CREATE_ONLY)
    assert actual.data == {"a": "1\n\0ä".encode(), "b": b""}
    assert (actual.type, actual.immutable) == ("Opaque", False)
    assert (actual.labels, actual.annotations) == (LABELS, {STATE_ANNOTATION: "{}"})
    assert actual.owned == {"a", "b"}
    assert actual.owned_by_others == frozenset()
    assert actual.owns_state


def test_create_only_refuses_what_is_there(port: Port) -> None:
    """The made-up version never passes on a Secret that exists."""
    before = port.apply(desired(a="1"), CREATE_ONLY)
    with pytest.raises(Conflict):
        port.apply(desired(a="2"), CREATE_ONLY)
    assert port.read() == before


def test_a_stale_version_is_a_conflict(port: Port) -> None:
    """A write that rests on an older Secret than there is changes nothing."""
    before = port.apply(desired(a="1"), CREATE_ONLY)
    port.edit({"data": encoded(other="x")})
    with pytest.raises(Conflict):
        port.apply(desired(a="2"), before.resource_version)
    with pytest.raises(Conflict):
        port.cluster.evict(port.target, frozenset({"a"}), before.resource_version, soon())
    assert port.read().data == {"a": b"1", "other": b"x"}


def test_what_was_deleted_meanwhile_is_not_made_anew(port: Port) -> None:
    """A write that was planned for a Secret which is gone by now is a conflict, and makes none.

    The server ignores the resourceVersion where there is no Secret, but not the uid.
    """
    before = port.apply(desired(a="1"), CREATE_ONLY)
    assert port.call("DELETE").status == 200
    with pytest.raises(Conflict):
        port.apply(replace(desired(a="2"), uid=before.uid), before.resource_version)
    assert port.cluster.read(port.target, soon()) is None
    anew = port.apply(desired(a="3"), CREATE_ONLY)
    with pytest.raises(Conflict):
        port.apply(replace(desired(a="4"), uid=before.uid), before.resource_version)
    assert port.read() == anew


def test_foreign_keys_survive_and_dropped_keys_vanish(port: Port) -> None:
    """An apply leaves what others added, and takes away what it no longer names."""
    port.apply(desired(a="1", b="2"), CREATE_ONLY)
    port.edit({"data": encoded(other="x")})
    actual = port.apply(desired(a="3"), port.read().resource_version)
    assert actual.data == {"a": b"3", "other": b"x"}
    assert actual.owned == {"a"}
    assert actual.owned_by_others == {"other"}


def test_an_annotation_is_ours_until_somebody_else_sets_it(port: Port) -> None:
    """Ours goes with the apply that leaves it out; another value of it is somebody else's."""
    linked = replace(desired(a="1"), annotations={STATE_ANNOTATION: "{}", "link": "ours"})
    actual = port.apply(linked, CREATE_ONLY)
    assert actual.owned_annotations == {STATE_ANNOTATION, "link"}
    assert actual.owned_labels == LABELS.keys()
    port.edit({"metadata": {"annotations": {"link": "theirs"}}})
    theirs = port.read()
    assert theirs.owned_annotations == {STATE_ANNOTATION}
    left = port.apply(desired(a="1"), theirs.resource_version)
    assert left.annotations == {STATE_ANNOTATION: "{}", "link": "theirs"}
    ours = port.apply(linked, left.resource_version)
    assert ours.owned_annotations == {STATE_ANNOTATION, "link"}
    gone = port.apply(desired(a="1"), ours.resource_version)
    assert gone.annotations == {STATE_ANNOTATION: "{}"}


def test_the_same_again_changes_nothing(port: Port) -> None:
    """An apply of what is there leaves data and ownership as they are."""
    before = port.apply(desired(a="1"), CREATE_ONLY)
    after = port.apply(desired(a="1"), before.resource_version)
    assert (after.data, after.owned) == (before.data, before.owned)


@pytest.mark.parametrize("media", [MERGE, STRATEGIC])
def test_a_changed_key_is_no_longer_ours(port: Port, media: str) -> None:
    """Somebody else's change of a key shows as ownership lost, and an apply takes it back."""
    port.apply(desired(a="1", b="2"), CREATE_ONLY)
    port.edit({"data": encoded(a="tampered")}, media)
    actual = port.read()
    assert actual.owned == {"b"}
    assert actual.owned_by_others == {"a"}
    repaired = port.apply(desired(a="1", b="2"), actual.resource_version)
    assert repaired.data == {"a": b"1", "b": b"2"}
    assert repaired.owned == {"a", "b"}


def test_a_deleted_key_is_no_longer_ours(port: Port) -> None:
    """A key that somebody took out is neither there nor owned, and an apply brings it back."""
    port.apply(desired(a="1", b="2"), CREATE_ONLY)
    port.edit({"data": {"a": None}})
    actual = port.read()
    assert set(actual.data) == actual.owned == {"b"}
    assert port.apply(desired(a="1", b="2"), actual.resource_version).owned == {"a", "b"}


def test_a_shared_key_needs_an_eviction(port: Port) -> None:
    """A key that another manager applies as well stays until it is evicted."""
    port.apply(desired(a="1", b="2"), CREATE_ONLY)
    body: Document = {"apiVersion": "v1", "kind": "Secret", "data": encoded(b="2")}
    port.edit(body, APPLY, manager="other")
    shared = port.read()
    assert ("b" in shared.owned, "b" in shared.owned_by_others) == (True, True)
    left = port.apply(desired(a="1"), shared.resource_version)
    assert set(left.data) == {"a", "b"}
    assert left.owned_by_others == {"b"}
    port.cluster.evict(port.target, frozenset({"b"}), left.resource_version, soon())
    evicted = port.read()
    assert set(evicted.data) == evicted.owned == {"a"}
    assert evicted.owns_state
    values = {"c": b"3"}
    port.cluster.evict(
        port.target, frozenset({"a"}), evicted.resource_version, soon(), values=values
    )
    replaced = port.read()
    assert replaced.data == values
    assert (replaced.owned, replaced.owned_by_others) == (frozenset(), frozenset({"c"}))


def test_a_tampered_state_is_no_longer_ours(port: Port) -> None:
    """Somebody else's change of the state annotation shows as ownership lost."""
    port.apply(desired(a="1"), CREATE_ONLY)
    port.edit({"metadata": {"annotations": {STATE_ANNOTATION: "forged"}}})
    assert not port.read().owns_state


def test_owners_and_immutability_are_read(port: Port) -> None:
    """A Secret that a controller owns, or that nobody may change, is known as such."""
    port.apply(desired(a="1"), CREATE_ONLY)
    owner: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "1"}
    port.edit({"metadata": {"ownerReferences": [owner]}, "immutable": True})
    actual = port.read()
    assert (actual.owner_references, actual.immutable) == (("ConfigMap/c",), True)
    with raises(Permanent, "SecretRefused") as caught:
        port.apply(desired(a=PLANTED), actual.resource_version)
    assert leaks(said(caught.value)) == []


def test_a_missing_namespace_is_named(port: Port) -> None:
    """A write into a namespace that is not there says how to make it."""
    nowhere = Target(VAULT, "main", "there-is-no-such", "keyvault-project")
    with raises(Permanent, "NamespaceMissing", "kubectl create namespace there-is-no-such"):
        port.cluster.apply(nowhere, desired(a="1"), CREATE_ONLY, soon())


def test_a_vanished_secret_is_no_conflict_to_create(port: Port) -> None:
    """An apply with an old version creates what was deleted; an eviction from it conflicts."""
    before = port.apply(desired(a="1"), CREATE_ONLY)
    assert port.call("DELETE").status == 200
    with pytest.raises(Conflict):
        port.cluster.evict(port.target, frozenset({"a"}), before.resource_version, soon())
    assert port.cluster.read(port.target, soon()) is None
    assert port.apply(desired(a="2"), before.resource_version).data == {"a": b"2"}


@pytest.mark.parametrize(
    "wanted",
    [
        desired(**{"not a key": PLANTED}),
        desired(a=PLANTED * 60_000),
        Desired({"a": PLANTED.encode()}, LABELS, {STATE_ANNOTATION: PLANTED * 20_000}),
        Desired({"a": PLANTED.encode()}, {"l": f"{PLANTED} {PLANTED}"}, {}),
        desired(a=PLANTED * 160_000),
    ],
    ids=["key", "size", "annotations", "label", "request"],
)
def test_a_secret_that_is_none_is_refused(port: Port, wanted: Desired) -> None:
    """What the API server cannot take is permanent, and of the Secret nothing is told."""
    with raises(Permanent, "SecretRefused") as caught:
        port.apply(wanted, CREATE_ONLY)
    assert leaks(said(caught.value)) == []
    assert port.cluster.read(port.target, soon()) is None


def test_a_stranger_is_unauthorized(port: Port, tmp_path: Path) -> None:
    """A token that the cluster does not know is permanent."""
    clusters = connect(port.server, tmp_path, token="unknown")
    with raises(Permanent, "ClusterUnauthorized"):
        KubernetesSecrets(clusters).read(port.target, soon())
    clusters.close()


def test_the_role_that_suffices(port: Port, tmp_path: Path) -> None:
    """get, create and patch of that one Secret do; any other Secret is forbidden, and says so."""
    rule = Rule(
        verbs=("get", "create", "patch"),
        resources=("secrets",),
        names=(port.target.secret,),
        namespaces=(port.target.namespace,),
    )
    account = port.server.user("app", [rule])
    clusters = connect(port.server, tmp_path, account.token)
    cluster = KubernetesSecrets(clusters)
    cluster.apply(port.target, desired(a="1"), CREATE_ONLY, soon())
    actual = cluster.read(port.target, soon())
    assert actual is not None
    cluster.evict(port.target, frozenset({"a"}), actual.resource_version, soon())
    other = Target(VAULT, "main", port.target.namespace, "keyvault-2")
    with raises(Permanent, "ClusterForbidden", account.user) as caught:
        cluster.apply(other, desired(a=PLANTED), CREATE_ONLY, soon())
    assert leaks(said(caught.value)) == []
    clusters.close()


def test_a_namespace_that_goes_takes_nothing(port: Port) -> None:
    """A write into a namespace that is being deleted is permanent, whatever step it is at."""
    path = f"/api/v1/namespaces/{port.target.namespace}"
    assert port.server.call("DELETE", path).status in {200, 202}
    with pytest.raises(Permanent) as caught:
        port.cluster.apply(port.target, desired(a="1"), CREATE_ONLY, soon())
    assert caught.value.reason in {"NamespaceTerminating", "NamespaceMissing"}


def test_a_secret_of_somebody_else_s_is_not_ours(port: Port) -> None:
    """A Secret that was made with kubectl is all somebody else's."""
    path = f"/api/v1/namespaces/{port.target.namespace}/secrets"
    body: Document = {"metadata": {"name": port.target.secret}, "data": encoded(a="1")}
    made = port.server.call("POST", path, body, query={"fieldManager": "kubectl-create"})
    assert made.status == 201
    assert child(made.body, "metadata")["name"] == port.target.secret
    actual = port.read()
    assert actual.owned == frozenset()
    assert actual.owned_by_others == {"a"}
    assert not actual.owns_state
