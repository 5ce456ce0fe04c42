"""The local Key Vault, held against Microsoft's own client, curl and its documentation."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.keyvault.secrets import SecretClient
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from hypothesis import given
from hypothesis import strategies as st

from local.authority import Authority
from local.faults import Fault
from local.identity import Identity
from local.key_vault import (
    KeyVaults,
    Kind,
    Quirks,
    Refused,
    Vault,
    Version,
    key_vault_app,
    new_certificate,
)
from local.proxy import Proxy
from local.serving import LOOPBACK, Servers
from tests.kit.fakes import Clock
from tests.kit.tokens import Issued

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
RESOURCE = "https://vault.azure.net"


@dataclass(slots=True)
class Stack:
    """Vaults behind TLS, reached by their own URLs through the proxy."""

    vaults: KeyVaults
    identity: Identity
    clock: Clock
    events: list[dict[str, object]]
    port: int
    vault_port: int
    ca: Path

    @property
    def proxy_url(self) -> str:
        """The URL that a client takes as its proxy."""
        return f"http://{LOOPBACK}:{self.port}"


@pytest.fixture
def stack(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Stack]:
    """Make vaults that nothing has touched yet."""
    clock, events, proxy = Clock(1_800_000_000.5), list[dict[str, object]](), Proxy()
    identity = Identity()
    vaults = KeyVaults(clock, events.append, lambda token: identity.valid(token, RESOURCE))
    vault_port = servers.serve(key_vault_app(vaults), authority.server_context("*.vault.azure.net"))
    proxy.route("*.vault.azure.net", vault_port, vaults.exists)
    port = servers.listen(proxy.handle)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    yield Stack(vaults, identity, clock, events, port, vault_port, ca)
    servers.stop(port)
    servers.stop(vault_port)


@pytest.fixture
def vault(stack: Stack) -> Vault:
    """Make one vault, with a name as the contract has it."""
    return stack.vaults.create("weu-ds-akv-shop-dev-1", SUBSCRIPTION, "rg-shop")


@pytest.fixture
def connect(stack: Stack) -> Iterator[Callable[[str], SecretClient]]:
    """Make clients with verification on and no retries."""
    clients: list[SecretClient] = []

    def connect(name: str) -> SecretClient:
        client = SecretClient(
            f"https://{name}.vault.azure.net",
            Issued(stack.identity),
            proxies={"https": stack.proxy_url},
            connection_verify=str(stack.ca),
            retry_total=0,
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def client(vault: Vault, connect: Callable[[str], SecretClient]) -> SecretClient:
    """Connect Microsoft's client to that vault."""
    return connect(vault.name)


