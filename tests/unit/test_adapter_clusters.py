"""The kubeconfigs that lead to the clusters: taken when sound, refused with a remedy when not."""

import base64
import json
import ssl
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.authority import Authority
from sync.adapters.kubernetes.cluster_config import (
    ClusterConfig,
    CredentialRef,
    KeptKubeconfig,
    KubeconfigFile,
    KubeconfigText,
)
from sync.adapters.kubernetes.connection import Connection, Endpoint
from sync.adapters.kubernetes.login import kubeconfig as loaded
from sync.adapters.kubernetes.login.endpoints import ClusterLogin, ClusterLogins
from sync.core.errors import Permanent, Transient
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.chains import chain_of, key_pem, pem
from tests.unit.scripted import said, soon
from tests.unit.test_adapter_kubernetes import encoded, kubeconfig

URL = "https://api.example:6443"
KEPT = KeptKubeconfig(CredentialRef("keeper", "config"))


def door(path: Path, context: str | None = None) -> ClusterLogin:
    """Make the door to the cluster of a kubeconfig file."""
    return ClusterLogins(None, 7).door(ClusterConfig("main", KubeconfigFile(str(path), context)))


def opened(path: Path, context: str | None = None) -> Connection:
    """Open it."""
    return door(path, context).open(soon())


def endpoint(config: ClusterConfig, text: str) -> Endpoint:
    """Read a kubeconfig that is no file."""
    return loaded.endpoint(config, text, 16)


def test_a_cluster_is_connected_once(tmp_path: Path) -> None:
    """Every caller shares one endpoint, and its one pool of connections."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    main = door(path, "x")
    connection = main.open(soon())
    assert main.open(soon()).endpoint is connection.endpoint
    assert connection.endpoint.url == URL
    assert connection.authorization == f"Bearer {PLANTED}"
    assert connection.endpoint.pool.connection_pool_kw["maxsize"] == 7
    assert leaks(repr(connection)) == []


def test_only_the_first_refusal_connects_anew(tmp_path: Path) -> None:
    """Of callers whose credential was refused, one reads the kubeconfig and the others follow."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None)
    main = door(path)
    refused = main.open(soon())
    renewed = main.renewed(refused, soon())
    assert renewed.endpoint is not refused.endpoint
    assert main.renewed(refused, soon()).endpoint is renewed.endpoint


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    """A missing kubeconfig is an error of that moment, not of the process."""
    path = tmp_path / "kubeconfig"
    main = door(path)
    with pytest.raises(Permanent):
        main.open(soon())
    kubeconfig(path, URL, "t", None)
    assert main.open(soon()).endpoint.url == URL


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
        "\0",
    ],
    ids=range(8),
)
def test_a_broken_kubeconfig_is_not_quoted(tmp_path: Path, text: str) -> None:
    """What is wrong is said by place, with a command to try; the file's text is in no message."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(Permanent) as caught:
        opened(path)
    assert caught.value.reason == "ClusterConfig"
    assert f"kubectl --kubeconfig {path}" in caught.value.message
    assert leaks(said(caught.value)) == []


def test_an_unknown_context_is_refused(tmp_path: Path) -> None:
    """A context that the kubeconfig does not have is the operator's to correct."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, PLANTED, None)
    with pytest.raises(Permanent, match="--context nope") as caught:
        opened(path, "nope")
    assert leaks(said(caught.value)) == []


