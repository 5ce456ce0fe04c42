"""The cluster's port against every answer that an API server, or something in its place, gives."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.adapters.kubernetes.api_errors import unreachable
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigFile
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.errors import Conflict, Permanent, SyncError, Transient
from sync.core.model import Desired, Target, VaultName
from sync.core.reasons import Reason
from tests.kit.kubeconfigs import document, encoded
from tests.kit.scripted import Answer, Scripted, said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

VAULT = VaultName("weu-ds-akv-shop-dev-1")
TARGET = Target(VAULT, "main", "shop-dev", "keyvault-project")
DESIRED = Desired({"password": PLANTED.encode()}, {"l": "1"}, {"keyvault-sync/state": PLANTED})
WHERE: dict[str, object] = {"namespace": "shop-dev", "name": "keyvault-project"}
WRITTEN = {"kind": "Secret", "metadata": WHERE}
WHOLE = {"kind": "Secret", "metadata": {**WHERE, "resourceVersion": "1"}, "type": "Opaque"}


def status(
    code: int, reason: str, kind: str = "", causes: list[dict[str, str]] | None = None
) -> Answer:
    """Return a v1 Status whose message holds the whole object, as a 422's may."""
    details = {"kind": kind, "causes": causes or []}
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    message = f"Secret is invalid: {PLANTED} {encoded(PLANTED)}"
    return Answer(code, {**document, "reason": reason, "message": message, "details": details})


_FORBIDDEN = 'secrets "keyvault-project" is forbidden: '


def refused(code: int, message: str) -> Answer:
    """Answer with a Status that has that message, as a cause too."""
    answer = status(code, "Forbidden", "secrets", [{"message": message}])
    assert isinstance(answer.body, dict)
    return replace(answer, body=answer.body | {"message": message})


def kubeconfig(path: Path, server: str, token: str, ca: bytes | None) -> None:
    """Write a kubeconfig of one context."""
    authority = {"certificate-authority-data": encoded(ca.decode())} if ca else {}
    path.write_text(document({"token": token}, server=server, **authority))