def curl(
    stack: Stack, path: str, *options: str, authorization: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run curl against the vault, with a good token by default; the last line is the status."""
    if authorization is None:
        authorization = f"Bearer {stack.identity.issue(RESOURCE).secret}"
    return subprocess.run(  # noqa: S603 - the arguments are this module's own
        [
            *("/usr/bin/env", "curl", "-sS", "--max-time", "20", "--write-out", "\n%{http_code}"),
            *("--proxy", stack.proxy_url, "--cacert", str(stack.ca)),
            *("--header", f"Authorization: {authorization}", *options),
            f"https://weu-ds-akv-shop-dev-1.vault.azure.net{path}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )


def inner_code(error: HttpResponseError) -> str | None:
    """Return the innererror's code as the client read it."""
    inner = error.error.innererror if error.error else None
    return inner["code"] if inner else None


def test_client_follows_the_challenge_once(
    stack: Stack, connect: Callable[[str], SecretClient]
) -> None:
    """The first call is answered 401, names the resource, and later calls carry the token."""
    vault = stack.vaults.create("weu-ds-akv-first-dev-1", SUBSCRIPTION)
    client = connect(vault.name)
    client.set_secret("a", "1")
    client.get_secret("a")
    assert vault.requests() == {"unauthorized": 1, "set": 1, "get": 1}


@pytest.mark.parametrize("header", ["", "Bearer made-up", "Basic abc"])
def test_challenge_names_tenant_and_resource(stack: Stack, vault: Vault, header: str) -> None:
    """A missing or wrong token is answered 401 with Key Vault's challenge."""
    answer = curl(stack, "/secrets?api-version=7.4", "-i", authorization=header)
    assert answer.stdout.endswith("\n401")
    assert (
        f'Bearer authorization="https://login.microsoftonline.com/{vault.tenant}", '
        f'resource="{RESOURCE}"'
    ) in answer.stdout


def test_revoked_and_foreign_tokens_are_refused(
    stack: Stack, vault: Vault, client: SecretClient
) -> None:
    """A token counts only while the identity stands by it, and only for Key Vault."""
    vault.set_secret("a", "1")
    client.get_secret("a")
    stack.identity.revoke()
    assert client.get_secret("a").value == "1"
    foreign = stack.identity.issue("https://management.azure.com")
    answer = curl(stack, "/secrets", authorization=f"Bearer {foreign.secret}")
    assert answer.stdout.endswith("\n401")
    stack.identity.lifetime = -1
    stack.identity.revoke()
    with pytest.raises(ClientAuthenticationError):
        client.get_secret("a")


def test_set_and_get_give_every_property_back(vault: Vault, client: SecretClient) -> None:
    """Value, content type, tags and times come back as they were set."""
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    made = client.set_secret(
        "db-password",
        "pä$$",
        content_type="text/plain",
        tags={"team": "shop"},
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        expires_on=expires,
    )
    read = client.get_secret("db-password", made.properties.version)
    properties = read.properties
    assert read.value == "pä$$"
    assert properties.content_type == "text/plain"
    assert properties.tags == {"team": "shop"}
    assert (properties.enabled, properties.expires_on) == (True, expires)
    assert properties.updated_on == datetime.fromtimestamp(1_800_000_000, UTC)
    assert properties.recovery_level == "Recoverable+Purgeable"
    assert read.id == f"{vault.url}/secrets/db-password/{properties.version}"
    assert len(properties.version or "") == 32


def test_names_differ_by_more_than_case(client: SecretClient) -> None:
    """A second set in other letters makes a version; listings keep the first spelling."""
    client.set_secret("Db-Password", "1")
    client.set_secret("DB-PASSWORD", "2")
    assert client.get_secret("db-password").value == "2"
    assert [one.name for one in client.list_properties_of_secrets()] == ["Db-Password"]
    assert len(list(client.list_properties_of_secret_versions("db-password"))) == 2


@pytest.mark.parametrize("count", [0, 1, 25, 26, 60])
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(empty_pages=True),
        Quirks(repeated_entry=True),
        Quirks(empty_pages=True, repeated_entry=True),
    ],
    ids=["plain", "empty", "repeated", "all"],
)
def test_paging_finds_every_secret(
    vault: Vault, client: SecretClient, count: int, quirks: Quirks
) -> None:
    """The client walks all pages, whatever the quirks, and sees each name once by folded case."""
    for number in range(count):
        vault.set_secret(f"Secret-{number}", "x")
    vault.quirks = quirks
    found = [one.name or "" for one in client.list_properties_of_secrets()]
    assert {name.lower() for name in found} == {f"secret-{number}" for number in range(count)}
    assert len(found) == count + (quirks.repeated_entry and count > 0)


def test_quiet_listing_takes_one_request_a_page(vault: Vault, client: SecretClient) -> None:
    """A hundred secrets are four pages, not five."""
    for number in range(100):
        vault.set_secret(f"s{number}", "x")
    next(iter(client.list_properties_of_secrets()))
    vault.reset_requests()
    assert len(list(client.list_properties_of_secrets())) == 100
    assert vault.requests() == {"list": 4}


def test_listing_has_metadata_only(stack: Stack, vault: Vault) -> None:
    """An entry has the current version's attributes, but neither value nor version."""
    vault.set_secret("a", "old", content_type="old")
    vault.set_secret("a", "new", content_type="text/plain", tags={"k": "v"}, exp=5)
    vault.disable("a")
    body = json.loads(curl(stack, "/secrets?api-version=7.4").stdout.rpartition("\n")[0])
    assert body == {
        "value": [
            {
                "id": f"{vault.url}/secrets/a",
                "attributes": {
                    "enabled": False,
                    "exp": 5,
                    "created": 1_800_000_000,
                    "updated": 1_800_000_000,
                    "recoveryLevel": "Recoverable+Purgeable",
                    "recoverableDays": 90,
                },
                "contentType": "text/plain",
                "tags": {"k": "v"},
            }
        ],
        "nextLink": None,
    }


