"""The container of the dead letters, on Azurite: what the command line reads there, and how."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.cli.dead_letters.container import container_url, own_container
from tests.kit.azurite import Azurite, azurite, token
from tests.kit.command_line import Said, say
from tests.kit.events import dead_letter
from tests.kit.scripted import Answer, Scripted

SHOP, BILLING = "weu-DS-AKV-shop-dev-1", "weu-DS-AKV-billing-dev-1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Azurite]:
    """Start one Azurite for this module."""
    with azurite(tmp_path_factory.mktemp("azurite"), authority) as started:
        yield started


@pytest.fixture
def identity(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """Serve tokens of Azure Storage where azure-identity looks for a managed identity's."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    scripted = Scripted([Answer(200, token())])
    port = servers.serve(scripted.app())
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{LOOPBACK}:{port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    yield scripted
    servers.stop(port)


@pytest.fixture
def container(
    running: Azurite,
    identity: Scripted,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ContainerClient:
    """Return a new container, which the environment names and the caller's login may read."""
    assert identity.answers
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    made = running.service.create_container(f"dead-letters-{uuid4()}")
    monkeypatch.setenv("KEYVAULT_SYNC_DEAD_LETTERS", f"{running.url}/{made.container_name}")
    return made


def put(container: ContainerClient, *events: object, name: str | None = None) -> None:
    """Write a blob of dead letters, as Event Grid names them."""
    path = name or f"KEY-VAULT-SYNC/2026/11/30/4/{uuid4()}.json"
    container.upload_blob(path, json.dumps(events).encode())


def listed(*argv: str) -> tuple[Said, list[dict[str, object]]]:
    """List the dead letters as JSON."""
    said = say(None, "dead-letters", "list", "-o", "json", *argv)
    letters = json.loads(said.out or "{}").get("dead_letters", [])
    return said, letters


def test_an_empty_container_has_no_dead_letters(container: ContainerClient) -> None:
    """Nothing in it is no failure; stderr says which container and whose login."""
    said, letters = listed()
    assert (said.code, letters) == (0, [])
    assert said.err == f"Container {container.url}, with your own Azure login.\n"


def test_dead_letters_of_every_blob_are_read(container: ContainerClient) -> None:
    """Several blobs of several events, in both schemas, are read with an Entra token."""
    put(container, dead_letter(SHOP, "a"), dead_letter(BILLING, "b", cloud=True))
    put(container, dead_letter(SHOP, "c"))
    said, letters = listed()
    assert said.code == 0
    assert {(each["vault"], each["secret"]) for each in letters} == {
        (SHOP.lower(), "a"),
        (BILLING.lower(), "b"),
        (SHOP.lower(), "c"),
    }
    assert [each["secret"] for each in listed(BILLING)[1]] == ["b"]


def test_more_blobs_than_a_page_lists(container: ContainerClient) -> None:
    """A listing of more than one page is read to its end."""
    for number in range(7):
        container.upload_blob(f"a/{number}.json", b"[]")
    opened = own_container(container_url(container.url), verbose=False)
    names = [each.name for each in opened.client.list_blobs(results_per_page=3)]
    assert names == [each.name for each in opened.blobs()]
    assert len(names) == 7


def test_a_blob_of_several_megabytes_is_read_whole(container: ContainerClient) -> None:
    """A blob may have more events than one response of the library brings."""
    put(container, *(dead_letter(SHOP, f"s-{number}") for number in range(6000)))
    (size,) = (each.size for each in container.list_blobs())
    assert size > 4 << 20
    assert len(listed()[1]) == 6000


def test_prefixes_are_of_any_case(container: ContainerClient) -> None:
    """A subscription's name finds the blobs, whose names have it in capitals."""
    put(container, dead_letter(SHOP, "ours"))
    put(container, dead_letter(SHOP, "theirs"), name=f"ANOTHER/2026/1/1/1/{uuid4()}.json")
    assert [each["secret"] for each in listed("--prefix", "key-vault-sync/")[1]] == ["ours"]


def test_a_missing_container_is_told(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the container, and the output that has the right one."""
    monkeypatch.setenv("KEYVAULT_SYNC_DEAD_LETTERS", f"{container.url}-not")
    said, _ = listed()
    assert said.code == 1
    assert "ContainerMissing: The container " in said.err
    assert "deadLetterContainerUrl" in said.err


def test_a_refused_token_is_told(container: ContainerClient, identity: Scripted) -> None:
    """A token that the storage does not take leads to the role, and is quoted nowhere."""
    assert container.url
    refused = token("https://vault.azure.net")
    identity.answers = [Answer(200, refused)]
    said, _ = listed()
    assert said.code == 1
    assert "ContainerForbidden: The container " in said.err
    assert "Storage Blob Data Reader" in said.err
    assert str(refused["access_token"]) not in said.out + said.err


def test_a_failed_login_is_told(container: ContainerClient, identity: Scripted) -> None:
    """Without a token the command says how to log in, and quotes no answer."""
    assert container.url
    identity.answers = [Answer(400, {"statusCode": 400, "message": "quoted from the endpoint"})]
    said, _ = listed()
    assert said.code == 1
    assert "NoLogIn: azure-identity got no token for Azure Storage" in said.err
    assert "quoted" not in said.err


def test_reading_changes_nothing(container: ContainerClient) -> None:
    """No command deletes or changes a blob, nor what a later call finds."""
    put(container, dead_letter(SHOP, "a"))
    before = [(each.name, each.etag) for each in container.list_blobs()]
    answer = {"outcomes": [{"vault": SHOP.lower(), "outcome": "converged", "keys": 1}]}
    (letter,) = listed()[1]
    assert say(None, "dead-letters", "show", str(letter["id"])).code == 0
    assert say(lambda *_: answer, "dead-letters", "replay", "--all").code == 0
    assert [(each.name, each.etag) for each in container.list_blobs()] == before
