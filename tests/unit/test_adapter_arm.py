"""The resource manager's adapters against every answer that it, or something else, gives."""

import asyncio
import base64
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.aks import managed_cluster_endpoint, resource_id
from sync.adapters.azure.graph_search import Row
from sync.adapters.azure.resource_graph import ResourceGraph
from sync.adapters.azure.resource_manager import (
    PUBLIC_CLOUD,
    Question,
    ResourceManager,
    host_of_cloud,
)
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import VaultName
from sync.core.ports import Deadline, Known
from tests.kit.apps import NAMING
from tests.kit.errors import raises
from tests.kit.scripted import Answer, Hosts, Request, Scripted, behind_proxy, said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
CLUSTER = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg.aks_(1)/providers"
    "/Microsoft.ContainerService/managedClusters/aks_weu-dev"
)
QUESTION = Question("/providers/Some.Thing/list", "2024-01-01", "Grant it.", "Correct it.")
VAULT = VaultName("weu-ds-akv-shop-dev-1")
OTHER = VaultName("weu-ds-akv-shop-dev-2")
SILENT = "silent.azure.net"
ABSENT = "absent.azure.net"


class Token:
    """A credential that has a new token for each claim, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], str | None]] = []

    def get_token(self, *scopes: str, claims: str | None = None, **_options: object) -> AccessToken:
        """Return one."""
        self.asked.append((scopes, claims))
        return AccessToken(f"token-{len(self.asked)}", int(time.time()) + 3600)


def refused(status: int, code: str = "SomeCode", **headers: str) -> Answer:
    """Return an error as the resource manager words it, with a value where none should be."""
    error = {"error": {"code": code, "message": PLANTED}}
    return Answer(status, error, {name.replace("_", "-"): text for name, text in headers.items()})


def kubeconfig(text: str) -> Answer:
    """Return a kubeconfig as AKS wraps it."""
    value = base64.b64encode(text.encode()).decode()
    return Answer(body={"kubeconfigs": [{"name": "clusterUser", "value": value}]})


def searched(*names: str, **rest: object) -> Answer:
    """Return a page of a search that found those vaults."""
    rows = [{"id": name, "name": name, "subscriptionId": SUBSCRIPTION} for name in names]
    return Answer(body={"data": rows, "count": len(rows), "resultTruncated": "false"} | rest)


async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take what is sent, and answer nothing."""
    while await reader.read(1024):
        pass


@pytest.fixture
def server(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Scripted]:
    """Serve a script at the public cloud's host, and a silence at another."""
    scripted, silence = Scripted(), servers.listen(never)
    hosts: Hosts = {PUBLIC_CLOUD: scripted.app(), SILENT: silence}
    with behind_proxy(servers, authority, tmp_path, hosts):
        yield scripted
    servers.stop(silence)


@pytest.fixture
def token() -> Token:
    """Make the credential."""
    return Token()


@pytest.fixture
def arm(token: Token) -> Iterator[ResourceManager]:
    """Make the client."""
    arm = ResourceManager(token)
    yield arm
    arm.close()


def failure(arm: ResourceManager, deadline: Deadline | None = None) -> SyncError:
    """Return what the question ends in, and see that nothing of the answer is in it."""
    with pytest.raises(SyncError) as caught:
        arm.ask(QUESTION, deadline or soon())
    assert leaks(said(caught.value)) == []
    return caught.value