def test_plain_http_is_refused(tmp_path: Path) -> None:
    """A token is never sent in clear."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, "http://api.example", "t", None)
    with pytest.raises(Permanent, match="without https"):
        opened(path)


def test_no_verification_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A kubeconfig that turns the server's verification off is obeyed, and warned of."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None, **{"insecure-skip-tls-verify": True})
    pool = opened(path).endpoint.pool
    assert pool.connection_pool_kw["ssl_context"].verify_mode is ssl.CERT_NONE
    assert "certificate-authority-data" in caplog.text


def test_old_authorities_are_trusted(tmp_path: Path) -> None:
    """What a cluster made before Python asked for more is verified as kubectl verifies it."""
    path = tmp_path / "kubeconfig"
    kubeconfig(path, URL, "t", None)
    trust = opened(path).endpoint.pool
    context = trust.connection_pool_kw["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT


@pytest.mark.parametrize(
    "text", ["", PLANTED, f"a: [{PLANTED}", f"[{PLANTED}]", f"users: {PLANTED}"]
)
def test_a_broken_text_is_not_quoted(text: str) -> None:
    """Neither is what a setting or a vault holds; the message says where it is kept."""
    for reach, place in ((KEPT, "--vault-name keeper --name config"), (None, "SYNC_CLUSTERS")):
        config = ClusterConfig("main", reach or KubeconfigText(text))
        with pytest.raises(Permanent) as caught:
            endpoint(config, text)
        assert caught.value.reason == "ClusterConfig"
        assert place in caught.value.message
        assert leaks(said(caught.value) + repr(config)) == []


def document(user: dict[str, object], **cluster: object) -> str:
    """Write a kubeconfig with that user."""
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": URL, **cluster}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": "from-plugin"},
}
PLUGIN: dict[str, object] = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "command": sys.executable,
    "args": ["-c", f"print({json.dumps(CREDENTIAL)!r})"],
    "interactiveMode": "Never",
}


def test_a_plugin_of_this_machine_is_run() -> None:
    """A kubeconfig of the app's own may name a program that gets the token."""
    text = document({"exec": PLUGIN})
    config = ClusterConfig("main", KubeconfigText(text))
    assert endpoint(config, text).authorization(soon()) == "Bearer from-plugin"


EXPIRED = json.dumps(
    CREDENTIAL | {"status": {"token": "from-plugin", "expirationTimestamp": "2020-01-01T00:00:00Z"}}
)
COUNTED = "import sys; open(sys.argv[1], 'a').write('.'); print(sys.argv[2])"


def plugged(program: str, *arguments: str) -> Endpoint:
    """Return an endpoint whose log-in is what a program of Python prints."""
    text = document({"exec": {**PLUGIN, "args": ["-c", program, *arguments]}})
    return endpoint(ClusterConfig("main", KubeconfigText(text)), text)


HANGING = """
import json, pathlib, sys, time
first, go = map(pathlib.Path, sys.argv[1:3])
began = time.monotonic()
while first.exists() and not go.exists() and time.monotonic() - began < 20:
    time.sleep(0.01)
first.touch()
print(sys.argv[3])
"""


def test_a_plugin_that_hangs_later_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that expires is asked for anew while calls wait for it, and not for ever."""
    monkeypatch.setattr(loaded, "_LOGIN_SECONDS", 0.1)
    first, go = tmp_path / "first", tmp_path / "go"
    made = plugged(HANGING, str(first), str(go), EXPIRED)
    for _ in range(2):
        with pytest.raises(Transient, match=r"could not be renewed \(TimeoutError\)"):
            made.authorization(soon())
    go.touch()
    monkeypatch.undo()
    assert made.authorization(soon()) == "Bearer from-plugin"


@pytest.mark.parametrize(("seconds", "runs"), [(60.0, 1), (0.0, 3)])
def test_a_plugin_is_not_run_for_each_call(
    seconds: float, runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of whatever life is used for a minute: threads and programs cost an event time."""
    monkeypatch.setattr(loaded, "_HEADER_SECONDS", seconds)
    ran = tmp_path / "ran"
    made = plugged(COUNTED, str(ran), EXPIRED)
    ran.unlink()
    for _ in range(3):
        assert made.authorization(soon()) == "Bearer from-plugin"
    assert len(ran.read_text()) == runs


def test_all_who_wait_share_one_run_of_a_plugin(tmp_path: Path) -> None:
    """Threads that ask while it is under way get what it comes to."""
    ran = tmp_path / "ran"
    made = plugged(f"import time; time.sleep(0.2); {COUNTED}", str(ran), EXPIRED)
    ran.unlink()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(made.authorization, soon()) for _ in range(4)]
        assert {each.result() for each in waiting} == {"Bearer from-plugin"}
    assert ran.read_text() == "."


def test_a_plugin_is_run_anew_once_its_token_is_refused(tmp_path: Path) -> None:
    """However short a token's life is, the call that it failed is made with another one."""
    program = f"""
import json, pathlib
status = {{"token": pathlib.Path({str(tmp_path / "token")!r}).read_text()}}
print(json.dumps({CREDENTIAL!r} | {{"status": status}}))
"""
    config = tmp_path / "config"
    config.write_text(document({"exec": {**PLUGIN, "args": ["-c", program]}}))
    (tmp_path / "token").write_text("first")
    entrance = door(config)
    assert entrance.open(soon()).authorization == "Bearer first"
    (tmp_path / "token").write_text("second")
    former = entrance.open(soon())
    assert former.authorization == "Bearer first"
    assert entrance.renewed(former, soon()).authorization == "Bearer second"
    assert entrance.open(soon()).authorization == "Bearer second"


