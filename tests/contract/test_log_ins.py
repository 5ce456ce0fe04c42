"""Each way to log in to Azure, by azure-identity itself, up to a secret read from a vault."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from local.authority import Authority
from local.identity import Identity
from local.key_vault import KeyVaults as Emulator
from local.key_vault import key_vault_app
from local.serving import Servers
from sync.adapters.azure.identity import log_in
from sync.adapters.azure.key_vault import KeyVaults
from sync.core.model import VaultName, VaultSecret
from tests.kit.chains import chain_of, key_pem, pem
from tests.kit.loads import noted_loads
from tests.kit.scripted import Answer, Request, Scripted, behind_proxy, soon

LOGIN = "login.microsoftonline.com"
TENANT = "22222222-2222-4222-8222-222222222222"
CLIENT = "33333333-3333-4333-8333-333333333333"
VAULT = VaultName("weu-ds-akv-login-dev-1")
"""Of this module alone: the SDK remembers for the whole process which tenant a vault is of."""

RESOURCE = "https://vault.azure.net"


class Entra:
    """Answers MSAL's discovery, and gives a token of the identity to whoever asks for one."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.asked: list[dict[str, list[str]]] = []

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        tenant = f"https://{LOGIN}/{TENANT}"
        if "/discovery/instance" in request.path:
            metadata: list[object] = []
            place = f"{tenant}/v2.0/.well-known/openid-configuration"
            return Answer(body={"tenant_discovery_endpoint": place, "metadata": metadata})
        if "openid-configuration" in request.path:
            body = {
                "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                "issuer": f"{tenant}/v2.0",
            }
            return Answer(body=body)
        self.asked.append(parse_qs(request.body.decode()))
        token = self._identity.issue(RESOURCE).secret
        return Answer(body={"access_token": token, "token_type": "Bearer", "expires_in": 3600})


type Read = Callable[[dict[str, str]], dict[str, list[str]]]


@pytest.fixture
def read(
    servers: Servers, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Read]:
    """Read a secret by the log-in that the variables name; return what Entra was asked with."""
    identity = Identity()
    entra = Entra(identity)
    emulator = Emulator(token_valid=lambda token: identity.valid(token, RESOURCE))
    subscription = "00000000-0000-4000-8000-000000000001"
    emulator.create(VAULT.text, subscription, tenant=TENANT).set_secret("a", "1")

    def read(environment: dict[str, str]) -> dict[str, list[str]]:
        given = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, **environment}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        loads = noted_loads(monkeypatch)
        vaults = KeyVaults(log_in(given)(), "vault.azure.net")
        secret = vaults.get(VAULT, "a", soon())
        vaults.close()
        assert isinstance(secret, VaultSecret)
        assert secret.value == "1"
        assert loads == [
            {"cafile": tmp_path / "ca.pem"}
        ]  # one for the log-in's connections and the vault's
        (asked,) = entra.asked
        assert asked["client_id"] == [CLIENT]
        assert asked["scope"][0].startswith(f"{RESOURCE}/.default")
        return asked

    vaults, log_ins = key_vault_app(emulator), Scripted([entra]).app()
    hosts = {"*.vault.azure.net": vaults, LOGIN: log_ins}
    with behind_proxy(servers, authority, tmp_path, hosts):
        yield read


def test_service_principal_with_a_secret(read: Read) -> None:
    """A client secret is exchanged for a token that opens the vault."""
    assert read({"AZURE_CLIENT_SECRET": "s3cret"})["client_secret"] == ["s3cret"]


def test_service_principal_with_a_certificate(read: Read, tmp_path: Path) -> None:
    """A certificate signs an assertion; its key goes nowhere."""
    path = tmp_path / "principal.pem"
    chain = chain_of("RSA-2048", 1)
    path.write_text(key_pem(chain.key) + pem(*chain.certificates))
    asked = read({"AZURE_CLIENT_CERTIFICATE_PATH": str(path)})
    assert asked["client_assertion"][0].count(".") == 2


def test_workload_identity(read: Read, tmp_path: Path) -> None:
    """The projected ServiceAccount token is the assertion."""
    path = tmp_path / "token"
    path.write_text("projected")
    asked = read({"AZURE_FEDERATED_TOKEN_FILE": str(path)})
    assert asked["client_assertion"] == ["projected"]
