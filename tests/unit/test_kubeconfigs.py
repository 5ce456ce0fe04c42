"""Kubeconfigs as data: taken when sound, refused with a remedy when not, and never quoted."""

import base64
import json
import ssl
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from urllib3 import ProxyManager

from local.authority import Authority
from sync.adapters.kubernetes.cluster_config import (
    ClusterConfig,
    CredentialRef,
    KubeconfigFile,
    KubeconfigText,
    StoredKubeconfig,
)
from sync.adapters.kubernetes.connection import Connection
from sync.adapters.kubernetes.login.cluster_login import ClusterLogin
from sync.adapters.kubernetes.login.factory import ClusterLogins, KubeconfigFiles
from sync.core.errors import Permanent
from tests.kit.chains import chain_of, key_of, key_pem, pem
from tests.kit.errors import raises
from tests.kit.kubeconfigs import URL, document, encoded
from tests.kit.scripted import said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.test_adapter_kubernetes import kubeconfig
from tests.unit.test_cluster_logins import Entra, Shelf, azure_of

type Open = Callable[[str], Connection]
"""Opens the way to the cluster of a kubeconfig."""


def login(path: Path, context: str | None = None) -> ClusterLogin:
    """Make the way to the cluster of a kubeconfig file."""
    reach = KubeconfigFile(str(path), context)
    return ClusterLogins(None, KubeconfigFiles()).login(ClusterConfig("main", reach))


def in_settings(text: str) -> Connection:
    """Open one that stands in the settings."""
    config = ClusterConfig("main", KubeconfigText(text))
    return ClusterLogins(None, KubeconfigFiles()).login(config).open(soon())


def in_vault(text: str) -> Connection:
    """Open one that a Key Vault secret holds."""
    config = ClusterConfig("main", StoredKubeconfig(CredentialRef("keeper", "config")))
    return (
        ClusterLogins(azure_of(Shelf(text), Entra()), KubeconfigFiles()).login(config).open(soon())
    )


def in_file(text: str) -> Connection:
    """Open one that is a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config"
        path.write_text(text)
        return login(path).open(soon())


@pytest.fixture(params=[in_file, in_settings, in_vault])
def opened(request: pytest.FixtureRequest) -> Open:
    """Return what opens a kubeconfig, wherever it is kept."""
    chosen: Open = request.param
    return chosen


def refusal(opened: Open, text: str) -> str:
    """Return why a kubeconfig is refused, for good and without a word of it."""
    with raises(Permanent, "ClusterConfig") as caught:
        opened(text)
    assert leaks(said(caught.value)) == []
    return caught.value.message


def test_a_cluster_is_connected_once(tmp_path: Path) -> None:
    """Every caller shares one endpoint, and its one pool of connections."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    main = login(path, "x")
    connection = main.open(soon())
    assert main.open(soon()).endpoint is connection.endpoint
    assert connection.endpoint.url == URL
    assert connection.authorization == f"Bearer {PLANTED}"
    assert connection.endpoint.pool.connection_pool_kw["maxsize"] == 16
    assert leaks(repr(connection)) == []


def test_only_the_first_refusal_reads_the_file(tmp_path: Path) -> None:
    """Of callers whose credential was refused, one reads the kubeconfig and the others follow."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "one", None)
    main = login(path)
    refused = main.open(soon())
    kubeconfig(path, URL, "two", None)
    renewed = main.renewed(refused, soon())
    assert renewed.authorization == "Bearer two"
    kubeconfig(path, URL, "three", None)
    assert main.renewed(refused, soon()).endpoint is renewed.endpoint


def test_a_file_that_changes_is_followed(tmp_path: Path) -> None:
    """A kubeconfig file is read again where its cluster cannot be reached; a new one is taken."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None)
    stays, moves = login(path), login(path)
    assert stays.moved(stays.open(soon()), soon()) is None
    failed = moves.open(soon())
    kubeconfig(path, "https://new.example:6443", "t", None)
    moved = moves.moved(failed, soon())
    assert moved is not None
    assert moved.endpoint.url == "https://new.example:6443"


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    """A missing kubeconfig is an error of that moment, not of the process."""
    path = tmp_path / "kubeconfig"
    main = login(path)
    with pytest.raises(Permanent):
        main.open(soon())
    kubeconfig(path, URL, "t", None)
    assert main.open(soon()).endpoint.url == URL


