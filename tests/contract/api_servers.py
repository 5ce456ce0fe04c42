"""The two API servers that contract tests run on: the emulator, and a real one where there is one.

A real one is found by `TEST_KUBECONFIG`, a kubeconfig of a cluster's administrator, or made from
`KUBEBUILDER_ASSETS`, a folder with `etcd` and `kube-apiserver` as envtest has it.
"""

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import urllib3
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.authority import Authority
from local.kubernetes import Cluster, Rule, kubeconfig, kubernetes_app
from local.kubernetes.documents import Document, Json, child, dump, items, text
from local.serving import LOOPBACK, Servers

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
WHY_NO_REAL_SERVER = "neither KUBEBUILDER_ASSETS nor TEST_KUBECONFIG is set"
_START_SECONDS = 60.0
_RBAC_SECONDS = 20.0
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: Document = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def message(self) -> str:
        """The `Status` object's message."""
        return text(self.body, "message")

    @property
    def reason(self) -> str:
        """The `Status` object's reason."""
        return text(self.body, "reason")

    @property
    def version(self) -> str:
        """The object's resource version."""
        return text(child(self.body, "metadata"), "resourceVersion")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a server, with the bearer token that stands for it."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server; `release` is its minor version."""

    name: str
    url: str
    ca_pem: bytes = field(repr=False)
    admin_token: str = field(repr=False)
    release: int
    _http: urllib3.PoolManager = field(repr=False)
    _account: Callable[["ApiServer", str, list[Rule]], Account] = field(repr=False)
    made: list[str] = field(default_factory=list)
    """Paths of what the tests made outside of namespaces, and of the namespaces themselves."""

    def call(  # noqa: PLR0913 - a request has this many parts
        self,
        method: str,
        path: str,
        body: Json | bytes = None,
        *,
        media: str = JSON,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        """Send one request as the administrator, or as who holds the token.

        Keywords are query parameters, besides those of `query`.
        """
        asked = {**(query or {}), **parameters}
        sent = {"User-Agent": "contract/1", "Content-Type": media, **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        response = self.send(
            method,
            path + (f"?{urlencode(asked)}" if asked else ""),
            body if isinstance(body, bytes) else None if body is None else dump(body),
            sent,
        )
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = {"message": response.data.decode()}
        return Answer(response.status, answer, dict(response.headers))

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """Send one request as it is, as the administrator unless the headers say who."""
        sent = {"Authorization": f"Bearer {self.admin_token}", **headers}
        return self._http.request(method, f"{self.url}{path}", body=body, headers=sent)

    def create_namespace(self) -> str:
        """Make a namespace with a name of its own."""
        name = f"contract-{secrets.token_hex(5)}"
        made = self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert made.status == 201, made.message
        self.made.append(f"/api/v1/namespaces/{name}")
        return name

    def user(self, name: str, rules: list[Rule]) -> Account:
        """Make an account that may do what the rules say, and nothing else."""
        return self._account(self, f"{name}-{secrets.token_hex(4)}", rules)

    def kubeconfig(self, token: str | None = None, namespace: str = "default") -> str:
        """Return a kubeconfig of the administrator, or of who holds the token."""
        return kubeconfig(self.url, self.ca_pem, token or self.admin_token, namespace)


@contextmanager
def emulator(cluster: Cluster | None = None) -> Iterator[ApiServer]:
    """Serve a cluster, a new one unless given, from the emulator."""
    served = cluster or Cluster()
    token = secrets.token_hex(16)
    served.add_token(token, "admin")

    def account(_: ApiServer, name: str, rules: list[Rule]) -> Account:
        made = Account(_account_user(name), secrets.token_hex(16))
        served.add_token(made.token, made.user)
        served.grant(made.user, *rules)
        return made

    authority = Authority.create()
    with Servers() as servers:
        port = servers.serve(kubernetes_app(served), authority.server_context(LOOPBACK))
        url = f"https://{LOOPBACK}:{port}"
        with _http(authority.pem) as http:
            yield ApiServer("emulator", url, authority.pem, token, 36, http, account)


@contextmanager
def real_server() -> Iterator[ApiServer | None]:
    """Find or start a real API server; None where the environment names none."""
    assets, config = os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("TEST_KUBECONFIG")
    if config:
        with _from_kubeconfig(Path(config)) as server:
            yield server
    elif assets:
        with _from_assets(Path(assets)) as server:
            yield server
    else:
        yield None


@contextmanager
def _http(ca_pem: bytes) -> Iterator[urllib3.PoolManager]:
    context = ssl.create_default_context(cadata=ca_pem.decode())
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    pool = urllib3.PoolManager(ssl_context=context, maxsize=8, retries=False, timeout=30.0)
    try:
        yield pool
    finally:
        pool.clear()


@contextmanager
def _connected(name: str, url: str, ca_pem: bytes, token: str) -> Iterator[ApiServer]:
    with _http(ca_pem) as http:
        unversioned = ApiServer(name, url, ca_pem, token, 0, http, _real_account)
        _until(lambda: _is_up(unversioned), _START_SECONDS, "the API server does not answer")
        release = int(text(unversioned.call("GET", "/version").body, "minor").strip("+"))
        yield ApiServer(name, url, ca_pem, token, release, http, _real_account)


def _is_up(server: ApiServer) -> bool:
    try:
        ready = server.call("GET", "/readyz").status == 200
        return ready and server.call("GET", "/api/v1/namespaces/default").status == 200
    except urllib3.exceptions.HTTPError:
        return False


@contextmanager
def _from_kubeconfig(path: Path) -> Iterator[ApiServer]:
    document = yaml.safe_load(path.read_text())
    context = next(
        item["context"]
        for item in document["contexts"]
        if item["name"] == document["current-context"]
    )
    cluster = next(c["cluster"] for c in document["clusters"] if c["name"] == context["cluster"])
    ca_file = path.parent / cluster.get("certificate-authority", "")
    if "certificate-authority-data" in cluster:
        ca_pem = base64.b64decode(cluster["certificate-authority-data"])
    else:
        ca_pem = ca_file.read_bytes()
    command = ("kubectl", "--kubeconfig", str(path), "-n", "kube-system")
    name = f"contract-admin-{secrets.token_hex(4)}"
    _run(*command, "create", "serviceaccount", name)
    _run(
        *command,
        "create",
        "clusterrolebinding",
        name,
        "--clusterrole=cluster-admin",
        f"--serviceaccount=kube-system:{name}",
    )
    try:
        token = _run(*command, "create", "token", name).strip()
        with _connected("real", cluster["server"], ca_pem, token) as server:
            try:
                yield server
            finally:
                _clear(server)
    finally:
        _run(*command, "delete", "clusterrolebinding", name)
        _run(*command, "delete", "serviceaccount", name)


@contextmanager
def _from_assets(assets: Path) -> Iterator[ApiServer]:
    token = secrets.token_hex(16)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        etcd, peer, port = free_ports(3)
        stack.enter_context(
            running(
                folder / "etcd.log",
                str(assets / "etcd"),
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls=http://{LOOPBACK}:{etcd}",
                f"--advertise-client-urls=http://{LOOPBACK}:{etcd}",
                f"--listen-peer-urls=http://{LOOPBACK}:{peer}",
                f"--initial-advertise-peer-urls=http://{LOOPBACK}:{peer}",
                f"--initial-cluster=default=http://{LOOPBACK}:{peer}",
            )
        )
        stack.enter_context(
            running(
                folder / "kube-apiserver.log",
                str(assets / "kube-apiserver"),
                f"--etcd-servers=http://{LOOPBACK}:{etcd}",
                f"--secure-port={port}",
                f"--bind-address={LOOPBACK}",
                f"--cert-dir={folder / 'certs'}",
                f"--token-auth-file={_write(folder / 'tokens.csv', _token_line(token))}",
                "--anonymous-auth=false",
                "--authorization-mode=RBAC",
                "--disable-admission-plugins=ServiceAccount",
                "--service-cluster-ip-range=10.0.0.0/24",
                f"--service-account-issuer=https://{LOOPBACK}",
                f"--service-account-key-file={_signing_key(folder)}",
                f"--service-account-signing-key-file={folder / 'signing.pem'}",
            )
        )
        certificate = folder / "certs" / "apiserver.crt"
        _until(certificate.exists, _START_SECONDS, "the API server makes no certificate")
        ca_pem = certificate.read_bytes()
        url = f"https://{LOOPBACK}:{port}"
        yield stack.enter_context(_connected("real", url, ca_pem, token))


def _real_account(server: ApiServer, name: str, rules: list[Rule]) -> Account:
    """Make a service account, with one role and binding for each rule."""
    home = "/api/v1/namespaces/default/serviceaccounts"
    _made(server, home, {"metadata": {"name": name}})
    subject: Document = {"kind": "User", "name": _account_user(name)}
    for index, rule in enumerate(rules):
        _bind(server, f"{name}-{index}", rule, subject)
    made = server.call("POST", f"{home}/{name}/token", {"spec": {}})
    assert made.status == 201, made.message
    account = Account(_account_user(name), text(child(made.body, "status"), "token"))
    _until(
        lambda: all(_may(server, account, rule) for rule in rules),
        _RBAC_SECONDS,
        "the rules do not take effect",
    )
    return account


def _bind(server: ApiServer, name: str, rule: Rule, subject: Document) -> None:
    granted: Document = {
        "apiGroups": list(rule.groups),
        "verbs": list(rule.verbs),
        "resources": list(rule.resources),
        "resourceNames": list(rule.names),
    }
    _made(server, f"{_RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [granted]})
    binding: Document = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{**subject, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    for namespace in rule.namespaces:
        _made(server, f"{_RBAC}/namespaces/{namespace}/rolebindings", binding)
    if not rule.namespaces:
        _made(server, f"{_RBAC}/clusterrolebindings", binding)


def _may(server: ApiServer, account: Account, rule: Rule) -> bool:
    asked: Document = {
        "verb": rule.verbs[0],
        "group": rule.groups[0],
        "resource": rule.resources[0],
        "name": rule.names[0] if rule.names else "",
        "namespace": rule.namespaces[0] if rule.namespaces else "",
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body: Document = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": asked},
    }
    review = server.call("POST", path, body, token=account.token)
    return child(review.body, "status").get("allowed") is True


def _account_user(name: str) -> str:
    return f"system:serviceaccount:default:{name}"


def _made(server: ApiServer, path: str, body: Document) -> None:
    made = server.call("POST", path, body)
    assert made.status == 201, made.message
    server.made.append(f"{path}/{text(child(body, 'metadata'), 'name')}")


def _clear(server: ApiServer) -> None:
    """Remove what the tests made, for the sake of a server that outlives them."""
    for path in reversed(server.made):
        listed = server.call("GET", f"{path}/secrets") if "/namespaces/" in path else None
        for secret in items(listed.body, "items") if listed else ():
            if child(secret, "metadata").get("finalizers"):
                name = text(child(secret, "metadata"), "name")
                unfinal: Document = {"metadata": {"finalizers": None}}
                server.call("PATCH", f"{path}/secrets/{name}", unfinal, media=MERGE)
        server.call("DELETE", path)


@contextmanager
def running(log: Path, *command: str) -> Iterator[None]:
    """Run a server for a while; what it prints goes to the file."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - ours
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


def _token_line(token: str) -> bytes:
    return f"{token},admin,admin,system:masters\n".encode()


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _signing_key(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _write(folder / "signing.pem", private)
