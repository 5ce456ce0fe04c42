"""The port Preparer: a secret is made once, disabled and empty, and never over another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.prepared_secrets import PreparedSecrets
from sync.core.errors import Permanent, Transient
from sync.core.model import SecretName
from sync.core.reasons import Reason
from tests.kit.errors import raises
from tests.kit.scripted import Answer, Scripted, behind_proxy, said, soon
from tests.kit.tokens import Token
from tests.leaks.search import leaks
from tests.unit.test_adapter_key_vault import BUNDLE, VAULT, challenge, refused

MISSING = refused(404, "SecretNotFound")
WAITING = "shop-dev/platformapplications.meta.p6m.dev/checkout"


@pytest.fixture
def server(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Scripted]:
    """Serve a script at the vault's own URL."""
    scripted = Scripted()
    with behind_proxy(servers, authority, tmp_path, {"*.vault.azure.net": scripted.app()}):
        yield scripted


@pytest.fixture
def preparer(server: Scripted) -> Iterator[PreparedSecrets]:
    """Make the adapter."""
    assert server.requests == []
    vaults = KeyVaults(Token(), "vault.azure.net")
    yield PreparedSecrets(vaults)
    vaults.close()


def prepare(preparer: PreparedSecrets, waiting: str = WAITING) -> bool:
    """Prepare one secret."""
    return preparer.prepare(VAULT, SecretName("db-url"), waiting, soon())


def test_a_missing_secret_is_made(server: Scripted, preparer: PreparedSecrets) -> None:
    """Disabled, empty, and with the application that waits, cut to what a tag may hold."""
    server.answers = [challenge(), MISSING, Answer(body=BUNDLE)]
    assert prepare(preparer, WAITING + "x" * 300)
    sent = server.requests[-1]
    assert (sent.method, sent.path.partition("?")[0]) == ("PUT", "/secrets/db-url")
    body = json.loads(sent.body)
    tag = body["tags"].pop("keyvault-sync-waits")
    assert body == {"value": "", "attributes": {"enabled": False}, "tags": {}}
    assert tag.startswith(WAITING)
    assert len(tag) == 256


def test_nothing_is_set_over_what_is_there(server: Scripted, preparer: PreparedSecrets) -> None:
    """Neither a secret nor a disabled one."""
    for there in (Answer(body=BUNDLE), refused(403, "Forbidden", "SecretDisabled")):
        server.answers = [challenge(), there]
        assert not prepare(preparer)
        assert {request.method for request in server.requests} == {"GET"}


def test_a_refusal_says_what_to_do(server: Scripted, preparer: PreparedSecrets) -> None:
    """A soft-deleted secret, and a role that is missing; what the vault says is not told."""
    for answer, kind, reason, words in (
        (refused(409, "Conflict"), Permanent, Reason.LISTED_SECRET_MISSING, "is soft-deleted"),
        (refused(403, "Forbidden"), Permanent, Reason.VAULT_FORBIDDEN, "setSecret/action"),
        (refused(500, "Internal"), Transient, Reason.VAULT_UNAVAILABLE, "may pass"),
    ):
        server.answers = [challenge(), MISSING, answer]
        with raises(kind, reason, words) as caught:
            prepare(preparer)
        assert leaks(said(caught.value)) == []
