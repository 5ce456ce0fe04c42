"""The app's own credential: refused for good, or a token endpoint that is ill for a while."""

import time
from collections.abc import Iterator

import pytest
from azure.core.credentials import TokenCredential
from azure.identity import (
    ChainedTokenCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.adapters.azure.credential_errors import Credential
from sync.adapters.azure.identity import log_in
from sync.core.errors import Permanent, SyncError, Transient
from tests.kit.scripted import Answer, Scripted, said
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SCOPE = "https://vault.azure.net/.default"
AZURE_VARIABLES = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TOKEN_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
)


@pytest.fixture
def endpoint(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """Serve a script where App Service has its managed identity."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    scripted = Scripted()
    port = servers.serve(scripted.app())
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{LOOPBACK}:{port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    yield scripted
    servers.stop(port)


def failure(credential: TokenCredential) -> SyncError:
    """Return what a request for a token ends in, and see that no secret is in it."""
    with pytest.raises(SyncError) as caught:
        Credential(credential).get_token(SCOPE)
    assert leaks(said(caught.value)) == []
    return caught.value


def managed_identity() -> ManagedIdentityCredential:
    """Make the credential that the app has in Azure, without its retries."""
    return ManagedIdentityCredential(retry_total=0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(400, {"statusCode": 400, "message": f"no identity {PLANTED}"}), Permanent),
        (Answer(500, {"statusCode": 500, "message": PLANTED}), Transient),
        (Answer(429, {"statusCode": 429, "message": PLANTED}), Transient),
        (Answer(200, f"<html>{PLANTED}", content_type="text/html"), Transient),
        (Answer(200, f'{{"access_token": "{PLANTED}'), Transient),
        (Answer(200, PLANTED * 9, cut=True), Transient),
    ],
    ids=["400", "500", "429", "html", "json", "cut"],
)
@pytest.mark.parametrize("chained", [False, True], ids=["alone", "chained"])
def test_a_managed_identity_that_fails(
    endpoint: Scripted, answer: Answer, kind: type[SyncError], *, chained: bool
) -> None:
    """An identity that is not assigned is permanent; an endpoint that is ill may recover."""
    endpoint.answers = [answer]
    with managed_identity() as alone:
        credential = ChainedTokenCredential(EnvironmentCredential(), alone) if chained else alone
        assert type(failure(credential)) is kind


def test_an_endpoint_that_is_down(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token endpoint that refuses connections may come back."""
    port = servers.serve(Scripted().app())
    servers.stop(port)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{LOOPBACK}:{port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    with managed_identity() as credential:
        assert failure(credential).reason == "CredentialUnavailable"


@pytest.mark.parametrize("wait", ["600", "soon"])
def test_a_refusal_of_tokens_is_told_at_once(endpoint: Scripted, wait: str) -> None:
    """No other status becomes worth waiting for by a Retry-After either."""
    endpoint.answers = [Answer(403, {"statusCode": 403}, {"Retry-After": wait})]
    assert isinstance(failure(log_in({"IDENTITY_ENDPOINT": "set"})()), Permanent)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(("wait", "seconds"), [("600", 600), ("soon", None)])
def test_a_token_endpoint_s_retry_after_is_not_slept(
    endpoint: Scripted, wait: str, seconds: float | None
) -> None:
    """Too many requests for tokens may pass, and who asked is told when, at once."""
    endpoint.answers = [Answer(429, {"error": "x"}, {"Retry-After": wait})]
    began = time.monotonic()
    error = failure(log_in({"IDENTITY_ENDPOINT": "set"})())
    assert time.monotonic() - began < 30  # the patience of Event Grid
    assert isinstance(error, Transient)
    assert error.retry_after == seconds
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, "{}"),
        Answer(404, {"statusCode": 404}),
        Answer(200, {"message": "hello"}),
        Answer(200, {"access_token": 5, "expires_on": "1900000000"}),
        Answer(200, {"access_token": "t", "expires_on": "soon"}),
        Answer(200, "[]"),
    ],
    ids=["503", "404", "no token", "a number", "no time", "a list"],
)
def test_what_is_no_answer_of_a_managed_identity_may_pass(
    endpoint: Scripted, answer: Answer
) -> None:
    """A status that passes, or JSON of another kind, is not the identity's refusal."""
    endpoint.answers = [answer]
    assert isinstance(failure(log_in({"IDENTITY_ENDPOINT": "set"})()), Transient)


