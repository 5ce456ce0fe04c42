"""Which token a vault gets: everybody's, until its own challenge asks for another."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.keyvault.secrets import SecretClient

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.challenge import ForeignChallenge, audience_of
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.vault_host import VaultHost
from sync.adapters.azure.vault_tokens import Audience, VaultTokens
from sync.core.errors import Permanent
from sync.core.model import Unserved, VaultName
from tests.kit.errors import raises
from tests.kit.scripted import Answer, Moments, Request, Scripted, behind_proxy, soon

HOME, AWAY = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SCOPE = "https://vault.azure.net/.default"
OWN = Audience(SCOPE)
HOST = VaultHost(VaultName("weu-ds-akv-shop-dev-1"), "vault.azure.net")
OTHER = VaultName("weu-ds-akv-shop-dev-2")
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1603742800"}}}'


def jwt(**claims: str) -> str:
    """Return an unsigned token."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def challenged(tenant: str, **more: str) -> Answer:
    """Return Key Vault's 401."""
    told = {
        "authorization": f"https://login.microsoftonline.com/{tenant}",
        "resource": "https://vault.azure.net",
        **more,
    }
    text = ", ".join(f'{name}="{value}"' for name, value in told.items())
    error = {"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer."}}
    return Answer(401, error, {"WWW-Authenticate": f"Bearer {text}"})


def with_claims(text: str = CLAIMS) -> Answer:
    """Return the 401 of continuous access evaluation."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    return challenged("common", error="insufficient_claims", claims=encoded)


@dataclass(slots=True)
class Entra:
    """A credential that serves some tenants, and keeps what it was asked for."""

    tenants: tuple[str, ...] = (HOME,)
    asked: list[Mapping[str, object]] = field(default_factory=list)

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Issue a token that tells its tenant, and which request it was."""
        given = {name: value for name, value in options.items() if value and name != "enable_cae"}
        self.asked.append({"scope": scopes[0], **given})
        tenant = str(options.get("tenant_id") or HOME)
        if tenant not in self.tenants:
            raise ClientAuthenticationError("AADSTS90002")
        text = jwt(tid=tenant, claims=str(options.get("claims") or ""))
        return AccessToken(text, int(time.time()) + 3600)


@dataclass(slots=True)
class ManagedIdentity(Entra):
    """A credential that always gives the token of its own tenant."""

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """Issue it, whatever tenant is asked for."""
        return Entra.get_token(self, *scopes, **{**options, "tenant_id": None})


@pytest.fixture
def server(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Scripted]:
    """Serve a script at every vault's own URL."""
    scripted = Scripted()
    with behind_proxy(servers, authority, tmp_path, {"*.vault.azure.net": scripted.app()}):
        yield scripted


def taking(server: Scripted, tenants: Mapping[str, str], refusal: Answer | None = None) -> None:
    """Let each vault take tokens of its tenant, or refuse all with that answer."""

    def script(request: Request) -> Answer:
        vault = request.headers["Host"].partition(".")[0]
        tenant = tenants.get(vault, HOME)
        if refusal is not None and vault in tenants:
            return refusal
        sent = request.headers["Authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(sent + "=="))
        if claims["tid"] != tenant:
            return challenged(tenant)
        name = request.path.split("/")[2]
        attributes = {"enabled": True, "created": 1, "updated": 1}
        body = {"value": "v", "id": f"https://{vault}.vault.azure.net/secrets/{name}/1"}
        return Answer(body={**body, "attributes": attributes})

    server.answers = [script]


def is_served(vaults: KeyVaults, vault: VaultName) -> bool:
    """Get a secret."""
    return not isinstance(vaults.get(vault, "a", soon()), Unserved)


def test_vaults_share_one_token(server: Scripted) -> None:
    """Any number of vaults and threads ask for one token, and no vault refuses a request first."""
    entra, start = Entra(), Barrier(8)
    vaults = KeyVaults(entra, "vault.azure.net")
    taking(server, {})

    def get(number: int) -> bool:
        start.wait()
        return is_served(vaults, VaultName(f"weu-ds-akv-shop-dev-{number}"))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(get, range(1, 9)))
    vaults.close()
    assert entra.asked == [{"scope": SCOPE}]
    assert len(server.requests) == 8


