"""The kubeconfigs that lead to the clusters: taken when sound, refused with a remedy when not."""

import ssl
from pathlib import Path

import pytest

from sync.adapters.clusters import ClusterConfig, Clusters
from sync.errors import Permanent
from tests.unit.scripted import PLANTED, said
from tests.unit.test_adapter_kubernetes import kubeconfig

URL = "https://api.example:6443"


def test_a_cluster_is_connected_once(tmp_path: Path) -> None:
    """Every caller shares one endpoint, and its one pool of connections."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    clusters = Clusters([ClusterConfig("main", str(path), "x")], concurrency=7)
    endpoint = clusters.endpoint("main")
    assert clusters.endpoint("main") is endpoint
    assert endpoint.url == URL
    assert endpoint.authorization() == f"Bearer {PLANTED}"
    assert endpoint.pool.connection_pool_kw["maxsize"] == 7
    assert PLANTED not in repr(endpoint)


def test_only_the_first_refusal_connects_anew(tmp_path: Path) -> None:
    """Of callers whose credential was refused, one reads the kubeconfig and the others follow."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None)
    clusters = Clusters([ClusterConfig("main", str(path))])
    refused = clusters.endpoint("main")
    renewed = clusters.renewed("main", refused)
    assert renewed is not refused
    assert clusters.renewed("main", refused) is renewed


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    """A missing kubeconfig is an error of that moment, not of the process."""
    path = tmp_path / "kubeconfig"
    clusters = Clusters([ClusterConfig("main", str(path))])
    with pytest.raises(Permanent):
        clusters.endpoint("main")
    kubeconfig(path, URL, "t", None)
    assert clusters.endpoint("main").url == URL


@pytest.mark.parametrize(
    "text",
    [
        "",
        PLANTED,
        f"users: [{PLANTED}",
        f"clusters: {PLANTED}\ncurrent-context: {PLANTED}\n",
        f"[{PLANTED}]",
        f"current-context: x\ncontexts:\n- name: {PLANTED}\n",
        f"current-context: x\ncontexts:\n- name: x\n  context: {PLANTED}\n",
        "\0",
    ],
    ids=range(8),
)
def test_a_broken_kubeconfig_is_not_quoted(tmp_path: Path, text: str) -> None:
    """What is wrong is said by place, with a command to try; the file's text is in no message."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(Permanent) as caught:
        Clusters([ClusterConfig("main", str(path))]).endpoint("main")
    assert caught.value.reason == "ClusterConfig"
    assert f"kubectl --kubeconfig {path}" in caught.value.message
    assert PLANTED not in said(caught.value)


def test_an_unknown_context_is_refused(tmp_path: Path) -> None:
    """A context that the kubeconfig does not have is the operator's to correct."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    with pytest.raises(Permanent, match="--context nope") as caught:
        Clusters([ClusterConfig("main", str(path), "nope")]).endpoint("main")
    assert PLANTED not in said(caught.value)


def test_plain_http_is_refused(tmp_path: Path) -> None:
    """A token is never sent in clear."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, "http://api.example", "t", None)
    with pytest.raises(Permanent, match="without https"):
        Clusters([ClusterConfig("main", str(path))]).endpoint("main")


def test_no_verification_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A kubeconfig that turns the server's verification off is obeyed, and warned of."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None, **{"insecure-skip-tls-verify": True})
    pool = Clusters([ClusterConfig("main", str(path))]).endpoint("main").pool
    assert pool.connection_pool_kw["ssl_context"].verify_mode is ssl.CERT_NONE
    assert "certificate-authority-data" in caplog.text


def test_old_authorities_are_trusted(tmp_path: Path) -> None:
    """What a cluster made before Python asked for more is verified as kubectl verifies it."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None)
    trust = Clusters([ClusterConfig("main", str(path))]).endpoint("main").pool
    context = trust.connection_pool_kw["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