def test_next_link_is_absolute(stack: Stack, vault: Vault) -> None:
    """A nextLink keeps api-version and maxresults, and names the port."""
    vault.set_secret("a", "1")
    vault.set_secret("b", "1")
    body = json.loads(
        curl(stack, "/secrets?api-version=7.4&maxresults=1").stdout.rpartition("\n")[0]
    )
    assert body["nextLink"].startswith(
        f"{vault.url}:443/secrets?api-version=7.4&maxresults=1&$skiptoken="
    )


@pytest.mark.parametrize("size", ["0", "26", "x", "-1"])
def test_page_size_has_limits(stack: Stack, vault: Vault, size: str) -> None:
    """A page has 1 to 25 entries; any other wish is answered 400."""
    answer = curl(stack, f"/secrets?api-version=7.4&maxresults={size}")
    assert answer.stdout.endswith("\n400")
    assert '"BadParameter"' in answer.stdout
    assert vault.names() == []


def test_versions_of_nothing_are_none(client: SecretClient) -> None:
    """An unknown secret has no versions, and that is no error."""
    assert list(client.list_properties_of_secret_versions("nothing")) == []


def test_unknown_secret_is_not_found(client: SecretClient, vault: Vault) -> None:
    """Neither an unknown name nor an unknown version is found."""
    vault.set_secret("a", "1")
    for name, version in (("b", None), ("a", "0" * 32)):
        with pytest.raises(ResourceNotFoundError) as caught:
            client.get_secret(name, version)
        assert caught.value.error is not None
        assert caught.value.error.code == "SecretNotFound"


def test_disabled_version_is_forbidden(vault: Vault, client: SecretClient, stack: Stack) -> None:
    """A disabled version cannot be read until it is enabled; either moves `updated`."""
    old = client.set_secret("a", "1")
    new = client.set_secret("a", "2")
    stack.clock.now += 60
    client.update_secret_properties("a", enabled=False)
    with pytest.raises(HttpResponseError) as caught:
        client.get_secret("a")
    assert (caught.value.status_code, inner_code(caught.value)) == (403, "SecretDisabled")
    assert client.get_secret("a", old.properties.version).value == "1"
    enabled = client.update_secret_properties("a", new.properties.version, enabled=True)
    assert enabled.updated_on == datetime.fromtimestamp(1_800_000_060, UTC)
    assert enabled.created_on == datetime.fromtimestamp(1_800_000_000, UTC)
    assert client.get_secret("a").value == "2"
    assert len(vault.list_versions("a").entries) == 2


def test_update_leaves_out_what_is_not_named(client: SecretClient) -> None:
    """Tags are replaced as a whole; what an update does not name stays."""
    client.set_secret("a", "1", tags={"x": "1", "y": "2"}, content_type="text/plain")
    changed = client.update_secret_properties("a", tags={"z": "3"})
    assert (changed.tags, changed.content_type) == ({"z": "3"}, "text/plain")
    assert client.get_secret("a").value == "1"


def test_tags_and_content_type_belong_to_a_version(
    stack: Stack, vault: Vault, client: SecretClient
) -> None:
    """A new version has only what it is set with; an update may change or clear them, unheard."""
    tags = {"k8s-key": "A", "team": "shop"}
    old = client.set_secret("a", "1", tags=tags, content_type="text/plain").properties.version
    client.set_secret("a", "2")
    for properties in (client.get_secret("a").properties, *client.list_properties_of_secrets()):
        assert (properties.tags, properties.content_type) == (None, None)
    assert client.get_secret("a", old).properties.tags == tags
    heard = len(stack.events)
    stack.clock.now += 5
    for wanted in ({"k8s-key": "B"}, dict[str, str]()):
        client.update_secret_properties("a", tags=wanted, content_type="application/json")
        for properties in (client.get_secret("a").properties, *client.list_properties_of_secrets()):
            assert (properties.tags, properties.content_type) == (wanted, "application/json")
            assert properties.updated_on == datetime.fromtimestamp(1_800_000_005, UTC)
    assert client.get_secret("a", old).properties.tags == tags
    assert len(stack.events) == heard
    assert vault.get_secret("a").value == "2"