@pytest.fixture
def server(servers: Servers, authority: Authority, config: Path) -> Iterator[Scripted]:
    """Serve a script, and write the kubeconfig that leads to it."""
    scripted = Scripted()
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    kubeconfig(config, f"https://{LOOPBACK}:{port}", "token-1", authority.pem)
    yield scripted
    servers.stop(port)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return where the kubeconfig is."""
    return tmp_path / "kubeconfig"


@pytest.fixture
def clusters(config: Path) -> Iterator[Clusters]:
    """Make the endpoints of that kubeconfig."""
    clusters = Clusters([ClusterConfig("main", KubeconfigFile(str(config)))])
    yield clusters
    clusters.close()


@pytest.fixture
def cluster(clusters: Clusters) -> KubernetesSecrets:
    """Make the adapter."""
    return KubernetesSecrets(clusters)


def failure(cluster: KubernetesSecrets, *, write: bool = True) -> SyncError:
    """Return what a call ends in, and see that no value is in it."""
    with pytest.raises(SyncError) as caught:
        cluster.apply(TARGET, DESIRED, "7", soon()) if write else cluster.read(TARGET, soon())
    spoken = said(caught.value)
    assert leaks(spoken) == []
    assert encoded(PLANTED) not in spoken
    return caught.value


def test_read_parses_a_secret(server: Scripted, cluster: KubernetesSecrets) -> None:
    """A Secret's bytes, labels, owners and the field managers' shares are read as they stand."""
    ours = {"manager": "keyvault-sync", "operation": "Apply"}
    server.answers = [
        Answer(
            body={
                "kind": "Secret",
                "apiVersion": "v1",
                "metadata": {
                    **WHERE,
                    "resourceVersion": "41",
                    "labels": {"l": "1"},
                    "ownerReferences": [{"kind": "Deployment", "name": "d", "uid": "1"}],
                    "managedFields": [
                        {
                            **ours,
                            "fieldsV1": {
                                "f:data": {".": {}, "f:a": {}, "f:b": {}},
                                "f:metadata": {"f:annotations": {"f:keyvault-sync/state": {}}},
                            },
                        },
                        {**ours, "operation": "Update", "fieldsV1": {"f:data": {"f:c": {}}}},
                        {**ours, "subresource": "status", "fieldsV1": {"f:data": {"f:d": {}}}},
                        {"manager": "kubectl", "fieldsV1": {"f:data": {"f:b": {}}}},
                        {"manager": "kubectl-label", "fieldsV1": {"f:metadata": {}}},
                    ],
                },
                "type": "Opaque",
                "data": {"a": encoded("ä\n"), "empty": ""},
            }
        )
    ]
    actual = cluster.read(TARGET, soon())
    assert actual is not None
    assert actual.resource_version == "41"
    assert actual.data == {"a": "ä\n".encode(), "empty": b""}
    assert (actual.labels, actual.annotations) == ({"l": "1"}, {})
    assert actual.owner_references == ("Deployment/d",)
    assert actual.owned == {"a", "b"}
    assert actual.owned_by_others == {"b", "c", "d"}
    assert actual.owns_state
    assert not actual.immutable
    assert server.requests[0].path == "/api/v1/namespaces/shop-dev/secrets/keyvault-project"
    assert server.requests[0].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("ours", "theirs", "doubted"),
    [
        ("2026-01-01T00:05:00Z", "2026-01-01T00:06:00Z", True),
        ("2026-01-01T00:05:00Z", "2026-01-01T00:05:00Z", True),
        ("2026-01-01T00:05:00Z", "2026-01-01T00:04:00Z", True),
        ("2026-01-01T00:05:00Z", "2026-01-01T00:03:59Z", False),
        ("2026-01-01T00:05:00Z", None, True),
        ("2026-01-01T00:05:00Z", "yesterday", True),
        ("2026-01-01T00:05:00Z", "2025-01-01T00:00:00", True),
        ("2026-01-01T00:05:00Z", 7, True),
        (None, "2025-01-01T00:00:00Z", True),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", True),
        ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", False),
    ],
)
def test_what_others_apply_as_string_data_is_seen(
    server: Scripted, cluster: KubernetesSecrets, ours: object, theirs: object, *, doubted: bool
) -> None:
    """Such a value is in a field that stays ours, unless we have surely written since."""
    entry = {"operation": "Apply", "fieldsType": "FieldsV1"}
    managed = [
        {**entry, "manager": "keyvault-sync", "time": ours, "fieldsV1": {"f:data": {"f:a": {}}}},
        {**entry, "manager": "b", "time": theirs, "fieldsV1": {"f:stringData": {"f:a": {}}}},
    ]
    server.answers = [
        Answer(
            body={
                "kind": "Secret",
                "metadata": {**WHERE, "resourceVersion": "1", "managedFields": managed},
                "type": "Opaque",
                "data": {"a": encoded("theirs")},
            }
        )
    ]
    actual = cluster.read(TARGET, soon())
    assert actual is not None
    assert actual.owned == {"a"}
    assert actual.overlaid == ({"a"} if doubted else set())


def test_apply_sends_all_that_is_ours(server: Scripted, cluster: KubernetesSecrets) -> None:
    """An apply carries the whole of what we own, and the version it rests on."""
    server.answers = [Answer(201, WRITTEN)]
    cluster.apply(TARGET, DESIRED, "7", soon())
    (request,) = server.requests
    assert request.method == "PATCH"
    assert request.path.endswith("keyvault-project?fieldManager=keyvault-sync&force=true")
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(request.body) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "keyvault-project",
            "namespace": "shop-dev",
            "labels": {"l": "1"},
            "annotations": {"keyvault-sync/state": PLANTED},
            "resourceVersion": "7",
        },
        "type": "Opaque",
        "data": {"password": encoded(PLANTED)},
    }


def test_evict_nulls_the_keys(server: Scripted, cluster: KubernetesSecrets) -> None:
    """Keys of other managers go by a merge patch with the same precondition."""
    server.answers = [Answer(200, WRITTEN)]
    cluster.evict(TARGET, frozenset({"b", "a"}), "7", soon())
    (request,) = server.requests
    assert request.path.endswith("keyvault-project?fieldManager=keyvault-sync")
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert json.loads(request.body) == {
        "metadata": {"resourceVersion": "7"},
        "data": {"a": None, "b": None},
    }


@pytest.mark.parametrize(
    "body",
    [
        "",
        f"<html>{PLANTED}",
        "{}",
        f'{{"kind": "Secret", "data": {{"a": "{PLANTED}',
        f'["{PLANTED}"]',
        f'{{"kind": "{PLANTED}"}}',
        '{"kind": "Secret", "metadata": [], "type": "Opaque"}',
        '{"kind": "Secret", "metadata": {"resourceVersion": "1"}, "type": "T", "data": {"a": 1}}',
        WHOLE | {"metadata": {**WHERE, "name": "other", "resourceVersion": "1"}},
        WHOLE | {"metadata": {**WHERE, "namespace": "other", "resourceVersion": "1"}},
        WHOLE | {"kind": "ConfigMap"},
    ],
    ids=range(11),
)
def test_a_broken_answer_may_pass(
    server: Scripted, cluster: KubernetesSecrets, body: object
) -> None:
    """A 200 that is not about the Secret comes from somebody who has neither read nor written."""
    server.answers = [Answer(200, body)]
    for write in (True, False):
        error = failure(cluster, write=write)
        assert (type(error), error.reason) == (Transient, "ClusterAnswerBroken")


def test_absent_is_what_the_api_server_says(server: Scripted, cluster: KubernetesSecrets) -> None:
    """A 404 with a Status is an absent Secret; any other 404 is not the API server's."""
    server.answers = [status(404, "NotFound", "secrets")]
    assert cluster.read(TARGET, soon()) is None
    server.answers = [Answer(404, f"<html>{PLANTED}", content_type="text/html")]
    assert isinstance(failure(cluster, write=False), Transient)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (status(409, "Conflict", "secrets"), Conflict, "Conflict"),
        (status(409, "AlreadyExists", "secrets"), Conflict, "Conflict"),
        (status(404, "NotFound", "secrets"), Conflict, "Conflict"),
        (status(404, "NotFound", "namespaces"), Permanent, "NamespaceMissing"),
        (Answer(404, f"<html>{PLANTED}"), Transient, "ClusterAnswerBroken"),
        (status(401, "Unauthorized"), Permanent, "ClusterUnauthorized"),
        (status(422, "Invalid", "Secret"), Permanent, "SecretRefused"),
        (status(400, "BadRequest"), Permanent, "SecretRefused"),
        (Answer(413, PLANTED), Permanent, "SecretRefused"),
        (Answer(429, PLANTED), Transient, "ClusterUnavailable"),
        (status(500, "InternalError"), Transient, "ClusterUnavailable"),
        (Answer(503, PLANTED), Transient, "ClusterUnavailable"),
        (Answer(403, f"<html>{PLANTED}"), Permanent, "ClusterForbidden"),
        (refused(403, f"{_FORBIDDEN}{PLANTED}"), Permanent, "ClusterForbidden"),
        (
            status(403, "Forbidden", "secrets", [{"reason": "NamespaceTerminating"}]),
            Permanent,
            "NamespaceTerminating",
        ),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else None,
)
def test_a_refused_write(
    server: Scripted,
    cluster: KubernetesSecrets,
    answer: Answer,
    kind: type[SyncError],
    reason: str,
) -> None:
    """Each refusal is permanent, a conflict or may pass, and no value gets into its text."""
    server.answers = [answer]
    error = failure(cluster)
    assert (type(error), error.reason) == (kind, reason)