def test_no_credential_is_permanent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is configured, the message says what to configure."""
    monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)
    error = failure(EnvironmentCredential())
    assert (type(error), error.reason) == (Permanent, "CredentialRefused")
    assert "az login" in error.message


def test_a_refused_service_principal(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Entra's refusal of a client secret is permanent; its outage is not."""
    authority, scripted = Authority.create(), Scripted()
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.write_bytes(authority.pem)
    login = f"https://{LOOPBACK}:{port}"
    for name, value in {
        "REQUESTS_CA_BUNDLE": str(ca),
        "AZURE_AUTHORITY_HOST": login,
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_CLIENT_SECRET": PLANTED,
    }.items():
        monkeypatch.setenv(name, value)
    discovery = Answer(
        body={
            "authorization_endpoint": f"{login}/tenant/oauth2/v2.0/authorize",
            "token_endpoint": f"{login}/tenant/oauth2/v2.0/token",
            "issuer": f"{login}/tenant/v2.0",
        }
    )
    refusal = Answer(
        401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {PLANTED}"}
    )
    for answer, kind in ((refusal, Permanent), (Answer(503, PLANTED), Transient)):
        scripted.answers = [discovery, answer]
        with EnvironmentCredential(retry_total=0, disable_instance_discovery=True) as credential:
            error = failure(credential)
            assert type(error) is kind
            assert ("AADSTS7000215" in error.message) == (answer is refusal)
    servers.stop(port)


APP_SERVICE = {"IDENTITY_ENDPOINT": "http://x", "IDENTITY_HEADER": "h"}
PRINCIPAL = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({}, DefaultAzureCredential),
        ({"AZURE_CLIENT_ID": "c"}, DefaultAzureCredential),
        ({"AZURE_CLIENT_SECRET": "s"}, DefaultAzureCredential),
        (APP_SERVICE, ManagedIdentityCredential),
        ({"MSI_ENDPOINT": "http://x"}, ManagedIdentityCredential),
        ({**PRINCIPAL, "AZURE_FEDERATED_TOKEN_FILE": "/f"}, WorkloadIdentityCredential),
        ({**PRINCIPAL, "AZURE_CLIENT_SECRET": "s"}, EnvironmentCredential),
        ({**APP_SERVICE, **PRINCIPAL, "AZURE_CLIENT_SECRET": "s"}, EnvironmentCredential),
        ({**APP_SERVICE, **PRINCIPAL, "AZURE_CLIENT_SECRET": ""}, ManagedIdentityCredential),
        ({"AZURE_TOKEN_CREDENTIALS": "dev", "MSI_ENDPOINT": "e"}, DefaultAzureCredential),
    ],
    ids=range(10),
)
def test_the_log_in_is_chosen_by_the_environment(
    environment: dict[str, str], kind: type[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What azure-identity's variables name is taken, in its order, and nothing else is tried."""
    for name in AZURE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    make = log_in(environment)
    first, second = make(), make()
    assert type(first) is type(second) is kind
    assert first is not second


@pytest.mark.parametrize("client_id", ["", "11111111-1111-4111-8111-111111111111"])
def test_a_user_assigned_identity_is_named(endpoint: Scripted, client_id: str) -> None:
    """AZURE_CLIENT_ID names the user-assigned identity; without it it is the system's own."""
    soon = int(time.time()) + 3600
    endpoint.answers = [Answer(body={"access_token": "t", "expires_on": str(soon)})]
    make = log_in({**APP_SERVICE, "AZURE_CLIENT_ID": client_id})
    assert Credential(make()).get_token(SCOPE).token == "t"
    (request,) = endpoint.requests
    assert ("client_id" in request.path) is bool(client_id)
    assert client_id in request.path


@pytest.mark.parametrize(
    "environment",
    [
        {"AZURE_FEDERATED_TOKEN_FILE": "/f"},
        {"AZURE_TOKEN_CREDENTIALS": "nonsense"},
        {**PRINCIPAL, "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere.pem"},
    ],
    ids=range(3),
)
def test_variables_that_contradict_are_told(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log-in that cannot be made is a refusal that names the variables, when it is needed."""
    for name in AZURE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    error = failure(log_in(environment)())
    assert (type(error), error.reason) == (Permanent, "CredentialRefused")
    assert "AZURE_TENANT_ID" in error.message