def test_update_needs_an_object(vault: Vault, client: SecretClient) -> None:
    """Neither an unknown secret nor an unknown version can be updated."""
    vault.set_secret("a", "1")
    for name, version in (("b", None), ("a", "0" * 32)):
        with pytest.raises(ResourceNotFoundError):
            client.update_secret_properties(name, version, enabled=False)
    assert vault.get_secret("a").enabled


def test_deleted_secret_can_be_recovered(stack: Stack, vault: Vault, client: SecretClient) -> None:
    """Delete and recover begin at once and show after the transition."""
    vault.transition_seconds = 5
    client.set_secret("a", "1")
    client.begin_delete_secret("a", _polling_interval=0)
    with pytest.raises(ResourceNotFoundError):
        client.get_secret("a")
    with pytest.raises(ResourceNotFoundError):
        client.get_deleted_secret("a")
    with pytest.raises(ResourceExistsError) as caught:
        client.set_secret("a", "2")
    assert inner_code(caught.value) == "ObjectIsBeingDeleted"
    stack.clock.now += 5
    assert client.get_deleted_secret("a").recovery_id == f"{vault.url}/deletedsecrets/a"
    client.begin_recover_deleted_secret("a", _polling_interval=0)
    assert list(client.list_properties_of_secrets()) == []
    stack.clock.now += 5
    assert client.get_secret("a").value == "1"


def test_deleted_name_is_taken_until_purged(vault: Vault, client: SecretClient) -> None:
    """A soft-deleted name conflicts; once purged it is free and its versions are gone."""
    client.set_secret("a", "1")
    client.begin_delete_secret("a", _polling_interval=0).wait()
    assert [one.name for one in client.list_deleted_secrets()] == ["a"]
    with pytest.raises(ResourceExistsError) as caught:
        client.set_secret("A", "2")
    assert inner_code(caught.value) == "ObjectIsDeletedButRecoverable"
    client.purge_deleted_secret("a")
    with pytest.raises(ResourceNotFoundError):
        client.begin_recover_deleted_secret("a")
    client.set_secret("A", "2")
    assert vault.names() == ["A"]
    assert len(vault.list_versions("a").entries) == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("under_score", {"value": "x"}),
        ("x" * 128, {"value": "x"}),
        ("a", {}),
        ("a", {"value": 1}),
        ("a", {"value": "x" * 25_601}),
        ("a", {"value": "x", "tags": {f"t{number}": "" for number in range(16)}}),
        ("a", {"value": "x", "tags": {"t": "x" * 257}}),
        ("a", {"value": "x", "tags": {"t": 1}}),
        ("a", {"value": "x", "attributes": {"exp": "soon"}}),
        ("a", {"value": "x", "attributes": {"enabled": "yes"}}),
        ("a", {"value": "x", "attributes": ["enabled"]}),
        ("a", {"value": "x", "contentType": 1}),
        ("a", {"value": "x", "contentType": "x" * 256}),
        ("a", ["value"]),
        ("a", None),
    ],
)
def test_limits_are_refused(stack: Stack, vault: Vault, name: str, body: object) -> None:
    """What breaks a rule of names, values, tags or types is answered 400 and changes nothing."""
    raw = json.dumps(body) if body is not None else "{"
    put = ("--request", "PUT", "--data-raw", raw)
    answer = curl(stack, f"/secrets/{name}?api-version=7.4", *put)
    assert answer.stdout.endswith("\n400")
    assert '"BadParameter"' in answer.stdout
    assert vault.names() == []


def test_largest_secret_fits(client: SecretClient) -> None:
    """The limits themselves are allowed."""
    tags = {f"{number:0256}": "x" * 256 for number in range(15)}
    client.set_secret("n" * 127, "x" * 25_600, tags=tags)
    assert client.get_secret("n" * 127).properties.tags == tags


@pytest.mark.parametrize("denied", [(), ("get",)])
def test_denied_caller_is_forbidden(
    vault: Vault, client: SecretClient, denied: tuple[Kind, ...]
) -> None:
    """A missing role is answered 403 for the requests that it would cover."""
    vault.set_secret("a", "1")
    vault.access.deny(*denied)
    with pytest.raises(HttpResponseError) as caught:
        client.get_secret("a")
    assert (caught.value.status_code, inner_code(caught.value)) == (403, "ForbiddenByRbac")
    if denied:
        assert len(list(client.list_properties_of_secrets())) == 1
    vault.access.allow()
    assert client.get_secret("a").value == "1"