def test_422_names_fields_only(server: Scripted, cluster: KubernetesSecrets) -> None:
    """Of a 422 nothing is told but the fields and the kind of their fault."""
    causes = [
        {"reason": "FieldValueInvalid", "field": "data[a b]", "message": PLANTED},
        {"reason": "FieldValueTooLong", "field": "data", "message": PLANTED},
        {"reason": f"x {PLANTED}", "field": "data"},
        {"reason": "FieldValueInvalid", "field": f"data: {PLANTED}"},
        {"reason": "FieldValueInvalid", "field": PLANTED},
    ]
    server.answers = [status(422, "Invalid", "Secret", causes)]
    assert "data (FieldValueTooLong)" in failure(cluster).message


def test_403_quotes_the_authorizer(server: Scripted, cluster: KubernetesSecrets) -> None:
    """A 403 of the authorizer says which user may not do what, and nothing that follows."""
    words = (
        'secrets "keyvault-project" is forbidden: User "u" cannot patch resource "secrets" '
        'in API group "" in the namespace "shop-dev"'
    )
    server.answers = [refused(403, f"{words}: {PLANTED}")]
    error = failure(cluster)
    assert (error.reason, words in error.message) == ("ClusterForbidden", True)


_BY_POLICY = f"{_FORBIDDEN}ValidatingAdmissionPolicy 'p.x' with binding 'b' denied request: "


