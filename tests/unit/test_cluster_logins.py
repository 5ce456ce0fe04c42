"""The logins to clusters: Entra's tokens by audience, and what Key Vault secrets keep."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken

from local.authority import Authority
from sync.adapters.azure.aks import ClusterEndpoint
from sync.adapters.kubernetes.cluster_config import ClusterConfig, CredentialRef, Server
from sync.adapters.kubernetes.cluster_config import Entra as ByEntra
from sync.adapters.kubernetes.login.cluster_login import ClusterLogin
from sync.adapters.kubernetes.login.endpoints import aks_endpoint
from sync.adapters.kubernetes.login.factory import Azure, ClusterLogins, KubeconfigFiles
from sync.adapters.kubernetes.login.tokens import EntraToken, StoredSecret, StoredToken
from sync.adapters.wire.bearer import Token
from sync.adapters.wire.cached import Cached
from sync.core.errors import Permanent, Transient
from sync.core.model import (
    ListedSecret,
    ListedVersion,
    SecretName,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

STORED = CredentialRef("keeper", "token")
NOW = 1_000_000.0


@dataclass(slots=True)
class Entra:
    """Makes credentials that keep their tokens for an hour, each by its own number."""

    made: int = 0
    asked: list[tuple[int, str]] = field(default_factory=list)
    lifetime: int = 3600
    blot: str = ""
    """What spoils its tokens."""

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
        return AccessToken(
            f"{self.number}-{scope}{self.entra.blot}", int(NOW) + self.entra.lifetime
        )


@dataclass(slots=True)
class Shelf:
    """The port Vaults with one secret."""

    value: str | Unserved | Transient
    asked: list[tuple[str, str]] = field(default_factory=list)

    def list(self, vault: VaultName, deadline: Deadline) -> Sequence[ListedSecret]:
        """List nothing: only a secret by name is asked for."""
        raise NotImplementedError

    def versions(self, vault: VaultName, name: str, deadline: Deadline) -> Sequence[ListedVersion]:
        """List nothing, either."""
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


def stored(shelf: Shelf) -> StoredToken:
    """Return the token that a vault's secret holds."""
    return StoredToken(StoredSecret(shelf, STORED), lambda: NOW)


def azure_of(shelf: Shelf, entra: Entra, now: Callable[[], float] = lambda: NOW) -> Azure:
    """Return an Azure of one secret, without any AKS cluster."""

    def nowhere(_resource_id: str, _deadline: Deadline) -> ClusterEndpoint:
        raise NotImplementedError

    return Azure(shelf, entra.credential(), entra.credential, nowhere, now)


def by_entra(entra: Entra, *audiences: str) -> list[ClusterLogin]:
    """Make the ways to clusters of those audiences."""
    logins = ClusterLogins(azure_of(Shelf(""), entra), KubeconfigFiles())
    return [
        logins.login(ClusterConfig(str(number), Server("https://a", None, ByEntra(audience))))
        for number, audience in enumerate(audiences)
    ]


def cached(source: EntraToken, now: Callable[[], float] = lambda: NOW) -> Cached[Token]:
    """Cache its tokens."""
    return Cached(source.fetch, 30, source.reset, now)


def test_an_audience_has_one_token() -> None:
    """Everybody shares an audience's token, and no other audience's."""
    entra = Entra()
    headers = [each.open(soon()).authorization for each in by_entra(entra, "a", "b", "a")]
    assert headers == ["Bearer 1-a/.default", "Bearer 1-b/.default", "Bearer 1-a/.default"]
    assert entra.asked == [(1, "a/.default"), (1, "b/.default")]


def test_a_token_is_renewed_before_it_expires() -> None:
    """At four fifths of its life the credential is asked again."""
    entra = Entra()
    now = NOW
    source = EntraToken("a", entra.credential(), entra.credential, lambda: now)
    token = cached(source, lambda: now)
    token.get(soon())
    now = NOW + 2879
    token.get(soon())
    assert len(entra.asked) == 1
    now = NOW + 2880
    token.get(soon())
    assert entra.asked == [(1, "a/.default")] * 2


def test_a_refused_token_is_not_taken_from_a_cache() -> None:
    """After a 401 a new credential is asked, once: its cache does not hold the refused token."""
    entra = Entra()
    first, second = by_entra(entra, "a", "a")
    refused = first.open(soon()), second.open(soon())
    renewed = first.renewed(refused[0], soon())
    assert renewed.authorization == "Bearer 2-a/.default"
    assert second.renewed(refused[1], soon()).authorization == renewed.authorization
    assert first.renewed(renewed, soon()).authorization == renewed.authorization
    assert entra.made == 2