def test_throttled_caller_is_told_when_to_return(
    stack: Stack, vault: Vault, client: SecretClient
) -> None:
    """The next requests are answered 429 with Retry-After, and then all is well."""
    vault.set_secret("a", "1")
    vault.faults.throttle(requests=3, retry_after=7, kind="get", name="A")
    for _ in range(2):
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret("a")
        assert caught.value.status_code == 429
    assert "\nRetry-After: 7\n" in curl(stack, "/secrets/a?api-version=7.4", "-i").stdout
    assert client.get_secret("a").value == "1"


@pytest.mark.parametrize("fault", [None, Fault(503), Fault(body=b"{}"), Fault(drip=0.001)])
def test_answers_are_dated_by_the_vaults_clock(
    stack: Stack, vault: Vault, fault: Fault | None
) -> None:
    """The time of day in an answer is the one by which `updated` is counted."""
    vault.set_secret("a", "1")
    stack.clock.now = 1_800_000_009.9
    if fault is not None:
        vault.faults.plan(fault, None)
    for authorization in (None, ""):
        said = curl(stack, "/secrets/a?api-version=7.4", "-i", authorization=authorization)
        assert "\nDate: Fri, 15 Jan 2027 08:00:09 GMT\n" in said.stdout


def test_a_fault_may_have_a_date_of_its_own(stack: Stack, vault: Vault) -> None:
    """A test may let a vault say whatever it likes of the time."""
    vault.faults.plan(Fault(headers={"Date": "soon"}))
    said = curl(stack, "/secrets/a?api-version=7.4", "-i")
    assert "\nDate: soon\n" in said.stdout


def test_a_vault_may_say_odd_things_of_a_secret(vault: Vault, client: SecretClient) -> None:
    """What is odd replaces the true fields of that secret, listed and gotten, until it ends."""
    for name in ("a", "b"):
        vault.set_secret(name, "1", content_type="text/plain")
    vault.quirks = Quirks(odd={"b": {"contentType": None, "attributes": {"enabled": False}}})
    a, b = client.list_properties_of_secrets()
    assert (a.content_type, a.enabled) == ("text/plain", True)
    assert (b.content_type, b.enabled, b.updated_on) == (None, False, None)
    assert client.get_secret("B").properties.enabled is False
    vault.quirks = Quirks()
    assert client.get_secret("b").properties.enabled is True


def test_an_empty_page_may_be_null(stack: Stack, vault: Vault, client: SecretClient) -> None:
    """A vault says null for an empty list on demand, and no other list becomes null."""
    vault.quirks = Quirks(null_page=True)
    said, _, _ = curl(stack, "/secrets?api-version=7.4").stdout.rpartition("\n")
    assert json.loads(said) == {"value": None, "nextLink": None}
    vault.set_secret("a", "1")
    assert len(list(client.list_properties_of_secrets())) == 1


def test_window_limits_requests(stack: Stack, vault: Vault, client: SecretClient) -> None:
    """Beyond the window's requests 429 comes until the window ends."""
    vault.set_secret("a", "1")
    vault.faults.limit(2, seconds=10)
    client.get_secret("a")
    client.get_secret("a")
    with pytest.raises(HttpResponseError, match="too many requests"):
        client.get_secret("a")
    assert "\nRetry-After: 10\n" in curl(stack, "/secrets/a?api-version=7.4", "-i").stdout
    stack.clock.now += 10
    client.get_secret("a")


def test_broken_answers_end_with_the_plan(vault: Vault, client: SecretClient) -> None:
    """Statuses, slow answers and broken connections come as planned, and pass."""
    vault.set_secret("a", "1")
    vault.faults.fail(503)
    with pytest.raises(HttpResponseError, match="unexpected") as caught:
        client.get_secret("a")
    assert caught.value.status_code == 503
    vault.faults.reset()
    with pytest.raises((ServiceResponseError, ServiceRequestError)):
        client.get_secret("a")
    vault.faults.delay(30)
    with pytest.raises(ServiceResponseError):
        client.get_secret("a", read_timeout=0.2)
    assert client.get_secret("a").value == "1"


