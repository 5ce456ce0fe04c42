"""The port Applications against every answer that an API server, or something else, gives."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.adapters.kubernetes.applications import KubernetesApplications
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigFile
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Target, VaultName
from sync.core.reasons import Reason
from tests.kit.applications import KIND
from tests.kit.errors import raises
from tests.kit.kubeconfigs import document, encoded
from tests.kit.scripted import Answer, Request, Scripted, said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

PLACE = Target(VaultName("weu-ds-akv-shop-dev-1"), "main", "shop-dev", "keyvault-project")
PATH = "/apis/meta.p6m.dev/v1alpha1/namespaces/shop-dev/platformapplications"


@pytest.fixture
def server(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Scripted]:
    """Serve a script, and write the kubeconfig that leads to it."""
    scripted = Scripted()
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    ca = {"certificate-authority-data": encoded(authority.pem.decode())}
    url = f"https://{LOOPBACK}:{port}"
    (tmp_path / "kubeconfig").write_text(document({"token": "token-1"}, server=url, **ca))
    yield scripted
    servers.stop(port)


@pytest.fixture
def applications(server: Scripted, tmp_path: Path) -> Iterator[KubernetesApplications]:
    """Make the adapter."""
    assert server.requests == []
    clusters = Clusters([ClusterConfig("main", KubeconfigFile(str(tmp_path / "kubeconfig")))])
    yield KubernetesApplications(clusters)
    clusters.close()


def item(name: str, *secrets: str, namespace: str = "shop-dev") -> dict[str, object]:
    """Return an object."""
    listed = [{"name": secret} for secret in secrets]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"secrets": listed}}


def page(*items: object, following: object = "") -> Answer:
    """Return a page of a list."""
    return Answer(body={"kind": "List", "metadata": {"continue": following}, "items": items})


def status(code: int, reason: str, name: str = "") -> Answer:
    """Return a v1 Status, about an object if it has a name, that quotes what it should not."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    body |= {"details": {"name": name, "kind": "platformapplications"}} if name else {}
    return Answer(code, {**body, "reason": reason, "message": PLANTED})


def test_a_list_follows_its_pages(server: Scripted, applications: KubernetesApplications) -> None:
    """Every page is asked for with the token of the one before."""
    server.answers = [
        page(item("a", "x"), item("b", "x", "y"), following="to/ken=&"),
        page(item("c")),
    ]
    found = applications.list(PLACE, KIND, soon())
    assert [each.name for each in found] == ["a", "b", "c"]
    assert {str(name) for name in found[1].names.secrets} == {"x", "y"}
    first, second = (urlsplit(request.path) for request in server.requests)
    assert first.path == second.path == PATH
    assert parse_qs(second.query)["continue"] == ["to/ken=&"]


def test_a_list_without_metadata_is_whole(
    server: Scripted, applications: KubernetesApplications
) -> None:
    """So an empty namespace may look."""
    server.answers = [Answer(body={"items": []})]
    assert applications.list(PLACE, KIND, soon()) == ()


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (status(403, "Forbidden"), Permanent, Reason.APPLICATIONS_FORBIDDEN),
        (Answer(404, "404 page not found"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (status(404, "NotFound"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (status(410, "Expired"), Transient, Reason.CLUSTER_UNAVAILABLE),
        (status(500, "InternalError"), Transient, Reason.CLUSTER_UNAVAILABLE),
        (status(429, "TooManyRequests"), Transient, Reason.CLUSTER_UNAVAILABLE),
        (Answer(body={"items": None}), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (Answer(body={"message": PLANTED}), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (Answer(body=f"<html>{PLANTED}"), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (page(PLANTED), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (page(item("a", namespace="x")), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (page(item("../a")), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (page(following=1), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (page(following="a\nb"), Transient, Reason.CLUSTER_ANSWER_BROKEN),
    ],
)
def test_anything_but_a_list_is_an_error(
    server: Scripted,
    applications: KubernetesApplications,
    answer: Answer,
    kind: type[SyncError],
    reason: Reason,
) -> None:
    """No part of one is taken for the whole, and nothing that it says is told."""
    server.answers = [answer]
    with raises(kind, reason) as caught:
        applications.list(PLACE, KIND, soon())
    assert leaks(said(caught.value)) == []


def test_a_list_that_never_ends_is_given_up(
    server: Scripted, applications: KubernetesApplications
) -> None:
    """At some thousand objects."""

    def more(request: Request) -> Answer:
        start = len(server.requests) * 1000
        assert request.path
        return page(*(item(f"a{start + n}") for n in range(1000)), following="x")

    server.answers = [more]
    with raises(Permanent, Reason.APPLICATIONS_UNKNOWN, "more than 5,000"):
        applications.list(PLACE, KIND, soon())
    assert len(server.requests) == 6


def test_an_object_is_gone_only_if_the_api_server_says_so(
    server: Scripted, applications: KubernetesApplications
) -> None:
    """A page that is not found, a 403 and another object are none of it."""
    server.answers = [Answer(body=item("a", "x"))]
    found = applications.get(PLACE, KIND, "a", soon())
    assert found is not None
    assert found.name == "a"
    assert server.requests[-1].path == f"{PATH}/a"
    server.answers = [status(404, "NotFound", "a")]
    assert applications.get(PLACE, KIND, "a", soon()) is None
    for answer, kind, reason in (
        (Answer(404, "404 page not found"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (status(404, "NotFound"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (status(404, "NotFound", "b"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (Answer(404, "<html>"), Permanent, Reason.APPLICATIONS_UNKNOWN),
        (status(403, "Forbidden"), Permanent, Reason.APPLICATIONS_FORBIDDEN),
        (Answer(body=item("b")), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (Answer(body={"kind": PLANTED}), Transient, Reason.CLUSTER_ANSWER_BROKEN),
        (Answer(body="{"), Transient, Reason.CLUSTER_ANSWER_BROKEN),
    ):
        server.answers = [answer]
        with raises(kind, reason) as caught:
            applications.get(PLACE, KIND, "a", soon())
        assert leaks(said(caught.value)) == []