def test_a_question_is_asked_with_a_token(
    server: Scripted, arm: ResourceManager, token: Token
) -> None:
    """The answer's JSON is returned; the token is one for the host that is asked."""
    server.answers = [Answer(body={"value": [1]})]
    assert arm.ask(QUESTION, soon()) == {"value": [1]}
    (request,) = server.requests
    assert request.path == f"{QUESTION.path}?api-version=2024-01-01"
    assert request.headers["Authorization"] == "Bearer token-1"
    assert token.asked == [((f"https://{PUBLIC_CLOUD}/.default",), None)]


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (refused(401), Permanent, "ResourceManagerUnauthorized"),
        (refused(403), Permanent, "ResourceManagerForbidden"),
        (refused(404), Permanent, "ResourceMissing"),
        (refused(400), Permanent, "ResourceManagerRefused"),
        (
            Answer(
                400,
                {
                    "error": {
                        "code": "BadRequest",
                        "message": PLANTED,
                        "details": [{"code": "NoValidSubscriptionsInQueryRequest"}],
                    }
                },
            ),
            Permanent,
            "ResourceManagerForbidden",
        ),
        (refused(429, Retry_After="30"), Transient, "ResourceManagerThrottled"),
        (refused(409), Transient, "ResourceManagerUnavailable"),
        (refused(500), Transient, "ResourceManagerUnavailable"),
        (refused(503, Retry_After="30"), Transient, "ResourceManagerUnavailable"),
        (Answer(404, f"<html>{PLANTED}"), Transient, "ResourceManagerAnswerBroken"),
        (Answer(403, [PLANTED]), Transient, "ResourceManagerAnswerBroken"),
        (Answer(204), Transient, "ResourceManagerAnswerBroken"),
        (Answer(200, f"<html>{PLANTED}"), Transient, "ResourceManagerAnswerBroken"),
        (Answer(200, f'{{"a": "{PLANTED}'), Transient, "ResourceManagerAnswerBroken"),
        (Answer(200, {"a": PLANTED}, cut=True), Transient, "ResourceManagerAnswerBroken"),
    ],
)
def test_every_answer_has_its_error(
    server: Scripted, arm: ResourceManager, answer: Answer, kind: type[SyncError], reason: str
) -> None:
    """What somebody has to act on is permanent, the rest may pass; no body is quoted."""
    server.answers = [answer]
    error = failure(arm)
    assert (type(error), error.reason) == (kind, reason)


def test_a_refusal_has_the_questions_own_remedy(server: Scripted, arm: ResourceManager) -> None:
    """Only who asks knows which role it takes, or which setting names the resource."""
    server.answers = [refused(403), refused(404)]
    assert "Grant it." in failure(arm).message
    assert "Correct it." in failure(arm).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "30"}, 30.0),
        ({"x_ms_user_quota_resets_after": "00:01:05"}, 65.0),
        ({"x_ms_user_quota_resets_after": PLANTED}, None),
        ({}, None),
    ],
    ids=["seconds", "quota", "nonsense", "none"],
)
def test_throttling_hands_on_when_to_return(
    server: Scripted,
    arm: ResourceManager,
    headers: dict[str, str],
    seconds: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Resource Graph may tell in a header of its own when its quota is there again."""
    monkeypatch.setattr(RequestsTransport, "sleep", lambda *_: None)
    server.answers = [refused(429, **headers)]
    error = failure(arm)
    assert isinstance(error, Transient)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "headers", [{"Retry_After": "7"}, {"x_ms_user_quota_resets_after": "00:00:07"}], ids=range(2)
)
def test_throttling_that_ends_in_time_is_waited_out(
    server: Scripted,
    arm: ResourceManager,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wait that ends within the caller's time is kept to, in whichever header it comes."""
    slept: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: slept.append(seconds))
    server.answers = [refused(429, **headers), Answer(body={"a": 1})]
    assert arm.ask(QUESTION, soon()) == {"a": 1}
    assert [round(each) for each in slept] == [7]


def test_a_redirect_is_not_followed(server: Scripted, arm: ResourceManager) -> None:
    """A token goes to no other host."""
    server.answers = [Answer(307, "", {"Location": f"https://{SILENT}/"})]
    assert failure(arm).reason == "ResourceManagerAnswerBroken"
    assert len(server.requests) == 1


def test_claims_lead_to_one_fresh_token(
    server: Scripted, arm: ResourceManager, token: Token
) -> None:
    """A token revoked before its end is replaced, as the challenge asks, and only once."""
    claims = base64.urlsafe_b64encode(b'{"access_token":{}}').decode()
    challenge = f'Bearer error="insufficient_claims", claims="{claims}"'
    server.answers = [refused(401, WWW_Authenticate=challenge), Answer(body=[])]
    assert arm.ask(QUESTION, soon()) == []
    assert [claims for _, claims in token.asked] == [None, '{"access_token":{}}']
    server.answers = [refused(401, WWW_Authenticate=challenge)]
    assert failure(arm).reason == "ResourceManagerUnauthorized"
    assert len(server.requests) == 4


@pytest.mark.parametrize("host", [ABSENT, SILENT])
def test_a_host_that_does_not_answer_may_return(server: Scripted, token: Token, host: str) -> None:
    """Neither a host that is not there nor one that says nothing outlives the deadline."""
    arm = ResourceManager(token, host)
    error = failure(arm, soon(0.4))
    assert (type(error), error.reason) == (Transient, "ResourceManagerUnreachable")
    assert host in error.message
    assert not server.requests
    arm.close()


