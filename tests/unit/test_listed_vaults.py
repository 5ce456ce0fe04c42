"""The directory where no search is asked for: what is known, and what a name server may tell."""

import socket
from collections.abc import Callable

import pytest

from sync.adapters.azure.listed_vaults import ListedVaults
from tests.kit.fakes import vault_name
from tests.kit.scripted import soon

VAULT = vault_name()
PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def answering(error: OSError | None = None) -> Callable[[str], None]:
    """Return a name server that knows every host, or fails that way."""

    def look_up(host: str) -> None:
        assert host == "weu-ds-akv-gone-dev-1.vault.azure.net"
        if error is not None:
            raise error

    return look_up


def test_a_list_is_all_there_is() -> None:
    """Where no search is asked for, the settings are the directory, and always current."""
    known = ListedVaults((VAULT,)).known(soon())
    assert (known.vaults, known.fault, known.current) == ((VAULT,), None, True)


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), False),
        (TimeoutError("It takes too long."), False),
        (OSError(socket.EAI_NONAME, "Some other error of that number"), False),
        (None, False),
    ],
    ids=["unknown", "again", "failure", "timeout", "other", "resolves"],
)
def test_a_vault_is_gone_only_where_a_name_server_denies_its_host(
    error: OSError | None, *, gone: bool
) -> None:
    """No answer, or a host that resolves, is no proof that the vault does not exist."""
    directory = ListedVaults((VAULT,), look_up=answering(error))
    assert directory.is_gone("weu-ds-akv-gone-dev-1", soon()) is gone


def test_nothing_is_known_of_hosts_that_a_proxy_looks_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy the own name servers may know no host at all; around it they count."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    directory = ListedVaults((VAULT,), look_up=answering(unknown))
    assert not directory.is_gone("weu-ds-akv-gone-dev-1", soon())
    monkeypatch.setenv("NO_PROXY", ".vault.azure.net")
    assert directory.is_gone("weu-ds-akv-gone-dev-1", soon())


def test_a_name_is_looked_up_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search domains of the machine have no part in it, and the cloud's suffix has."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert not ListedVaults((VAULT,), "vault.azure.cn").is_gone("old-vault", soon())
    assert asked == ["old-vault.vault.azure.cn."]