def test_faults_meet_what_they_name_until_cleared(vault: Vault, client: SecretClient) -> None:
    """A fault without an end goes on for its kind and name only, until all are cleared."""
    vault.set_secret("a", "1")
    vault.set_secret("b", "1")
    vault.faults.fail(500, requests=None, name="b")
    vault.faults.fail(503, requests=None, kind="list")
    vault.faults.limit(1000, 1)
    for _ in range(3):
        with pytest.raises(HttpResponseError):
            client.get_secret("b")
        with pytest.raises(HttpResponseError):
            next(client.list_properties_of_secrets())
        assert client.get_secret("a").value == "1"
    vault.faults.clear()
    assert client.get_secret("b").value == "1"
    assert len(list(client.list_properties_of_secrets())) == 2


def test_stale_reads_serve_the_older_version(
    stack: Stack, vault: Vault, client: SecretClient
) -> None:
    """A get sees a new version only after the lag, the listing sees it at once."""
    client.set_secret("a", "old")
    vault.faults.stale_reads(10)
    new = client.set_secret("a", "new")
    client.set_secret("b", "first")
    assert client.get_secret("a").value == "old"
    for name, version in (("b", None), ("a", new.properties.version)):
        with pytest.raises(ResourceNotFoundError):
            client.get_secret(name, version)
    assert len(list(client.list_properties_of_secrets())) == 2
    stack.clock.now += 10
    assert client.get_secret("a").value == "new"
    vault.faults.stale_reads()
    client.set_secret("b", "second")
    stack.clock.now += 1_000_000
    assert client.get_secret("b").value == "first"
    vault.faults.release()
    assert client.get_secret("b").value == "second"


def test_new_versions_alone_are_published(stack: Stack, vault: Vault, client: SecretClient) -> None:
    """A set publishes; update, disable, delete, recover and purge do not."""
    made = client.set_secret("Db-Password", "1", expires_on=datetime(2030, 1, 1, tzinfo=UTC))
    vault.disable("db-password")
    vault.enable("db-password")
    vault.update("db-password", tags={"a": "b"})
    vault.delete("db-password")
    vault.recover("db-password")
    vault.delete("db-password")
    vault.purge("db-password")
    (event,) = stack.events
    assert len(str(event.pop("id"))) == 36
    assert event["topic"] == vault.resource_id
    assert event == {
        "topic": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
        "/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1",
        "subject": "Db-Password",
        "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
        "eventTime": "2027-01-15T08:00:00.500000Z",
        "data": {
            "Id": made.id,
            "VaultName": "weu-ds-akv-shop-dev-1",
            "ObjectType": "Secret",
            "ObjectName": "Db-Password",
            "Version": made.properties.version,
            "NBF": None,
            "EXP": 1_893_456_000,
        },
        "dataVersion": "1",
        "metadataVersion": "1",
    }


@pytest.mark.parametrize("content_type", ["application/x-pkcs12", "application/x-pem-file"])
def test_certificate_has_a_managed_secret(
    stack: Stack,
    vault: Vault,
    client: SecretClient,
    content_type: Literal["application/x-pkcs12", "application/x-pem-file"],
) -> None:
    """A certificate's new version shows as a managed secret and as a certificate's event."""
    made = vault.set_certificate("tls", "PEM", content_type)
    properties = client.get_secret("tls").properties
    assert properties.key_id == f"{vault.url}/keys/tls/{made.version}"
    (listed,) = client.list_properties_of_secrets()
    assert listed.content_type == content_type
    body = json.loads(curl(stack, "/secrets?api-version=7.4").stdout.rpartition("\n")[0])
    assert body["value"][0]["managed"] is True
    (event,) = stack.events
    assert event["eventType"] == "Microsoft.KeyVault.CertificateNewVersionCreated"
    data = event["data"]
    assert isinstance(data, dict)
    assert data["Id"] == f"{vault.url}/certificates/tls/{made.version}"


def test_certificate_is_tagged_and_has_no_password(vault: Vault, client: SecretClient) -> None:
    """The secret has the tags, a key, its leaf and the leaf's issuers, to be read without one."""
    vault.set_certificate("tls", new_certificate("shop"), tags={"k8s-type": "tls"})
    secret = client.get_secret("tls")
    (listed,) = client.list_properties_of_secrets()
    assert secret.properties.tags == listed.tags == {"k8s-type": "tls"}
    bundle = load_pkcs12(b64decode(secret.value or ""), None)
    assert bundle.key is not None
    assert bundle.cert is not None
    assert bundle.cert.certificate.public_key() == bundle.key.public_key()
    issuer, root = sorted(
        (each.certificate for each in bundle.additional_certs),
        key=lambda certificate: certificate.subject == certificate.issuer,
    )
    bundle.cert.certificate.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(root)


