"""The logins to clusters: Entra's tokens by audience, and what Key Vault secrets keep."""

import base64
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from azure.core.credentials import AccessToken

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.adapters.kubernetes.cluster_config import ClusterConfig, CredentialRef, KubeconfigText
from sync.adapters.kubernetes.connection import Endpoint
from sync.adapters.kubernetes.login import kubeconfig
from sync.adapters.kubernetes.login.endpoints import ClusterLogins
from sync.adapters.kubernetes.login.entra_tokens import EntraTokens
from sync.adapters.kubernetes.login.stored_credentials import KeptSecrets
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import ListedSecret, SecretName, Unserved, VaultName, VaultSecret
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.scripted import Answer, Request, Scripted, said, soon

KEPT = CredentialRef("keeper", "token")
NOW = 1_000_000.0
EXPIRED = base64.urlsafe_b64encode(b'{"exp": 1}  ').decode()


@dataclass(slots=True)
class Entra:
    """Makes credentials that keep their tokens for an hour, each by its own number."""

    made: int = 0
    asked: list[tuple[int, str]] = field(default_factory=list)
    lifetime: int = 3600

    def credential(self) -> "Numbered":
        """Make the next one."""
        self.made += 1
        return Numbered(self, self.made)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A credential of that number."""

    entra: Entra
    number: int

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        """Give a token for one scope."""
        (scope,) = scopes
        self.entra.asked.append((self.number, scope))
        return AccessToken(f"{self.number}-{scope}", int(NOW) + self.entra.lifetime)


@dataclass(slots=True)
class Shelf:
    """The port Vaults with one secret."""

    value: str | Unserved | Transient
    asked: list[tuple[str, str]] = field(default_factory=list)

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """List nothing: only a secret by name is asked for."""
        raise NotImplementedError

    def get(
        self, vault: VaultName, name: str, deadline: Deadline, version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return the secret, or fail."""
        assert version is None
        deadline.remaining()
        self.asked.append((vault.text, name))
        if isinstance(self.value, Transient):
            raise self.value
        if isinstance(self.value, Unserved):
            return self.value
        return VaultSecret(SecretName(name), "v1", self.value, 0, 0, 0)