@pytest.mark.parametrize("blot", ["\n", " x", "ä"])
def test_a_token_of_entra_that_no_header_holds_is_told(blot: str) -> None:
    """A token endpoint that gives nonsense is ill, which may pass."""
    entra = Entra(blot=f"{blot}{PLANTED}")
    source = EntraToken("a", entra.credential(), entra.credential, lambda: NOW)
    with raises(Transient, "CredentialUnavailable") as caught:
        source.fetch(soon())
    assert leaks(said(caught.value)) == []


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
def test_a_stored_token_is_read_again(token: str, renew_at: float, until: float) -> None:
    """A JWT is read again at four fifths of its life, anything else every five minutes."""
    shelf = Shelf(f" {token}\n")
    held = stored(shelf).fetch(soon())
    assert held.header == f"Bearer {token}"
    assert held.renew_at == pytest.approx(renew_at)
    assert held.expires_at == until
    assert shelf.asked == [("keeper", "token")]
    assert token not in repr(held)


@pytest.mark.parametrize(
    "value",
    [
        *(Unserved.MISSING, Unserved.DISABLED, "", f"{PLANTED} {PLANTED}", f"ä{PLANTED}"),
        *(f"{PLANTED}\n{PLANTED}", f"{PLANTED}\0", f"{PLANTED}\u2028{PLANTED}"),
    ],
    ids=range(8),
)
def test_what_is_no_token_is_told(value: str | Unserved) -> None:
    """A missing, disabled or unfit secret is an error with a command, and is not quoted."""
    with raises(Permanent, "ClusterCredentialMissing") as caught:
        stored(Shelf(value)).fetch(soon())
    assert "--vault-name keeper --name token" in caught.value.message
    assert leaks(said(caught.value)) == []


def test_a_vault_that_is_down_is_transient() -> None:
    """What the vault's own failure means is left as it is."""
    outage = Transient(Reason.VAULT_UNAVAILABLE, "down")
    with pytest.raises(Transient, match="down"):
        stored(Shelf(outage)).fetch(soon())


@pytest.mark.parametrize("claims", [{"exp": 10**400, "iat": 1}, {"exp": float("nan")}, {"exp": -1}])
def test_a_token_that_claims_nonsense_is_read_again_in_time(claims: dict[str, float]) -> None:
    """A time beyond all calendars is none: such a token is used, and looked up every 5 minutes."""
    too_deep = f"h.{'W1tb' * 4000}.s"
    for token in (jwt(**claims), too_deep):
        assert stored(Shelf(token)).fetch(soon()).renew_at == NOW + 300


def test_an_authority_in_a_file_may_be_replaced(tmp_path: Path) -> None:
    """A ca file is read again where the cluster cannot be reached; one in the settings stays."""
    path, pem = tmp_path / "ca.pem", Authority.create().pem.decode()
    path.write_text(pem)
    logins = ClusterLogins(azure_of(Shelf(""), Entra()), KubeconfigFiles())
    by_file = logins.login(ClusterConfig("file", Server("https://a", path)))
    by_text = logins.login(ClusterConfig("text", Server("https://a", pem)))
    failed = by_file.open(soon()), by_text.open(soon())
    path.write_text(Authority.create().pem.decode())
    moved = by_file.moved(failed[0], soon())
    assert moved is not None
    assert moved.endpoint != failed[0].endpoint
    assert by_text.moved(failed[1], soon()) is None


@pytest.mark.parametrize("content", [None, b"", b"none", b"-----BEGIN CERTIFICATE-----\n", b"\xff"])
def test_an_authority_in_a_file_that_is_none_is_told(content: bytes | None, tmp_path: Path) -> None:
    """The message names the file and how to look at it."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    logins = ClusterLogins(azure_of(Shelf(""), Entra()), KubeconfigFiles())
    with raises(Permanent, "ClusterConfig", f"openssl x509 -noout -subject -in {path}"):
        logins.login(ClusterConfig("c", Server("https://a", path))).open(soon())


@pytest.mark.parametrize(
    "found",
    [
        ClusterEndpoint("https://a", "none"),
        ClusterEndpoint("https://a:99999", Authority.create().pem.decode()),
    ],
    ids=["authority", "server"],
)
def test_what_azure_tells_of_a_cluster_is_checked(found: ClusterEndpoint) -> None:
    """An AKS cluster whose authority is none, or whose server is no address, is told by its id."""
    source = aks_endpoint(lambda _id, _deadline: found, "/the/id")
    with raises(Permanent, "ClusterConfig", "/the/id"):
        source.fetch(soon())
