"""The port Vaults over the Azure SDK, credentials included, against the local Key Vault."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.identity import ManagedIdentityCredential

from local.authority import Authority
from local.identity import Identity, identity_app
from local.key_vault import KeyVaults as Emulator
from local.key_vault import Quirks, Vault, key_vault_app
from local.serving import Servers
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.vault_transport import VaultTransport
from sync.core.errors import Permanent, Transient
from sync.core.model import Unserved, VaultName, VaultSecret
from tests.kit.errors import raises
from tests.kit.scripted import Moments, behind_proxy, said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
NAME = VaultName("weu-ds-akv-shop-dev-1")
RESOURCE = "https://vault.azure.net"


@dataclass(frozen=True, slots=True)
class Stack:
    """The local vaults, and the identity that opens them."""

    emulator: Emulator
    identity: Identity
    suffix: str = "vault.azure.net"


@pytest.fixture
def stack(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Stack]:
    """Serve vaults and a managed identity, and set the environment that leads to them."""
    identity = Identity()
    emulator = Emulator(token_valid=lambda token: identity.valid(token, RESOURCE))
    hosts = {"*.vault.azure.net": key_vault_app(emulator)}
    environment = identity.environment(servers.serve(identity_app(identity)))
    with behind_proxy(servers, authority, tmp_path, hosts, environment, emulator.exists):
        yield Stack(emulator, identity)


@pytest.fixture
def vault(stack: Stack) -> Vault:
    """Make the vault that the tests read."""
    return stack.emulator.create(str(NAME), SUBSCRIPTION)


@pytest.fixture
def vaults(stack: Stack) -> Iterator[KeyVaults]:
    """Make the adapter, with the credential that the app has in Azure."""
    with ManagedIdentityCredential(retry_total=0) as credential:
        vaults = KeyVaults(credential, stack.suffix)
        yield vaults
        vaults.close()


def got(secret: VaultSecret | Unserved) -> VaultSecret:
    """Return the secret, which is served."""
    assert isinstance(secret, VaultSecret)
    return secret


def test_the_current_version_is_served(vault: Vault, vaults: KeyVaults) -> None:
    """The current version is the newest, an older one is served by its version."""
    first = vault.set_secret("Db-Url", "one")
    second = vault.set_secret("db-url", "two ä\n")
    current = got(vaults.get(NAME, "DB-URL", soon()))
    assert (current.version, current.value) == (second.version, "two ä\n")
    older = got(vaults.get(NAME, "db-url", soon(), version=first.version))
    assert (older.version, older.value) == (first.version, "one")
    assert older.name == current.name


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(empty_pages=True)])
def test_a_listing_has_every_secret(vault: Vault, vaults: KeyVaults, quirks: Quirks) -> None:
    """All pages are in the listing, whatever the service makes of them; disabled ones are told."""
    names = {f"s-{number:02}" for number in range(60)}
    for name in names:
        vault.set_secret(name, PLANTED)
    vault.disable("s-07")
    vault.quirks = quirks
    listed = vaults.list(NAME, soon())
    assert {secret.name for secret in listed} == names
    assert [secret.name for secret in listed if not secret.enabled] == ["s-07"]
    current = got(vaults.get(NAME, "s-00", soon()))
    assert current.updated == next(s.updated for s in listed if s.name == "s-00")


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(page_size=1)], ids=["a page", "pages"])
def test_every_version_is_listed_with_its_limits(
    vault: Vault, vaults: KeyVaults, quirks: Quirks
) -> None:
    """Disabled versions too, of this secret and no other; of an unknown secret there is none."""
    vault.quirks = quirks
    first = vault.set_secret("a", PLANTED, exp=2_000_000_000)
    second = vault.set_secret("a", PLANTED, nbf=1_900_000_000, enabled=False)
    vault.set_secret("another", PLANTED)
    found = {each.version: each for each in vaults.versions(NAME, "a", soon())}
    assert found.keys() == {first.version, second.version}
    assert (found[first.version].enabled, found[second.version].enabled) == (True, False)
    assert found[first.version].expires == 2_000_000_000
    assert found[second.version].not_before == 1_900_000_000
    assert found[first.version].created == first.created
    assert not vaults.versions(NAME, "unknown", soon())
    assert not vaults.versions(NAME, "../keys/a", soon())


def test_what_may_keep_a_version_from_use_comes_along(vault: Vault, vaults: KeyVaults) -> None:
    """A listing and a get show from when to when a version is valid; a listing, certificates."""
    vault.set_secret("a", PLANTED, nbf=1_900_000_000, exp=2_000_000_000)
    vault.set_certificate("c", PLANTED)
    listed = {each.name: each for each in vaults.list(NAME, soon())}
    assert [(each.not_before, each.managed) for each in listed.values()] == [
        (1_900_000_000, False),
        (None, True),
    ]
    got = vaults.get(NAME, "a", soon())
    assert isinstance(got, VaultSecret)
    assert (got.not_before, got.expires) == (1_900_000_000, 2_000_000_000)


def test_tags_and_content_type_come_along(vault: Vault, vaults: KeyVaults) -> None:
    """A listing and a get tell both of the version that is served, empty where there is none."""
    tags = {"k8s-expand": "json", "K8S-Key": "ä b"}
    vault.set_secret("bare", "1")
    older = vault.set_secret("a", "1", tags=tags, content_type="text/plain")
    vault.set_secret("a", "2", tags={"k8s-sync": "false"})
    vault.set_certificate("site", "a bundle", tags={"k8s-type": "tls"})
    expected = {
        "bare": ({}, ""),
        "a": ({"k8s-sync": "false"}, ""),
        "site": ({"k8s-type": "tls"}, "application/x-pkcs12"),
    }
    listed = vaults.list(NAME, soon())
    assert {each.name: (each.tags, each.content_type) for each in listed} == expected
    served = [got(vaults.get(NAME, name, soon())) for name in expected]
    assert {each.name: (each.tags, each.content_type) for each in served} == expected
    first = got(vaults.get(NAME, "a", soon(), version=older.version))
    assert (first.tags, first.content_type) == (tags, "text/plain")
    vault.update("a", tags={}, content_type="text/plain")
    last = got(vaults.get(NAME, "a", soon()))
    assert (last.tags, last.content_type) == ({}, "text/plain")


def test_what_is_not_served(vault: Vault, vaults: KeyVaults) -> None:
    """Unknown, deleted and disabled secrets are told apart from failures."""
    for name in ("gone", "off"):
        vault.set_secret(name, PLANTED)
    vault.delete("gone")
    vault.disable("off")
    assert vaults.get(NAME, "never", soon()) is Unserved.MISSING
    assert vaults.get(NAME, "gone", soon()) is Unserved.MISSING
    assert vaults.get(NAME, "off", soon()) is Unserved.DISABLED
    assert vaults.get(NAME, "off", soon(), version="0" * 32) is Unserved.MISSING


def test_no_role_is_permanent(vault: Vault, vaults: KeyVaults) -> None:
    """A missing role names itself, for get and for list."""
    vault.set_secret("a", PLANTED)
    vault.access.deny("get", "list")
    for call in (lambda: vaults.get(NAME, "a", soon()), lambda: vaults.list(NAME, soon())):
        with pytest.raises(Permanent, match="Key Vault Secrets User") as caught:
            call()
        assert leaks(said(caught.value)) == []


def test_an_answer_that_does_not_come_is_awaited_twice(stack: Stack, vault: Vault) -> None:
    """A vault that takes the whole time for an answer is asked once more, and not again."""
    vault.set_secret("a", "1")
    vault.faults.delay(30, None)
    moments = Moments()  # which stands still: there are two seconds for each try
    with ManagedIdentityCredential(retry_total=0) as credential:
        vaults = KeyVaults(credential, stack.suffix, clock=moments)
        with pytest.raises(Transient) as caught:
            vaults.get(NAME, "a", moments.soon(2))
        vaults.close()
    assert caught.value.reason == "VaultUnreachable"
    assert vault.requests()["get"] == 2


def test_a_vault_with_a_small_allowance_is_read_in_time(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred secrets of a vault that serves 30 requests in 10 seconds take half a minute.

    No more requests are spent than one for each time that the allowance ends.
    """
    moments = Moments(now=1_800_000_000)
    monkeypatch.setattr(VaultTransport, "sleep", lambda _, seconds: moments.sleep(seconds))
    stack.emulator.clock = moments
    vault = stack.emulator.create(str(NAME), SUBSCRIPTION)
    for number in range(100):
        vault.set_secret(f"s-{number}", str(number))
    vault.faults.limit(30, 10)
    with ManagedIdentityCredential(retry_total=0) as credential:
        vaults = KeyVaults(credential, stack.suffix, clock=moments)
        deadline = moments.soon(100)
        names = [each.name for each in vaults.list(NAME, deadline)]
        values = [got(vaults.get(NAME, name, deadline)).value for name in names]
        vaults.close()
    assert sorted(values, key=int) == [str(number) for number in range(100)]
    assert moments.slept == [10, 10, 10]
    assert (vault.requests()["list"], vault.requests()["get"]) == (4, 103)