def test_a_stored_kubeconfig_is_read_every_five_minutes() -> None:
    """While it stays the same its connections are kept."""
    shelf, now = Shelf(document({"token": "one"})), [0.0]
    config = ClusterConfig("main", StoredKubeconfig(CredentialRef("keeper", "config")))
    main = ClusterLogins(azure_of(shelf, Entra(), lambda: now[0]), KubeconfigFiles()).login(config)
    first = main.open(soon())
    now[0] = 299.0
    assert main.open(soon()) == first
    assert len(shelf.asked) == 1
    now[0] = 300.0
    assert main.open(soon()).endpoint.pool is first.endpoint.pool
    assert len(shelf.asked) == 2
    shelf.value = document({"token": "two"})
    now[0] = 600.0
    assert main.open(soon()).authorization == "Bearer two"


@pytest.mark.parametrize(
    "text",
    [
        "",
        PLANTED,
        f"users: [{PLANTED}",
        f"clusters: {PLANTED}\ncurrent-context: {PLANTED}\n",
        f"[{PLANTED}]",
        f"current-context: x\ncontexts:\n- name: {PLANTED}\n",
        f"current-context: x\ncontexts:\n- name: x\n  context: {PLANTED}\n",
        f"current-context: [{PLANTED}]\ncontexts:\n- name: [{PLANTED}]\n  context: {{}}\n",
        "\0",
        "? {}\n: 1",
        "[" * 100,
        "a: &a [1]\nb: *a",
        "a: 2001-01-01 00:00:00 +99:99",
        "a: " + "1" * 5000,
    ],
    ids=range(14),
)
def test_a_broken_kubeconfig_is_not_quoted(opened: Open, text: str) -> None:
    """What is wrong is said by place, with a command to try; its text is in no message."""
    assert "get --raw /version" in refusal(opened, text)


def test_where_a_kubeconfig_is_kept_is_told(tmp_path: Path) -> None:
    """The message leads to the file, the setting or the vault."""
    path = tmp_path / "kubeconfig"
    with pytest.raises(Permanent, match=f"kubectl --kubeconfig {path} "):
        login(path).open(soon())
    assert "SYNC_CLUSTERS" in refusal(in_settings, PLANTED)
    assert "--vault-name keeper --name config" in refusal(in_vault, PLANTED)


def test_an_unknown_context_is_refused(tmp_path: Path) -> None:
    """A context that the kubeconfig does not have is the operator's to correct."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    with pytest.raises(Permanent, match="--context nope") as caught:
        login(path, "nope").open(soon())
    assert leaks(said(caught.value)) == []


def test_a_list_of_files_is_refused() -> None:
    """The app takes one kubeconfig; kubectl would merge those that KUBECONFIG lists."""
    with pytest.raises(Permanent, match="list of files"):
        login(Path("/a:/b")).open(soon())


@pytest.mark.parametrize(
    ("user", "cluster", "words"),
    [
        ({"exec": {"command": "kubelogin"}}, {}, "exec"),
        ({"auth-provider": {"name": "oidc"}}, {}, "auth-provider"),
        ({"tokenFile": "/etc/hostname", "token": "t"}, {}, "tokenFile"),
        ({"client-certificate": "/etc/hostname"}, {}, "client-certificate"),
        ({"client-key": "/etc/hostname"}, {}, "client-key"),
        ({"token": "t"}, {"certificate-authority": "/etc/hostname"}, "certificate-authority"),
        ({"username": "u", "password": PLANTED}, {}, "password"),
        ({"token": "t", "as": "admin"}, {}, "as"),
    ],
)
def test_a_kubeconfig_is_data(
    opened: Open, user: dict[str, object], cluster: dict[str, object], words: str
) -> None:
    """The app runs no program and reads no file for one, and says what it takes instead."""
    message = refusal(opened, document(user, **cluster))
    assert f"({words})" in message
    assert "client-certificate-data" in message
    assert "aks or server" in message


def test_another_context_may_run_programs(opened: Open) -> None:
    """Only the chosen context's cluster and user count."""
    text = json.loads(document({"token": PLANTED}))
    text["users"].append({"name": "v", "user": {"exec": {"command": "kubelogin"}}})
    assert opened(json.dumps(text)).authorization == f"Bearer {PLANTED}"