def test_an_authority_nobody_trusts(
    server: Scripted, arm: ResourceManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handshake that fails tells where to put a proxy's authority."""
    other = tmp_path / "other.pem"
    other.write_bytes(Authority.create().pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    assert "REQUESTS_CA_BUNDLE" in failure(arm).message
    assert not server.requests


def test_no_time_is_no_question(server: Scripted, arm: ResourceManager) -> None:
    """A deadline that has passed is met by not asking."""
    assert failure(arm, Deadline.after(-1, time.monotonic)).reason == "DeadlineExceeded"
    assert not server.requests


@pytest.mark.parametrize(
    ("suffix", "host"),
    [
        ("vault.azure.net", "management.azure.com"),
        ("vault.azure.cn", "management.chinacloudapi.cn"),
        ("vault.usgovcloudapi.net", "management.usgovcloudapi.net"),
    ],
)
def test_each_cloud_has_its_own(suffix: str, host: str) -> None:
    """The vaults' suffix tells the cloud, and with it the resource manager."""
    assert host_of_cloud(suffix) == host


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """The management SDK costs a cold start nothing where no question is asked."""
    code = (
        "import sys\n"
        "from sync.adapters.azure import aks, resource_graph, resource_manager\n"
        "resource_manager.ResourceManager(object()).close()\n"
        "sys.exit('azure.mgmt.core' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body={"kubeconfigs": []}),
        Answer(body={"kubeconfigs": [{"name": "clusterUser", "value": f"{PLANTED}!"}]}),
        kubeconfig(f"a: [{PLANTED}"),
        kubeconfig(PLANTED),
        kubeconfig("clusters: []"),
        kubeconfig(f"clusters: [{{cluster: {{server: 'http://a', token: {PLANTED}}}}}]"),
        kubeconfig("clusters: [{cluster: {server: 'http://a', certificate-authority-data: YQ==}}]"),
        kubeconfig(
            "clusters: [{cluster: {server: 'https://a', certificate-authority-data: /w==}}]"
        ),
    ],
    ids=["none", "base64", "yaml", "text", "empty", "no-ca", "http", "binary"],
)
def test_a_kubeconfig_that_leads_nowhere(
    server: Scripted, arm: ResourceManager, answer: Answer
) -> None:
    """What cannot be used is not AKS's, and nothing of it is quoted."""
    server.answers = [answer]
    with raises(Transient, "ResourceManagerAnswerBroken") as caught:
        managed_cluster_endpoint(arm, CLUSTER, soon())
    assert leaks(said(caught.value)) == []


def test_a_kubeconfigs_user_is_left_aside(server: Scripted, arm: ResourceManager) -> None:
    """Where Entra ID guards nothing there is a certificate for all, which is not taken."""
    server.answers = [
        kubeconfig(
            "clusters: [{name: a, cluster: {server: 'https://a:443',"
            " certificate-authority-data: UEVN}}]\n"
            f"users: [{{name: b, user: {{token: {PLANTED}}}}}]\n"
        )
    ]
    endpoint = managed_cluster_endpoint(arm, CLUSTER, soon())
    assert (endpoint.server, endpoint.ca_pem) == ("https://a:443", "PEM")
    (request,) = server.requests
    assert request.path.startswith(f"{CLUSTER}/listClusterUserCredential?api-version=")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("aks-weu-dev", "az aks list"),
        (f"{CLUSTER}/", "az aks list"),
        (f"{CLUSTER}/../other", "az aks list"),
        (f"{CLUSTER}?x", "az aks list"),
        (f"https://management.azure.com{CLUSTER}", "az aks list"),
        (CLUSTER.replace("ContainerService/managedC", "Kubernetes/connectedC"), "server"),
    ],
    ids=["name", "slash", "climb", "query", "url", "arc"],
)
def test_only_an_aks_cluster_can_be_asked_for(text: str, told: str) -> None:
    """Another id is refused where the settings are read, with the right form or the other way."""
    with pytest.raises(ValueError, match=told):
        resource_id(text)


def test_an_aks_cluster_has_a_resource_id() -> None:
    """Resource ids are taken in any case, as Azure does."""
    assert resource_id(CLUSTER) == CLUSTER
    assert resource_id(CLUSTER.upper()) == CLUSTER.upper()


