"""The logins to clusters: Entra's tokens by audience, and what Key Vault secrets keep."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from azure.core.credentials import AccessToken

from sync.adapters import kubeconfig
from sync.adapters.cluster_config import ClusterConfig, KeptSecret, KubeconfigText
from sync.adapters.entra import EntraTokens
from sync.adapters.kept import KeptSecrets
from sync.errors import Permanent, Transient
from sync.model import ListedSecret, Unserved, VaultName, VaultSecret
from sync.ports import Deadline
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.scripted import said, soon

KEPT = KeptSecret("keeper", "token")
NOW = 1_000_000.0


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
        return VaultSecret(name, "v1", self.value, 0, 0, 0)


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
    outage = Transient("VaultUnavailable", "down")
    with pytest.raises(Transient, match="down"):
        KeptSecrets(Shelf(outage)).text(KEPT, soon())


@pytest.mark.parametrize("claims", [{"exp": 10**400, "iat": 1}, {"exp": float("nan")}, {"exp": -1}])
def test_a_token_that_claims_nonsense_is_read_again_in_time(claims: dict[str, float]) -> None:
    """A time beyond all calendars is none: such a token is used, and looked up every 5 minutes."""
    too_deep = f"h.{'W1tb' * 4000}.s"
    for token in (jwt(**claims), too_deep):
        fetch = KeptSecrets(Shelf(token), lambda: NOW).header(KEPT)
        assert fetch(None, soon()).renew_at == NOW + 300


def test_a_log_in_whose_issuer_is_down_is_transient() -> None:
    """A kubeconfig's OpenID token that has expired and cannot be renewed may be good again soon."""
    expired = base64.urlsafe_b64encode(b'{"exp": 1}  ').decode()
    config = {"id-token": f"h.{expired}.s", "idp-issuer-url": "https://127.0.0.1:9"}
    text = json.dumps(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.4:6443"}}],
            "users": [{"name": "u", "user": {"auth-provider": {"name": "oidc", "config": config}}}],
        }
    )
    with pytest.raises(Transient, match="could not be renewed") as caught:
        kubeconfig.endpoint(ClusterConfig("main", KubeconfigText(text)), text, 1)
    assert caught.value.reason == "ClusterUnreachable"
    assert expired not in said(caught.value)