def jwt(**claims: object) -> str:
    """Write a token that tells of itself."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_an_audience_has_one_token() -> None:
    """Everybody shares an audience's token, and no other audience's."""
    entra = Entra()
    tokens = EntraTokens(entra.credential(), entra.credential, lambda: NOW)
    assert tokens.header("a") is tokens.header("a")
    headers = [tokens.header(audience).get(soon()) for audience in ("a", "b", "a")]
    assert headers == ["Bearer 1-a/.default", "Bearer 1-b/.default", "Bearer 1-a/.default"]
    assert entra.asked == [(1, "a/.default"), (1, "b/.default")]


def test_a_token_is_renewed_before_it_expires() -> None:
    """At four fifths of its life the credential is asked again."""
    entra = Entra()
    now = NOW
    lease = EntraTokens(entra.credential(), entra.credential, lambda: now).header("a")
    lease.get(soon())
    now = NOW + 2879
    lease.get(soon())
    assert len(entra.asked) == 1
    now = NOW + 2880
    lease.get(soon())
    assert entra.asked == [(1, "a/.default")] * 2


def test_a_refused_token_is_not_taken_from_a_cache() -> None:
    """After a 401 a new credential is asked, once: its cache does not hold the refused token."""
    entra = Entra()
    lease = EntraTokens(entra.credential(), entra.credential, lambda: NOW).header("a")
    refused = lease.get(soon())
    renewed = lease.instead_of(refused, soon())
    assert renewed == "Bearer 2-a/.default"
    assert lease.instead_of(renewed, soon()) == renewed
    assert entra.made == 2


@pytest.mark.parametrize(
    ("token", "renew_at", "until"),
    [
        ("opaque", NOW + 300, float("inf")),
        (jwt(iat=NOW - 100, exp=NOW + 900), NOW + 700, NOW + 900),
        (jwt(exp=NOW + 1000), NOW + 800, NOW + 1000),
        (jwt(iat=NOW - 900, exp=NOW + 100), NOW + 60, NOW + 100),
        (jwt(iat=NOW - 900, exp=NOW - 100), NOW + 60, NOW - 100),
        (jwt(sub="no expiry"), NOW + 300, float("inf")),
        (jwt(exp="soon"), NOW + 300, float("inf")),
        ("a.!.c", NOW + 300, float("inf")),
        ("a.bm90anNvbg.c", NOW + 300, float("inf")),
    ],
    ids=range(9),
)
def test_a_kept_token_is_read_again(token: str, renew_at: float, until: float) -> None:
    """A JWT is read again at four fifths of its life, anything else every five minutes."""
    shelf = Shelf(f" {token}\n")
    held = KeptSecrets(shelf, lambda: NOW).header(KEPT)(None, soon())
    assert held.value == f"Bearer {token}"
    assert held.renew_at == pytest.approx(renew_at)
    assert held.until == until
    assert shelf.asked == [("keeper", "token")]
    assert token not in repr(held)


@pytest.mark.parametrize(
    "value", [Unserved.MISSING, Unserved.DISABLED, "", f"{PLANTED} {PLANTED}", f"ä{PLANTED}"]
)
def test_what_is_no_token_is_told(value: str | Unserved) -> None:
    """A missing, disabled or unfit secret is an error with a command, and is not quoted."""
    with pytest.raises(Permanent) as caught:
        KeptSecrets(Shelf(value)).header(KEPT)(None, soon())
    assert caught.value.reason == "ClusterCredentialMissing"
    assert "--vault-name keeper --name token" in caught.value.message
    assert leaks(said(caught.value)) == []


def test_a_vault_that_is_down_is_transient() -> None:
    """What the vault's own failure means is left as it is."""
    outage = Transient(Reason.VAULT_UNAVAILABLE, "down")
    with pytest.raises(Transient, match="down"):
        KeptSecrets(Shelf(outage)).text(KEPT, soon())


@pytest.mark.parametrize("claims", [{"exp": 10**400, "iat": 1}, {"exp": float("nan")}, {"exp": -1}])
def test_a_token_that_claims_nonsense_is_read_again_in_time(claims: dict[str, float]) -> None:
    """A time beyond all calendars is none: such a token is used, and looked up every 5 minutes."""
    too_deep = f"h.{'W1tb' * 4000}.s"
    for token in (jwt(**claims), too_deep):
        fetch = KeptSecrets(Shelf(token), lambda: NOW).header(KEPT)
        assert fetch(None, soon()).renew_at == NOW + 300


def kubeconfig_of(user: object) -> ClusterConfig:
    """Return a cluster by a kubeconfig with that user."""
    text = json.dumps(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.4:6443"}}],
            "users": [{"name": "u", "user": user}],
        }
    )
    return ClusterConfig("main", KubeconfigText(text))


def expired(**issuer: str) -> ClusterConfig:
    """Return one with an OpenID token that has expired, and where to get another one."""
    config = {"id-token": f"h.{EXPIRED}.s"} | {k.replace("_", "-"): v for k, v in issuer.items()}
    return kubeconfig_of({"auth-provider": {"name": "oidc", "config": config}})


def opened(config: ClusterConfig) -> Endpoint:
    """Return the API server of such a cluster."""
    assert isinstance(config.reach, KubeconfigText)
    return kubeconfig.endpoint(config, config.reach.text, 1)


def test_a_log_in_whose_issuer_is_down_is_transient() -> None:
    """A kubeconfig's OpenID token that has expired and cannot be renewed may be good again soon."""
    with pytest.raises(Transient, match="could not be renewed") as caught:
        opened(expired(idp_issuer_url="https://127.0.0.1:9"))
    assert caught.value.reason == "ClusterUnreachable"
    assert EXPIRED not in said(caught.value)