@pytest.mark.parametrize(
    ("user", "words"),
    [
        *(({}, "no login"), ({"token": ""}, "no login"), ({"token": " \n"}, "no login")),
        *(({"username": "u"}, "no login"), ({"token": 12345}, "quotes")),
        *(({"token": ["t"]}, "quotes"), ({"token": True}, "quotes")),
        *(
            ({"token": token}, "token is not one line")
            for token in (
                *(f"{PLANTED}\n{PLANTED}", f"{PLANTED} {PLANTED}", f"ä{PLANTED}", f"\x7f{PLANTED}"),
                *("a" * 20_000, f"{PLANTED}\u2028{PLANTED}", f"{PLANTED}\0"),
            )
        ),
    ],
    ids=range(14),
)
def test_a_login_that_is_none_is_refused(opened: Open, user: object, words: str) -> None:
    """A cluster would take the app for anybody; no header holds a line break or another alphabet.

    YAML makes a number of a token without quotes.
    """
    assert words in refusal(opened, document(user))


def test_blanks_around_a_token_are_not_its_own(opened: Open) -> None:
    """A token that was pasted with its line's end is the token."""
    assert opened(document({"token": f" {PLANTED}\r\n"})).authorization == f"Bearer {PLANTED}"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("http://api.example", "without https"),
        ("ftp://api.example", "without https"),
        ("api.example:6443", "its server"),
        ("", "no URL"),
        ("https://", "no URL"),
        ("https://:6443", "no URL"),
        ("https://api.example:0", "no URL"),
        ("https://api.example:99999", "no URL"),
        ("https://api.example:port", "no URL"),
        ("https://[::1", "no URL"),
        ("https://a b", "no URL"),
        ("https://a..b", "no URL"),
        (f"https://{'a' * 64}.example", "no URL"),
        (f"https://api.example\n{PLANTED}", "no URL"),
        (f"https://u:{PLANTED}@a", "put a login into users"),
        (f"https://a/?t={PLANTED}", "put a login into users"),
        ("https://a#b", "put a login into users"),
    ],
)
def test_a_server_that_is_no_address_is_refused(opened: Open, server: str, words: str) -> None:
    """So is one without https, which would show the token, and one with a login in its URL."""
    assert words in refusal(opened, document({"token": "t"}, server=server))


@pytest.mark.parametrize(
    "server",
    ["https://api.example", "https://[::1]:6443", "https://bücher.example", "https://a/k8s/c-1/"],
)
def test_a_server_is_taken_as_it_is(opened: Open, server: str) -> None:
    """Ports may be left out, hosts may be addresses or have any letters, gateways have paths."""
    made = opened(document({"token": "t"}, server=server))
    assert made.endpoint.url == server.rstrip("/")


@pytest.mark.parametrize(
    "proxy",
    ["socks5://127.0.0.1:1080", "socks5h://p", "http://", "http://p:99999", "http://[", "ftp://p"],
)
def test_a_proxy_that_does_not_work_is_refused(
    opened: Open, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which proxies work is told, whether the kubeconfig or the environment names another."""
    message = refusal(opened, document({"token": "t"}, **{"proxy-url": proxy}))
    assert "its proxy-url is no http:// or https:// URL" in message
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", proxy)
    assert "HTTPS_PROXY is no http:// or https:// URL" in refusal(opened, document({"token": "t"}))


def test_a_proxy_of_the_environment_needs_no_scheme(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As curl has it, it is http; its login goes to it alone."""
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "user:p%40ss@proxy.example:3128")
    pool = opened(document({"token": "t"})).endpoint.pool
    assert isinstance(pool, ProxyManager)
    assert str(pool.proxy) == "http://user:p%40ss@proxy.example:3128"
    login = base64.b64encode(b"user:p@ss").decode()
    assert pool.proxy_headers == {"proxy-authorization": f"Basic {login}"}


def test_a_proxy_of_the_kubeconfig_holds_for_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in kubectl NO_PROXY excepts a host from the environment's proxy, not from proxy-url."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example:3128")
    usual = document({"token": "t"})
    assert not isinstance(opened(usual).endpoint.pool, ProxyManager)
    pool = opened(document({"token": "t"}, **{"proxy-url": "https://own.example"})).endpoint.pool
    assert isinstance(pool, ProxyManager)
    assert str(pool.proxy) == "https://own.example:443"