@pytest.mark.parametrize(
    ("user", "cluster", "key"),
    [
        ({"exec": PLUGIN}, {}, "exec"),
        ({"auth-provider": {"name": "gcp"}}, {}, "auth-provider"),
        ({"tokenFile": "/etc/hostname"}, {}, "tokenFile"),
        ({"client-certificate": "/etc/hostname"}, {}, "client-certificate"),
        ({"client-key": "/etc/hostname"}, {}, "client-key"),
        ({}, {"certificate-authority": "/etc/hostname"}, "certificate-authority"),
    ],
)
def test_a_kubeconfig_of_a_vault_holds_data_only(
    user: dict[str, object], cluster: dict[str, object], key: str
) -> None:
    """Whoever may write the vault neither runs programs nor reads files where the app runs."""
    with pytest.raises(Permanent, match=rf"\({key}\)") as caught:
        endpoint(ClusterConfig("main", KEPT), document(user, **cluster))
    assert caught.value.reason == "ClusterConfig"


def test_a_kubeconfig_of_a_vault_is_taken(authority: Authority) -> None:
    """Tokens and certificates that stand in it are used."""
    data = base64.b64encode(authority.pem).decode()
    text = document({"token": PLANTED}, **{"certificate-authority-data": data})
    assert endpoint(ClusterConfig("main", KEPT), text).authorization(soon()) == f"Bearer {PLANTED}"


@pytest.mark.parametrize(
    "words",
    [
        f"import sys; sys.exit('{PLANTED}')",
        f"print('{PLANTED}')",
        f'print(\'{{"kind": "{PLANTED}"}}\')',
        f'print(\'{{"apiVersion": "{PLANTED}", "kind": "", "status": {{}}}}\')',
    ],
    ids=["stderr", "stdout", "members", "version"],
)
def test_what_a_plugin_says_is_not_told(
    words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that logs in prints credentials: neither an error nor any log has a word of it."""
    monkeypatch.setattr("sys.stdout", None)  # as without a terminal, however these tests are run
    text = document({"exec": {**PLUGIN, "args": ["-c", words]}})
    made = endpoint(ClusterConfig("main", KubeconfigText(text)), text)
    assert made.authorization(soon()) is None
    assert leaks(caplog.text + repr(made)) == []


def test_no_key_of_a_kubeconfig_stays_in_a_file(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates and keys that a kubeconfig holds are loaded, and left on no disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    chain = chain_of("P-256", 1)
    key = key_pem(chain.key)
    user = {"client-certificate-data": encoded(pem(*chain.certificates))}
    text = document(
        {**user, "client-key-data": encoded(key)},
        **{"certificate-authority-data": encoded(authority.pem.decode())},
    )
    made = endpoint(ClusterConfig("main", KEPT), text)
    assert list(tmp_path.rglob("*")) == []
    assert made.pool.connection_pool_kw["key_file"] is None
    again = endpoint(ClusterConfig("main", KEPT), text)
    assert again.pool.connection_pool_kw["ca_cert_data"] == authority.pem.decode()
    assert list(tmp_path.rglob("*")) == []
    other = key_pem(chain_of("P-384", 1).key)
    with pytest.raises(Permanent, match="cannot be read"):  # the key is loaded with its certificate
        endpoint(ClusterConfig("main", KEPT), document({**user, "client-key-data": encoded(other)}))


def test_kubeconfigs_of_one_authority_are_read_at_once(authority: Authority) -> None:
    """Each has the authority that it names, whoever else reads a kubeconfig meanwhile."""
    held = {"certificate-authority-data": encoded(authority.pem.decode())}
    text = document({"token": "t"}, **held)
    with ThreadPoolExecutor(8) as readers:
        made = list(readers.map(lambda _: endpoint(ClusterConfig("main", KEPT), text), range(64)))
    authorities = {each.pool.connection_pool_kw["ca_cert_data"] for each in made}
    assert authorities == {authority.pem.decode()}


@pytest.mark.parametrize(
    "url", [f"https://u:{PLANTED}@a", f"https://a/?t={PLANTED}", "https://a#b"]
)
def test_a_login_in_a_servers_url_is_refused(url: str) -> None:
    """What an error names of a server is its URL, so no login may be in it."""
    with pytest.raises(Permanent, match="put a login into the user") as caught:
        endpoint(ClusterConfig("main", KEPT), document({"token": "t"}, server=url))
    assert leaks(said(caught.value)) == []