def test_certificate_may_publish_its_secret_too(stack: Stack, vault: Vault) -> None:
    """On demand the managed secret's own event follows the certificate's."""
    vault.set_certificate("tls", "PEM", secret_event=True)
    assert [event["eventType"] for event in stack.events] == [
        "Microsoft.KeyVault.CertificateNewVersionCreated",
        "Microsoft.KeyVault.SecretNewVersionCreated",
    ]


def test_expiry_is_published_on_demand(stack: Stack, vault: Vault) -> None:
    """Near-expiry and expiry events name the current version."""
    vault.set_secret("a", "1")
    vault.publish_near_expiry("a")
    vault.publish_expired("a")
    assert [event["eventType"] for event in stack.events] == [
        "Microsoft.KeyVault.SecretNewVersionCreated",
        "Microsoft.KeyVault.SecretNearExpiry",
        "Microsoft.KeyVault.SecretExpired",
    ]


def test_the_expiry_of_a_certificate_is_published_as_its_own(stack: Stack, vault: Vault) -> None:
    """Of a managed secret the events are the certificate's."""
    vault.set_certificate("tls", new_certificate("shop"))
    vault.publish_near_expiry("tls")
    vault.publish_expired("tls")
    assert [event["eventType"] for event in stack.events[-2:]] == [
        "Microsoft.KeyVault.CertificateNearExpiry",
        "Microsoft.KeyVault.CertificateExpired",
    ]


def test_event_comes_when_the_version_can_be_read() -> None:
    """Whoever acts on the event, on the publisher's own thread even, finds the new value."""
    seen: list[str] = []

    def read(_event: dict[str, object]) -> None:
        seen.append(vaults["some-vault"].get_secret("a").value)

    vaults = KeyVaults(publish=read)
    vaults.create("some-vault", SUBSCRIPTION).set_secret("a", "new")
    assert seen == ["new"]


@pytest.mark.parametrize(
    ("request_line", "status", "says"),
    [
        ("GET /keys", 404, "/secrets and /deletedsecrets"),
        ("POST /secrets/a/backup", 405, "backup and restore"),
        ("POST /secrets/a", 405, "DELETE, GET, PATCH, PUT"),
        ("GET /secrets", 400, "api-version"),
    ],
)
@pytest.mark.usefixtures("vault")
def test_unserved_request_says_what_is_missing(
    stack: Stack, request_line: str, status: int, says: str
) -> None:
    """What this vault does not do is answered with what it does."""
    method, path = request_line.split()
    body, _, code = curl(stack, path, "--request", method).stdout.rpartition("\n")
    assert code == str(status)
    assert says in json.loads(body)["error"]["message"]


def test_missing_vault_answers_as_a_missing_host(
    stack: Stack, connect: Callable[[str], SecretClient]
) -> None:
    """A vault that was not created, or was removed, cannot be connected to."""
    with pytest.raises(ServiceRequestError):
        connect("no-such-vault").get_secret("a")
    stack.vaults.create("gone-vault", SUBSCRIPTION)
    stack.vaults.remove("Gone-Vault")
    with pytest.raises(ServiceRequestError):
        connect("gone-vault").get_secret("a")


def test_missing_vault_is_named_by_the_server_itself(stack: Stack) -> None:
    """Past the proxy, a host without a vault is answered 404 with what is missing."""
    host = "no-such-vault.vault.azure.net"
    direct = ("--noproxy", "*", "--connect-to", f"::{LOOPBACK}:{stack.vault_port}")
    answer = curl(stack, "/secrets?api-version=7.4", *direct, "--header", f"Host: {host}")
    body, _, code = answer.stdout.rpartition("\n")
    assert code == "404"
    assert f"There is no vault at {host}" in json.loads(body)["error"]["message"]