_QUOTA, _WEBHOOK = "ResourceQuota few", "admission webhook w.example.com"


@pytest.mark.parametrize(
    ("codes", "message", "reason", "named"),
    [
        (
            (403, 413, 422),
            f"{_BY_POLICY}no: {PLANTED}",
            "AdmissionDenied",
            "ValidatingAdmissionPolicy p.x",
        ),
        (
            (403, 413, 422),
            f'admission webhook "w.example.com" denied the request: {PLANTED}',
            "AdmissionDenied",
            _WEBHOOK,
        ),
        (
            (403, 413, 422),
            f"{_FORBIDDEN}exceeded quota: few, requested: count/secrets=1, {PLANTED}",
            "QuotaExceeded",
            _QUOTA,
        ),
        (  # a quota that was made just now refuses until it is counted
            (403,),
            f"{_FORBIDDEN}status unknown for quota: few, resources: x",
            "ClusterUnavailable",
            _QUOTA,
        ),
        (  # it may come back
            (500,),
            f'Internal error occurred: failed calling webhook "w.example.com": {PLANTED}',
            "ClusterUnavailable",
            _WEBHOOK,
        ),
    ],
    ids=["policy", "webhook", "quota", "uncounted", "webhook down"],
)
def test_admission_is_told_from_rights(  # noqa: PLR0913, PLR0917 - a case and its fixtures
    server: Scripted,
    cluster: KubernetesSecrets,
    codes: tuple[int, ...],
    message: str,
    reason: str,
    named: str,
) -> None:
    """Who refuses is named; what it says is not shown, and the Role is not blamed."""
    kind = Transient if reason == "ClusterUnavailable" else Permanent
    for code in codes:
        server.answers = [refused(code, message)]
        error = failure(cluster)
        assert (type(error), error.reason) == (kind, reason)
        assert named in error.message
        assert "create role" not in error.message


def test_a_cause_is_told_once(server: Scripted, cluster: KubernetesSecrets) -> None:
    """The API server repeats a cause for each time that it looked; the message does not."""
    cause = {"reason": "FieldValueTooLong", "field": "metadata.annotations", "message": "x"}
    server.answers = [status(422, "Invalid", "Secret", [cause] * 4)]
    assert failure(cluster).message.count("metadata.annotations (FieldValueTooLong)") == 1


def test_a_quoted_message_is_one_line(server: Scripted, cluster: KubernetesSecrets) -> None:
    """What a hostile API server says begins no line of the log and commands no terminal."""
    words = 'User "u\n2026 ERROR all is lost\x1b[2J" cannot patch resource "secrets"'
    server.answers = [
        refused(403, f'{_FORBIDDEN}{words} in API group "" in the namespace "shop-dev"')
    ]
    said = failure(cluster).message
    assert "It says" not in said
    assert said.isprintable()


def test_retry_after_is_handed_on(server: Scripted, cluster: KubernetesSecrets) -> None:
    """The API server's advice when to come back reaches the caller."""
    server.answers = [Answer(429, "", {"Retry-After": "11"})]
    error = failure(cluster)
    assert isinstance(error, Transient)
    assert error.retry_after == 11
    assert len(server.requests) == 1


def test_half_an_answer_is_asked_for_again(server: Scripted, cluster: KubernetesSecrets) -> None:
    """A connection that breaks off is tried once more, and then given up."""
    server.answers = [Answer(200, PLANTED * 9, cut=True)]
    error = failure(cluster)
    assert (type(error), error.reason) == (Transient, "ClusterUnreachable")
    assert len(server.requests) == 2


def test_redirects_are_not_followed(server: Scripted, cluster: KubernetesSecrets) -> None:
    """A token goes to the cluster's endpoint and nowhere else."""
    server.answers = [Answer(307, "", {"Location": "https://elsewhere.example/"})]
    assert isinstance(failure(cluster, write=False), Transient)
    assert len(server.requests) == 1