@pytest.fixture
def issuer(servers: Servers, authority: Authority) -> Iterator[tuple[Scripted, ClusterConfig]]:
    """Serve an OpenID issuer; return what it shall answer, and a cluster with a log-in of its."""
    script = Scripted()
    port = servers.serve(script.app(), authority.server_context(LOOPBACK))
    config = expired(
        idp_issuer_url=f"https://{LOOPBACK}:{port}",
        idp_certificate_authority_data=base64.b64encode(authority.pem).decode(),
        client_id="c",
        client_secret=PLANTED,
        refresh_token=PLANTED,
    )
    yield script, config
    servers.stop(port)


def discovery(request: Request) -> Answer:
    """Say where the issuer gives tokens out."""
    return Answer(body={"token_endpoint": f"https://{request.headers['Host']}/token"})


def test_a_log_in_is_renewed_at_its_issuer(issuer: tuple[Scripted, ClusterConfig]) -> None:
    """The refresh token of the kubeconfig is good for a new token, which the server gets."""
    script, config = issuer
    new = jwt(exp=4_000_000_000)
    granted = {"access_token": "a", "token_type": "Bearer", "id_token": new, "refresh_token": "r"}
    script.answers = [discovery, Answer(body=granted)]
    assert opened(config).authorization(soon()) == f"Bearer {new}"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, {"error": "invalid_grant", "error_description": PLANTED}),
        Answer(401, {"error": "unauthorized_client", "error_description": PLANTED}),
        Answer(503, {"error": "temporarily_unavailable"}),
        Answer(503, f"<html>{PLANTED}</html>", content_type="text/html"),
        Answer(body={"token_type": "Bearer", "id_token": PLANTED}),
    ],
)
def test_a_log_in_that_is_not_renewed_is_transient(
    issuer: tuple[Scripted, ClusterConfig], answer: Answer
) -> None:
    """Why the issuer gives no token is told in one word: what it says may hold anything."""
    script, config = issuer
    script.answers = [discovery, answer]
    with pytest.raises(Transient, match=r"could not be renewed \(\w+Error\)") as caught:
        opened(config)
    assert leaks(said(caught.value)) == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body={"token_endpoint": f"http://{PLANTED}.example/"}),
        Answer(body={}),
        Answer(body=f"<html>{PLANTED}</html>"),
        Answer(body=[PLANTED]),
    ],
)
def test_what_is_no_issuer_is_a_failure(
    issuer: tuple[Scripted, ClusterConfig], answer: Answer
) -> None:
    """An address that tells of no token endpoint fails the log-in, and nothing of it is told."""
    script, config = issuer
    script.answers = [answer]
    with pytest.raises(SyncError) as caught:
        opened(config)
    assert leaks(said(caught.value)) == []


@pytest.fixture
def silence() -> Iterator[ClusterConfig]:
    """Return a cluster whose log-in has expired and whose issuer says nothing."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        yield expired(idp_issuer_url=f"https://{LOOPBACK}:{silent.getsockname()[1]}")


def test_an_issuer_that_hangs_holds_up_no_other_kubeconfig(
    silence: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader sets a log-in no time limit; the other clusters do not wait for it."""
    monkeypatch.setattr(kubeconfig, "_LOADING_SECONDS", 0.1)
    hanging = ClusterLogins(None, 1).door(silence)
    with pytest.raises(Transient):
        hanging.open(Deadline.after(0.5, time.monotonic))
    usual = opened(kubeconfig_of({"token": PLANTED}))
    assert usual.authorization(soon()) == f"Bearer {PLANTED}"


def test_who_waits_for_an_issuer_that_hangs_is_told_so(
    silence: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call waits for a log-in as long as for an answer, with time to spare or not."""
    monkeypatch.setattr(kubeconfig, "_LOGIN_SECONDS", 0.1)
    door = ClusterLogins(None, 1).door(silence)
    for _ in range(2):
        with pytest.raises(Transient, match=r"could not be renewed \(TimeoutError\)") as caught:
            door.open(soon())
        assert caught.value.reason == "ClusterUnreachable"