def test_a_vault_of_another_tenant_gets_a_token_of_that(server: Scripted) -> None:
    """It says so once; the other vaults' token stays what it was."""
    entra = Entra((HOME, AWAY))
    vaults = KeyVaults(entra, "vault.azure.net")
    taking(server, {HOST.vault.text: AWAY})
    for _ in range(2):
        assert is_served(vaults, HOST.vault)
        assert is_served(vaults, OTHER)
    vaults.close()
    assert entra.asked == [{"scope": SCOPE}, {"scope": SCOPE, "tenant_id": AWAY}]
    assert len(server.requests) == 5


@pytest.mark.parametrize("credential", [Entra(), ManagedIdentity()], ids=["app", "identity"])
def test_a_tenant_that_cannot_be_served_is_named(server: Scripted, credential: Entra) -> None:
    """A managed identity is of one tenant for good, and so may an application be."""
    vaults = KeyVaults(credential, "vault.azure.net")
    taking(server, {HOST.vault.text: AWAY})
    for _ in range(3):
        with pytest.raises(Permanent, match=f"belongs to tenant {AWAY}") as caught:
            vaults.get(HOST.vault, "a", soon())
        assert caught.value.reason == "VaultUnauthorized"
    assert is_served(vaults, OTHER)
    vaults.close()
    assert len(credential.asked) == 2


def test_a_refused_token_of_the_right_tenant_asks_for_none(server: Scripted) -> None:
    """Another token would be the same; that one is sent once more, for a slip of the vault's."""
    entra = Entra()
    vaults = KeyVaults(entra, "vault.azure.net")
    taking(server, {HOST.vault.text: HOME}, challenged(HOME.upper()))
    with raises(Permanent, "VaultUnauthorized"):
        vaults.get(HOST.vault, "a", soon())
    vaults.close()
    assert (len(entra.asked), len(server.requests)) == (1, 2)


def test_claims_are_asked_for_once_and_by_one_vault_alone(server: Scripted) -> None:
    """A vault that asks for more claims gets a token that has them, and no other vault does.

    https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    entra = Entra()
    vaults = KeyVaults(entra, "vault.azure.net")
    taking(server, {})
    normal = server.answers[0]

    def script(request: Request) -> Answer:
        sent = request.headers["Authorization"].split(".")[1]
        has = json.loads(base64.urlsafe_b64decode(sent + "=="))["claims"]
        if request.headers["Host"] == str(HOST) and has != CLAIMS:
            return with_claims()
        assert has == "" or request.headers["Host"] == str(HOST)
        assert not isinstance(normal, Answer)
        return normal(request)

    server.answers = [script]
    for _ in range(2):
        assert is_served(vaults, HOST.vault)
        assert is_served(vaults, OTHER)
    vaults.close()
    assert entra.asked == [{"scope": SCOPE}, {"scope": SCOPE, "claims": CLAIMS}]


def test_a_hostile_vault_costs_few_tokens(server: Scripted) -> None:
    """A vault that asks for something else each time gets one token a minute, and harms none."""
    entra, moments, turns = Entra(), Moments(), iter(range(100))
    vaults = KeyVaults(entra, "vault.azure.net", clock=moments)
    taking(server, {})
    normal = server.answers[0]

    def script(request: Request) -> Answer:
        if request.headers["Host"] == str(HOST):
            return with_claims(f'{{"turn":{next(turns)}}}')
        assert not isinstance(normal, Answer)
        return normal(request)

    server.answers = [script]
    for _ in range(20):
        with raises(Permanent, "VaultUnauthorized"):
            vaults.get(HOST.vault, "a", moments.soon())
    assert len(entra.asked) == 2
    moments.now += 61
    with raises(Permanent, "VaultUnauthorized"):
        vaults.get(HOST.vault, "a", moments.soon())
    assert not isinstance(vaults.get(OTHER, "a", moments.soon()), Unserved)
    vaults.close()
    assert len(entra.asked) == 3


def test_made_up_audiences_fill_no_memory() -> None:
    """Of very many the first is forgotten, and the app's own never."""
    entra = Entra()
    tokens = VaultTokens(entra, OWN)
    for _ in range(2):
        tokens.get(OWN, soon())
        for number in range(100):
            tokens.get(Audience(SCOPE, None, f'{{"n":{number}}}'), soon())
    assert len(tokens) == 64
    assert entra.asked.count({"scope": SCOPE}) == 1