@pytest.mark.parametrize(
    "name", ["", ".a", "a..b", "a" * 64, "a b", "ä.example", f"a\n{PLANTED}", "-" * 300]
)
def test_a_server_name_that_is_none_is_refused(opened: Open, name: str) -> None:
    """A name that no certificate can have is told before any handshake; an empty one is none."""
    text = document({"token": "t"}, **{"tls-server-name": name})
    if name:
        assert "tls-server-name" in refusal(opened, text)
    else:
        assert opened(text).authorization == "Bearer t"


@pytest.mark.parametrize(
    "data",
    ["no base64!", encoded(PLANTED), encoded("ä"), encoded("-----BEGIN CERTIFICATE-----\nAAAA")],
    ids=range(4),
)
def test_an_authority_that_is_none_is_refused(opened: Open, data: str) -> None:
    """It is told when the kubeconfig is read, not as a handshake that failed."""
    text = document({"token": "t"}, **{"certificate-authority-data": data})
    message = refusal(opened, text)
    assert "certificate authority is no PEM" in message or "no base64 of PEM" in message


def identified(certificate: str, key: str) -> str:
    """Write a kubeconfig with a client certificate."""
    return document(
        {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    )


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (PLANTED, PLANTED, "no PEM pair"),
        ("chain", PLANTED, "no PEM pair"),
        (PLANTED, "key", "no PEM pair"),
        ("chain", "another key", "no PEM pair"),
        ("chain", "encrypted key", "encrypted"),
        ("chain", "", "one of client-certificate-data and client-key-data"),
        ("", "key", "one of client-certificate-data and client-key-data"),
    ],
    ids=range(7),
)
def test_a_client_certificate_that_is_none_is_refused(
    opened: Open, certificate: str, key: str, words: str
) -> None:
    """So is a key that is another's, is missing or is encrypted: nobody is asked for a password."""
    given = chain_of("P-256", 1)
    locked = given.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    texts = {
        "chain": pem(*given.certificates),
        "key": key_pem(given.key),
        "another key": key_pem(key_of("P-384")),
        "encrypted key": locked.decode(),
    }
    text = identified(texts.get(certificate, certificate), texts.get(key, key))
    assert words in refusal(opened, text)


def test_no_key_of_a_kubeconfig_stays_in_a_file(
    opened: Open, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates and keys that a kubeconfig holds are loaded, and left on no disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    chain = chain_of("P-256", 1)
    text = json.loads(identified(pem(*chain.certificates), key_pem(chain.key)))
    cluster = text["clusters"][0]["cluster"]
    cluster["certificate-authority-data"] = encoded(authority.pem.decode())
    made = opened(json.dumps(text))
    assert made.authorization is None
    assert list(tmp_path.rglob("*")) == []


def test_no_verification_is_warned_of(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    """A kubeconfig that turns the server's verification off is obeyed, and warned of."""
    made = opened(document({"token": "t"}, **{"insecure-skip-tls-verify": True}))
    assert made.endpoint.pool.connection_pool_kw["ssl_context"].verify_mode is ssl.CERT_NONE
    assert "certificate-authority-data" in caplog.text
    usual = opened(document({"token": "t"}))
    assert usual.endpoint.pool.connection_pool_kw["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_old_authorities_are_trusted(opened: Open) -> None:
    """What a cluster made before Python asked for more is verified as kubectl verifies it."""
    made = opened(document({"token": "t"}))
    context = made.endpoint.pool.connection_pool_kw["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT


def test_kubeconfigs_are_read_at_once(opened: Open, authority: Authority) -> None:
    """Each has the authority and the login that it names, whoever else reads one meanwhile."""
    data = {"certificate-authority-data": encoded(authority.pem.decode())}
    texts = [document({"token": f"t{number}"}, **data) for number in range(16)]
    with ThreadPoolExecutor(8) as readers:
        made = list(readers.map(opened, texts))
    assert [each.authorization for each in made] == [f"Bearer t{n}" for n in range(16)]
    assert len({id(each.endpoint.pool.connection_pool_kw["ssl_context"]) for each in made}) == 1