@pytest.mark.parametrize(
    "answers",
    [
        [refused(403)],
        [Answer(body={"data": []})],
        [Answer(body=[])],
        [searched(VAULT.text, resultTruncated="true")],
        [Answer(body={"data": [{"name": 7}], "resultTruncated": "false"})],
        [searched(VAULT.text, **{"$skipToken": "a"})],
        [searched(VAULT.text, **{"$skipToken": "a"}), refused(400)],
    ],
    ids=["refused", "short", "list", "truncated", "row", "endless", "second-page"],
)
def test_a_search_that_is_not_whole_changes_nothing(
    server: Scripted, arm: ResourceManager, answers: list[Answer]
) -> None:
    """Only a search read to its end counts; until then what was known is known."""
    now = 0.0
    directory = ResourceGraph(arm, NAMING, [SUBSCRIPTION], clock=lambda: now)
    server.answers = [searched(VAULT.text)]
    assert directory.known(soon()).vaults == (VAULT,)
    now = 300.0
    server.answers = list(answers)
    known = directory.known(soon())
    assert known.vaults == (VAULT,)
    assert known.fault
    assert leaks(said(known.fault)) == []
    now = 600.0
    server.answers = [searched(VAULT.text)]
    assert directory.known(soon()).fault is None


def test_what_is_of_another_subscription_is_not_found(
    server: Scripted, arm: ResourceManager
) -> None:
    """Vaults are taken from the subscriptions that were asked for, whatever an answer holds."""
    rows = [
        {"id": name.text, "name": name.text, "subscriptionId": subscription}
        for name, subscription in ((VAULT, SUBSCRIPTION.upper()), (OTHER, str(uuid.uuid4())))
    ]
    server.answers = [Answer(body={"data": rows, "resultTruncated": "false"})]
    assert ResourceGraph(arm, NAMING, [SUBSCRIPTION], clock=lambda: 0).known(soon()) == Known(
        (VAULT,)
    )


def test_what_a_search_tells_of_a_vault_stays_known(server: Scripted, arm: ResourceManager) -> None:
    """The id and tenant of a vault are those of the last search that found it; none is awaited."""
    now = 0.0
    directory = ResourceGraph(arm, NAMING, [SUBSCRIPTION], clock=lambda: now)
    assert directory.row(VAULT) is None
    row = {"id": "/a", "name": VAULT.text, "subscriptionId": SUBSCRIPTION, "tenantId": "t"}
    untold = {**row, "name": OTHER.text, "tenantId": None}
    server.answers = [
        Answer(body={"data": [row, untold], "resultTruncated": "false"}),
        searched(VAULT.text),
    ]
    directory.known(soon())
    assert directory.row(VAULT) == Row("/a", VAULT.text, SUBSCRIPTION, "t")
    assert directory.row(OTHER) == Row("/a", OTHER.text, SUBSCRIPTION, "")
    now = 300.0
    server.answers = [refused(403)]
    assert directory.known(soon()).fault
    assert directory.row(VAULT) == Row("/a", VAULT.text, SUBSCRIPTION, "t")


def test_many_vaults_gone_are_named_in_part(server: Scripted, arm: ResourceManager) -> None:
    """A message stays readable when a whole platform vanishes."""
    now = 0.0
    directory = ResourceGraph(arm, NAMING, [SUBSCRIPTION], clock=lambda: now)
    names = [f"weu-ds-akv-shop-dev-{number}" for number in range(1, 100)]
    server.answers = [searched(*names), searched()]
    directory.known(soon())
    now = 300.0
    known = directory.known(soon())
    assert len(known.vaults) == 99
    assert "and 79 more" in str(known.fault)


def test_a_search_without_time_tells_what_is_known(server: Scripted, arm: ResourceManager) -> None:
    """Who has no time left gets the listed vaults, and why there may be more."""
    directory = ResourceGraph(arm, NAMING, [SUBSCRIPTION], [VAULT])
    known = directory.known(Deadline.after(-1, time.monotonic))
    assert known.vaults == (VAULT,)
    assert known.fault
    assert known.fault.reason == "DeadlineExceeded"
    assert not server.requests


def test_a_search_is_not_waited_for_beyond_the_deadline(
    server: Scripted, arm: ResourceManager
) -> None:
    """Who finds another search under way gets what is known by then, in time."""
    directory = ResourceGraph(arm, NAMING, [SUBSCRIPTION], [OTHER])
    begun, may_end = threading.Event(), threading.Event()

    def slow(_request: Request) -> Answer:
        begun.set()
        may_end.wait(5)
        return searched(VAULT.text)

    server.answers = [slow, searched(VAULT.text)]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(directory.known, soon())
        assert begun.wait(5)
        meanwhile = directory.known(soon(0.1))
        may_end.set()
        assert first.result().vaults == (OTHER, VAULT)
    assert meanwhile.vaults == (OTHER,)
    assert meanwhile.fault
    assert meanwhile.fault.reason == "DeadlineExceeded"