@pytest.mark.parametrize(
    ("header", "audience"),
    [
        (
            (
                f'Bearer authorization="https://login.example/{AWAY}", '
                'resource="https://vault.azure.net"'
            ),
            Audience(SCOPE, AWAY),
        ),
        (
            (
                f'bearer authorization_uri="https://login.example/{AWAY}/oauth2/authorize",'
                f'scope="{SCOPE}"'
            ),
            Audience(SCOPE, AWAY),
        ),
        (
            'Bearer authorization="https://login.example/adfs", resource="https://VAULT.azure.net"',
            Audience("https://VAULT.azure.net/.default"),
        ),
        (
            "Bearer authorization=https://login.example/common,resource=https://vault.azure.net",
            OWN,
        ),
        ('Bearer authorization="https://login.example/t"', None),
        ('Bearer resource="https://vault.azure.net"', None),
        ('Basic authorization="https://l.example/t", resource="https://vault.azure.net"', None),
        ("Bearer", None),
        ("", None),
        (f"Bearer {'a' * 9000}", None),
    ],
)
def test_a_challenge_names_scope_and_tenant(header: str, audience: Audience | None) -> None:
    """A tenant that is none, such as that of AD FS, is left out; what is no challenge is None."""
    assert audience_of({"WWW-Authenticate": header}, HOST, OWN) == audience


@pytest.mark.parametrize(
    "resource",
    [
        "https://evil.example",
        "https://vault.azure.net.evil.example",
        "https://ault.azure.net",
        "https://evil.example/vault.azure.net",
        "https://evil.example\\.vault.azure.net",
        "https://[",
        "vault.azure.net",
    ],
)
def test_a_challenge_of_another_service_is_refused(resource: str) -> None:
    """The resource has to be the domain that the vault's host lies in."""
    text = f'Bearer authorization="https://login.example/t", resource="{resource}"'
    with pytest.raises(ForeignChallenge):
        audience_of({"WWW-Authenticate": text}, HOST, OWN)


@pytest.mark.parametrize("claims", ["", "!", "bm9uZQ==", "WzFd", "gA=="])
def test_claims_that_cannot_be_read_are_none(claims: str) -> None:
    """What is left is the challenge without them."""
    text = (
        f'Bearer authorization="https://login.example/{AWAY}", '
        f'resource="https://vault.azure.net", claims="{claims}"'
    )
    assert audience_of({"WWW-Authenticate": text}, HOST, OWN) == Audience(SCOPE, AWAY)


def test_claims_keep_scope_and_tenant() -> None:
    """A claims challenge names no resource: it is about the token that was sent."""
    encoded = base64.urlsafe_b64encode(CLAIMS.encode()).decode().rstrip("=")
    text = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    sent = Audience(SCOPE, AWAY)
    assert audience_of({"WWW-Authenticate": text}, HOST, sent) == Audience(SCOPE, AWAY, CLAIMS)


def test_what_is_relied_on_in_the_sdk_is_there() -> None:
    """The client takes a list of policies and no other, and sends a URL of any vault as it is."""
    client = SecretClient("https://vault.azure.net", Entra(), policies=[], transport=object())
    pipeline = client._client._client._pipeline  # noqa: SLF001 - what an upgrade may change
    assert pipeline._impl_policies == []  # noqa: SLF001 - likewise
