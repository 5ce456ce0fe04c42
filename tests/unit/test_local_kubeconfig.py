"""The command line's kubeconfigs: of this machine, with plugins and files as kubectl takes them."""

import base64
import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.authority import Authority
from local.serving import LOOPBACK, Servers
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigFile, KubeconfigText
from sync.adapters.kubernetes.connection import Call, Connection
from sync.adapters.kubernetes.login.cluster_login import ClusterLogin
from sync.adapters.kubernetes.login.factory import ClusterLogins, KubeconfigFiles
from sync.adapters.kubernetes.login.local_kubeconfig import local_kubeconfig
from sync.core.errors import Permanent
from tests.kit.chains import chain_of, key_pem, pem
from tests.kit.errors import raises
from tests.kit.kubeconfigs import document, encoded
from tests.kit.scripted import Answer, Request, Scripted, said, soon
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks
from tests.unit.test_cluster_logins import jwt

EXPIRED = base64.urlsafe_b64encode(b'{"exp": 1}  ').decode()
CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": "from-plugin"},
}


def login(path: Path | str, context: str | None = None) -> ClusterLogin:
    """Make the command line's way to the cluster of a kubeconfig file."""
    files = KubeconfigFiles(str(path), local_kubeconfig)
    return ClusterLogins(None, files).login(ClusterConfig("main", KubeconfigFile(None, context)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the kubeconfig is."""
    return tmp_path / "kubeconfig"


def plugin(program: str, *arguments: str) -> dict[str, object]:
    """Return a user whose log-in is what a program of Python prints."""
    run = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program, *arguments],
        "interactiveMode": "Never",
    }
    return {"exec": run}


def opened(path: Path, user: object, **cluster: object) -> Connection:
    """Open the way by a kubeconfig with that user."""
    path.write_text(document(user, **cluster))
    return login(path).open(soon())


def refusal(path: Path, user: object, **cluster: object) -> str:
    """Return why that is refused, without a word of the kubeconfig."""
    with raises(Permanent, "ClusterConfig") as caught:
        opened(path, user, **cluster)
    assert f"kubectl --kubeconfig {path}" in caught.value.message
    assert leaks(said(caught.value)) == []
    return caught.value.message


def test_a_plugin_is_run(path: Path) -> None:
    """A kubeconfig may name a program that gets the token."""
    made = opened(path, plugin(f"print({json.dumps(CREDENTIAL)!r})"))
    assert made.authorization == "Bearer from-plugin"


def test_a_plugin_is_run_by_files_alone() -> None:
    """A kubeconfig that stands in SYNC_CLUSTERS is data on the command line, too."""
    text = document(plugin("print()"))
    logins = ClusterLogins(None, KubeconfigFiles("", local_kubeconfig))
    with pytest.raises(Permanent, match="exec"):
        logins.login(ClusterConfig("main", KubeconfigText(text))).open(soon())


def test_a_plugin_is_run_again_once_its_token_is_refused(path: Path, tmp_path: Path) -> None:
    """However short a token's life is, the call that it failed is made with another one."""
    program = f"""
import json, pathlib
status = {{"token": pathlib.Path({str(tmp_path / "token")!r}).read_text()}}
print(json.dumps({CREDENTIAL!r} | {{"status": status}}))
"""
    path.write_text(document(plugin(program)))
    (tmp_path / "token").write_text("first")
    main = login(path)
    first = main.open(soon())
    assert first.authorization == "Bearer first"
    (tmp_path / "token").write_text("second")
    assert main.open(soon()).authorization == "Bearer first"
    assert main.renewed(first, soon()).authorization == "Bearer second"


HANGING = """
import pathlib, sys, time
began = time.monotonic()
while not pathlib.Path(sys.argv[1]).exists() and time.monotonic() - began < 20:
    time.sleep(0.01)
"""


def test_a_plugin_that_hangs_is_told(path: Path, tmp_path: Path) -> None:
    """The loader waits for ever; a command waits as long as it has."""
    path.write_text(document(plugin(HANGING, str(tmp_path / "go"))))
    with pytest.raises(Permanent, match="takes too long"):
        login(path).open(soon(0.5))
    (tmp_path / "go").touch()  # its thread ends


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
    path: Path, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that logs in prints credentials: neither an error nor any log has a word of it."""
    monkeypatch.setattr("sys.stdout", None)  # as without a terminal, however these tests are run
    assert "the program that logs in gave none" in refusal(path, plugin(words))
    assert leaks(caplog.text) == []


def test_files_are_read(path: Path, tmp_path: Path, servers: Servers) -> None:
    """Authority, client certificate and token may be in files beside the kubeconfig."""
    authority, chain = Authority.create(), chain_of("P-256", 1)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "client.pem").write_text(pem(*chain.certificates))
    (tmp_path / "key.pem").write_text(key_pem(chain.key))
    (tmp_path / "token").write_text(f"{PLANTED}\n")
    scripted = Scripted([Answer(200, {"major": "1"})])
    port = servers.serve(scripted.app(), authority.server_context(LOOPBACK))
    user = {"client-certificate": "client.pem", "client-key": "key.pem", "tokenFile": "token"}
    where = {"server": f"https://{LOOPBACK}:{port}", "certificate-authority": "ca.pem"}
    made = opened(path, user, **where)
    assert made.send(Call("GET", "/version"), soon()).status == 200
    assert scripted.requests[0].headers["Authorization"] == f"Bearer {PLANTED}"
    made.endpoint.pool.clear()
    servers.stop(port)


def test_several_files_are_one_kubeconfig(path: Path, tmp_path: Path) -> None:
    """KUBECONFIG may be a list, as kubectl has it."""
    text = json.loads(document({"token": "t"}))
    users = {"users": text.pop("users")}
    path.write_text(json.dumps(text))
    (tmp_path / "users").write_text(json.dumps(users))
    assert login(f"{path}:{tmp_path / 'users'}").open(soon()).authorization == "Bearer t"


def test_a_password_is_used(path: Path) -> None:
    """Some gateways before a cluster take one."""
    made = opened(path, {"username": "u", "password": "p"})
    assert made.authorization == f"Basic {base64.b64encode(b'u:p').decode()}"


def test_kubeconfigs_with_keys_are_read_at_once(path: Path, authority: Authority) -> None:
    """The loader's files of one do not go while another one needs them."""
    chain = chain_of("P-256", 1)
    user = {
        "client-certificate-data": encoded(pem(*chain.certificates)),
        "client-key-data": encoded(key_pem(chain.key)),
    }
    data = {"certificate-authority-data": encoded(authority.pem.decode())}
    path.write_text(document(user, **data))
    with ThreadPoolExecutor(8) as readers:
        made = list(readers.map(lambda _: login(path).open(soon()), range(32)))
    assert {each.endpoint.url for each in made} == {"https://api.example:6443"}


def test_no_key_stays_in_a_file(
    path: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the loader writes to files is gone when the endpoint is there."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    chain = chain_of("P-256", 1)
    user = {
        "client-certificate-data": encoded(pem(*chain.certificates)),
        "client-key-data": encoded(key_pem(chain.key)),
    }
    data = {"certificate-authority-data": encoded(authority.pem.decode())}
    assert opened(path, user, **data).authorization is None
    assert list((tmp_path / "temporary").rglob("*")) == []


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"token": f"{PLANTED}\n{PLANTED}"}, {}),
        ({"token": "t"}, {"proxy-url": "socks5://127.0.0.1:1080"}),
        ({"token": "t"}, {"server": f"https://u:{PLANTED}@a"}),
        ({"token": "t"}, {"server": "http://a"}),
        ({"token": "t"}, {"certificate-authority-data": encoded("none")}),
        ({"token": "t"}, {"certificate-authority": "/nowhere"}),
        ({"token": "t", "client-certificate-data": encoded("none")}, {}),
        ({}, {}),
        (PLANTED, {}),
    ],
    ids=range(9),
)
def test_what_cannot_be_used_is_told(path: Path, user: object, cluster: dict[str, object]) -> None:
    """What the app refuses of data is refused here as well, in one line."""
    refusal(path, user, **cluster)