def test_writes_at_once_are_all_kept() -> None:
    """Many threads that set one secret make as many versions and events."""
    published: list[dict[str, object]] = []
    vault = KeyVaults(publish=published.append).create("some-vault", SUBSCRIPTION)
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(lambda _: vault.set_secret("a", "x").version, range(100)))
    found: list[Version] = []
    token = None
    for _ in range(4):
        page = vault.list_versions("a", skiptoken=token)
        found += page.entries
        token = page.skiptoken
    assert token is None
    assert {version.version for version in found} == made
    assert len(made) == len(found) == len(published) == 100


def test_values_stay_out_of_what_is_printed(vault: Vault) -> None:
    """A vault, a secret or a version that is printed shows no value."""
    made = vault.set_secret("a", "planted")
    assert "planted" not in f"{vault!r} {made!r} {vault.delete('a')!r}"


@pytest.mark.parametrize("name", ["ab", "a" * 25, "1abc", "a--b", "abc-", "a_b", ""])
def test_vault_names_follow_azure(name: str) -> None:
    """A vault's name has 3 to 24 letters, digits and single hyphens, a letter first."""
    with pytest.raises(ValueError, match="no vault name"):
        KeyVaults().create(name, SUBSCRIPTION)


def test_vault_name_is_taken_whatever_the_case() -> None:
    """Two vaults whose names differ by case only cannot be."""
    vaults = KeyVaults()
    assert vaults.create("Some-Vault", SUBSCRIPTION) is vaults["some-vault"]
    with pytest.raises(ValueError, match="already"):
        vaults.create("some-vault", SUBSCRIPTION)


names = st.from_regex(r"[a-cA-C0-1-]{1,3}", fullmatch=True)


@given(
    st.lists(names, max_size=40),
    st.builds(Quirks, st.booleans(), st.booleans(), st.booleans()),
    st.integers(1, 25),
)
def test_pages_cover_the_vault(written: list[str], quirks: Quirks, size: int) -> None:
    """Pages never exceed their size, end, and cover each name exactly once by folded case."""
    vault = KeyVaults().create("some-vault", SUBSCRIPTION)
    for name in written:
        vault.set_secret(name, "x")
    vault.quirks = quirks
    found: list[str] = []
    token = None
    for _ in range(4 * len(written) + 4):
        page = vault.list_secrets(size, token)
        assert len(page.entries) <= size
        found += [entry.name.lower() for entry in page.entries]
        token = page.skiptoken
        if token is None:
            break
    assert token is None
    folded = sorted({name.lower() for name in written})
    assert sorted(set(found)) == folded
    assert len(found) == len(folded) + (quirks.repeated_entry and bool(folded))


@given(st.sets(names, min_size=1), st.sets(names), st.sets(names), st.integers(1, 5))
def test_paging_survives_changes(
    kept: set[str], removed: set[str], added: set[str], size: int
) -> None:
    """Secrets that stay are found once, whatever comes and goes between two pages."""
    vault = KeyVaults().create("some-vault", SUBSCRIPTION)
    folded = {name.lower() for name in kept}
    removable = {name.lower() for name in removed} - folded
    for name in folded | removable:
        vault.set_secret(name, "x")
    first = vault.list_secrets(size)
    for name in removable:
        vault.delete(name)
    for name in {name.lower() for name in added} - removable:
        vault.set_secret(name, "x")
    found, token = list(first.entries), first.skiptoken
    for _ in range(len(kept | removed | added)):
        if token is not None:
            page = vault.list_secrets(size, token)
            found += page.entries
            token = page.skiptoken
    assert token is None
    assert sorted(entry.name for entry in found if entry.name in folded) == sorted(folded)


def test_empty_page_comes_before_each_full_one() -> None:
    """With that quirk every other page is empty and yet not the last."""
    vault = KeyVaults().create("some-vault", SUBSCRIPTION)
    for name in "abc":
        vault.set_secret(name, "x")
    vault.quirks = Quirks(empty_pages=True)
    sizes, token = [], None
    for _ in range(4):
        page = vault.list_secrets(2, token)
        sizes.append(len(page.entries))
        token = page.skiptoken
    assert (sizes, token) == ([0, 2, 0, 1], None)


def test_strange_skiptoken_is_refused() -> None:
    """A token of another make is a bad parameter."""
    vault = KeyVaults().create("some-vault", SUBSCRIPTION)
    for token in ("é", "a", "/w=="):
        with pytest.raises(Refused, match="skiptoken"):
            vault.list_secrets(25, token)