def test_threads_wait_together_for_a_small_allowance(vault: Vault, vaults: KeyVaults) -> None:
    """Sixteen threads read such a vault as well, and spend sixteen requests a time at most."""
    for number in range(60):
        vault.set_secret(f"s-{number}", str(number))
    vaults.list(NAME, soon())
    vault.faults.limit(20, 1)

    def get(number: int) -> str:
        return got(vaults.get(NAME, f"s-{number}", soon())).value

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(get, range(60))) == [str(number) for number in range(60)]
    assert vault.requests()["get"] <= 60 + 16 * 3


def test_a_short_wait_does_not_outlast_an_event(
    vault: Vault, vaults: KeyVaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the vault's wait is longer than the caller's time nobody sleeps, nor asks again."""

    def never(_transport: VaultTransport, _seconds: float) -> None:
        raise AssertionError

    monkeypatch.setattr(VaultTransport, "sleep", never)
    vault.set_secret("a", PLANTED)
    vault.faults.limit(0, 30)
    for _ in range(3):
        with raises(Transient, "VaultThrottled"):
            vaults.get(NAME, "a", soon(5))
    assert vault.requests()["get"] == 1


@pytest.mark.parametrize("skew", [-3600, -3, 3, 3600])
def test_the_vaults_own_clock_says_when_it_read(stack: Stack, skew: int) -> None:
    """However far our clock is from the vault's, a version of this second is not an old one."""
    moments = Moments(now=1_800_000_000)
    stack.emulator.clock = moments
    vault = stack.emulator.create(str(NAME), SUBSCRIPTION)
    vault.set_secret("a", "1")
    with ManagedIdentityCredential(retry_total=0) as credential:
        vaults = KeyVaults(credential, stack.suffix, now=lambda: moments() + skew)
        fresh = got(vaults.get(NAME, "a", soon()))
        moments.now += 20
        old = got(vaults.get(NAME, "a", soon()))
        vaults.close()
    assert fresh.read_at - fresh.updated <= 0
    assert old.read_at - old.updated >= 3
    assert old.read_at <= moments()


def test_a_vault_that_is_gone_is_a_failure(stack: Stack, vault: Vault, vaults: KeyVaults) -> None:
    """A vault that nobody finds is not an empty vault."""
    vault.set_secret("a", "1")
    stack.emulator.remove(str(NAME))
    with pytest.raises(Transient):
        vaults.list(NAME, soon())


def test_a_token_that_stays_refused(stack: Stack, vault: Vault, vaults: KeyVaults) -> None:
    """Where the credential has no better token than the refused one, somebody has to act."""
    vault.set_secret("a", "1")
    assert got(vaults.get(NAME, "a", soon())).value == "1"
    stack.identity.revoke()
    with raises(Permanent, "VaultUnauthorized"):
        vaults.get(NAME, "a", soon())