def expired(**issuer: str) -> dict[str, object]:
    """Return a user with an OpenID token that has expired, and where to get another one."""
    config = {"id-token": f"h.{EXPIRED}.s"} | {k.replace("_", "-"): v for k, v in issuer.items()}
    return {"auth-provider": {"name": "oidc", "config": config}}


def test_a_log_in_whose_issuer_is_down_is_told(path: Path) -> None:
    """A kubeconfig's OpenID token that has expired cannot be renewed by nobody."""
    message = refusal(path, expired(idp_issuer_url="https://127.0.0.1:9"))
    assert "its log-in fails" in message
    assert EXPIRED not in message


@pytest.fixture
def issuer(servers: Servers, authority: Authority) -> Iterator[tuple[Scripted, dict[str, object]]]:
    """Serve an OpenID issuer; return what it shall answer, and a user with a log-in of its."""
    script = Scripted()
    port = servers.serve(script.app(), authority.server_context(LOOPBACK))
    user = expired(
        idp_issuer_url=f"https://{LOOPBACK}:{port}",
        idp_certificate_authority_data=base64.b64encode(authority.pem).decode(),
        client_id="c",
        client_secret=PLANTED,
        refresh_token=PLANTED,
    )
    yield script, user
    servers.stop(port)


def discovery(request: Request) -> Answer:
    """Say where the issuer gives tokens out."""
    return Answer(body={"token_endpoint": f"https://{request.headers['Host']}/token"})


def test_a_log_in_is_renewed_at_its_issuer(
    path: Path, issuer: tuple[Scripted, dict[str, object]]
) -> None:
    """The refresh token of the kubeconfig is good for a new token, which the server gets."""
    script, user = issuer
    new = jwt(exp=4_000_000_000)
    granted = {"access_token": "a", "token_type": "Bearer", "id_token": new, "refresh_token": "r"}
    script.answers = [discovery, Answer(body=granted)]
    assert opened(path, user).authorization == f"Bearer {new}"


@pytest.mark.parametrize(
    "answers",
    [
        [discovery, Answer(400, {"error": "invalid_grant", "error_description": PLANTED})],
        [discovery, Answer(503, f"<html>{PLANTED}</html>", content_type="text/html")],
        [discovery, Answer(body={"token_type": "Bearer", "id_token": PLANTED})],
        [Answer(body={"token_endpoint": f"http://{PLANTED}.example/"})],
        [Answer(body=f"<html>{PLANTED}</html>")],
        [Answer(body=[PLANTED])],
    ],
    ids=range(6),
)
def test_a_log_in_that_is_not_renewed_is_told(
    path: Path, issuer: tuple[Scripted, dict[str, object]], answers: list[Answer]
) -> None:
    """Why the issuer gives no token is told in one word: what it says may hold anything."""
    script, user = issuer
    script.answers = list(answers)
    refusal(path, user)