def test_a_connection_is_kept(server: Scripted, cluster: KubernetesSecrets) -> None:
    """An answer that is read to its end leaves its connection to the next call."""
    server.answers = [status(404, "NotFound", "secrets")]
    for _ in range(3):
        assert cluster.read(TARGET, soon()) is None
    assert len({request.client for request in server.requests}) == 1


def test_401_reads_the_kubeconfig_again(
    server: Scripted, cluster: KubernetesSecrets, config: Path
) -> None:
    """A token that was rotated in the kubeconfig is taken up at the first refusal."""
    server.answers = [status(404, "NotFound", "secrets")]
    assert cluster.read(TARGET, soon()) is None
    config.write_text(config.read_text().replace("token-1", "token-2"))
    server.answers = [
        lambda request: (
            status(404, "NotFound", "secrets")
            if request.headers["Authorization"] == "Bearer token-2"
            else status(401, "Unauthorized")
        )
    ]
    assert cluster.read(TARGET, soon()) is None
    assert cluster.read(TARGET, soon()) is None
    assert [request.headers["Authorization"][-1] for request in server.requests] == list("1122")


def test_an_unknown_authority_is_refused(
    server: Scripted, cluster: KubernetesSecrets, config: Path
) -> None:
    """A server that the kubeconfig's authority did not sign for gets no token."""
    whole = json.loads(config.read_text())
    stranger = encoded(Authority.create().pem.decode())
    whole["clusters"][0]["cluster"]["certificate-authority-data"] = stranger
    config.write_text(json.dumps(whole))
    error = failure(cluster, write=False)
    assert (type(error), error.reason) == (Transient, "ClusterUnreachable")
    assert "certificate authority" in error.message
    assert not server.requests


def test_another_host_s_certificate_is_refused(
    servers: Servers, authority: Authority, config: Path
) -> None:
    """A certificate counts for the host that it names."""
    scripted = Scripted([Answer(200)])
    port = servers.serve(scripted.app(), authority.server_context("elsewhere.example"))
    kubeconfig(config, f"https://{LOOPBACK}:{port}", "t", authority.pem)
    cluster = KubernetesSecrets(Clusters([ClusterConfig("main", KubeconfigFile(str(config)))]))
    assert "TLS handshake" in failure(cluster, write=False).message
    assert not scripted.requests
    servers.stop(port)


@pytest.mark.usefixtures("server")
def test_a_stopped_server_may_come_back(servers: Servers, config: Path) -> None:
    """A refused connection is Transient."""
    port = servers.serve(Scripted().app())
    servers.stop(port)
    kubeconfig(config, f"https://{LOOPBACK}:{port}", "t", None)
    error = failure(
        KubernetesSecrets(Clusters([ClusterConfig("main", KubeconfigFile(str(config)))]))
    )
    assert (type(error), error.reason) == (Transient, "ClusterUnreachable")


def test_nothing_is_sent_past_the_deadline(server: Scripted, cluster: KubernetesSecrets) -> None:
    """Without time left no request is made."""
    with pytest.raises(Transient, match="No time"):
        cluster.read(TARGET, soon(-1))
    assert not server.requests


def test_the_environment_s_proxy_is_used_unless_excepted(
    server: Scripted, clusters: Clusters, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is honoured, and NO_PROXY before it."""
    server.answers = [status(404, "NotFound", "secrets")]
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    assert KubernetesSecrets(clusters).read(TARGET, soon()) is None
    monkeypatch.setenv("NO_PROXY", "localhost")
    other = Clusters([ClusterConfig("main", KubeconfigFile(str(config)))])
    assert "HTTPS_PROXY" in failure(KubernetesSecrets(other)).message


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://main-1a2b.hcp.westeurope.azmk8s.io:443", True),
        ("https://main.1a2b.privatelink.westeurope.azmk8s.io", True),
        ("https://azmk8s.io.example.org", False),
        ("https://10.20.0.4:6443", False),
    ],
)
def test_authorized_ip_ranges_are_named_where_aks_has_them(url: str, *, named: bool) -> None:
    """A cluster of AKS that does not answer may let the app's address not in."""
    error = unreachable("main", url, ReadTimeoutError(HTTPConnectionPool("h"), "/", "late"))
    assert error.reason is Reason.CLUSTER_UNREACHABLE
    assert ("authorized IP ranges" in error.message) is named
