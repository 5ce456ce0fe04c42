"""The local stack: vaults, a cluster, Event Grid and the proxy between them, on loopback ports."""

import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from local import arm
from local.api_server import AKS_AUDIENCE, ApiServer
from local.authority import Authority
from local.event_grid import Endpoint, EventGrid, Publisher, Subscription, event_grid_app
from local.host_process import HostProcess
from local.identity import Identity, identity_app
from local.key_vault import KeyVaults, Vault, key_vault_app
from local.kubernetes import AnyCluster, Cluster, kubeconfig, kubernetes_app
from local.kubernetes.cluster import ADMIN
from local.kubernetes.status import ApiError
from local.proxy import Proxy
from local.role import EVERY_SECRET, Rights
from local.serving import LOOPBACK, Servers

_told = logging.getLogger("local.told")
ROOT = Path(__file__).parent.parent
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TENANT = "00000000-0000-4000-8000-000000000002"
KEY_VAULT = "https://vault.azure.net"
APP_USER = "keyvault-sync"

_TOPIC_HOST = "keyvaults.westeurope-1.eventgrid.azure.net"
_RETRY_SCALE = 0.02  # Event Grid's first retry comes after 0.2 s instead of 10 s


@dataclass(slots=True)
class Stack:
    """Everything except the app; `environment` is what the app, or any client, needs to reach it.

    `admin_kubeconfig` allows everything in the cluster, `app_kubeconfig` what the app's Role
    allows.
    """

    folder: Path
    servers: Servers
    vaults: KeyVaults
    cluster: AnyCluster
    cluster_port: int
    grid: EventGrid
    publisher: Publisher
    identity: Identity
    resource_manager: arm.ResourceManager
    authority: Authority
    proxy: Proxy
    environment: Mapping[str, str] = field(repr=False)
    admin_kubeconfig: Path
    app_kubeconfig: Path

    def vault(self, name: str, subscription: str = SUBSCRIPTION) -> Vault:
        """Create a vault whose events are published, and that Resource Graph finds."""
        vault = self.vaults.create(name, subscription=subscription, tenant=TENANT)
        self.resource_manager.show_vault(vault.resource_id)
        self.connect(vault)
        return vault

    def connect(self, vault: Vault) -> None:
        """Show the system topic that carries the vault's events to the grid's subscribers."""
        group, _, _ = vault.resource_id.partition("/providers/")
        topic = f"{group}/providers/Microsoft.EventGrid/systemTopics/key-vault-sync-{vault.name}"
        self.resource_manager.put_topic(topic, vault.resource_id, self._event_subscriptions)

    def _event_subscriptions(self) -> Sequence[dict[str, object]]:
        """Return whom the grid delivers to, which is the same for every vault."""
        return [
            arm.webhook(each.name, each.url, each.schema, each.event_types)
            for each in self.grid.subscriptions()
        ]

    def namespace(self, name: str, *secrets: str, components: Sequence[str] = ()) -> None:
        """Create a namespace with the app's Role for these Secrets; if none are named, for all.

        One that is there already, as `default`, gets the Role. `components` add rules to it.
        """
        try:
            self.cluster.create_namespace(name)
        except ApiError as refused:
            if refused.code != HTTPStatus.CONFLICT:
                raise
        self.bind(name, *(secrets or EVERY_SECRET), components=components)

    def bind(
        self,
        namespace: str,
        *secrets: str,
        without: Sequence[str] = (),
        components: Sequence[str] = (),
    ) -> None:
        """Limit the app's Role there to these Secrets, without some of its verbs.

        `components` add rules to it.
        """
        rights = Rights.shipped(
            namespace, APP_USER, secrets, without=without, components=components
        )
        self.cluster.bind(rights.role, rights.binding)

    def another_cluster(self, audience: str = AKS_AUDIENCE) -> ApiServer:
        """Start a further cluster, which accepts the app identity's tokens for the audience."""
        return ApiServer.start_for(self.identity, self.servers, audience)

    def app_environment(self, vaults: Sequence[str] = (), **settings: str) -> dict[str, str]:
        """Return the app's environment: the stack's, and the app's own settings."""
        return {
            **self.environment,
            "KUBECONFIG": str(self.app_kubeconfig),
            "SYNC_VAULTS": ",".join(vaults),
            "SYNC_SUBSCRIPTIONS": SUBSCRIPTION,
            **settings,
        }

    def public_trust(self) -> dict[str, str]:
        """Return variables that make an app also trust the public authorities, as when deployed.

        The proxy still leads only to the stack.
        """
        bundle = self.folder / "bundle.pem"
        bundle.write_bytes(Path(DEFAULT_CA_BUNDLE_PATH).read_bytes() + self.authority.pem)
        return {"REQUESTS_CA_BUNDLE": str(bundle), "CURL_CA_BUNDLE": str(bundle)}

    def host(self, environment: Mapping[str, str], *, timer: bool = True) -> HostProcess:
        """Return the project's app on the Functions host, as a context manager."""
        return HostProcess(ROOT, environment, self.folder / "host.log", timer=timer)

    def subscribe(self, host: HostProcess) -> None:
        """Deliver the vaults' events to the app."""
        url = host.webhook("key_vault_event")
        self.grid.subscribe(Subscription("key-vault-sync", url, endpoint=Endpoint.FUNCTION))

    def settle(self, seconds: float = 30) -> bool:
        """Wait until every event so far has been delivered; False if that takes longer."""
        return self.publisher.wait_sent(seconds) and self.grid.wait_idle(seconds)

    def stop_cluster(self) -> None:
        """Stop the Kubernetes API server; its state stays."""
        self.servers.stop(self.cluster_port)

    def start_cluster(self) -> None:
        """Start it again on the same port."""
        context = self.authority.server_context(LOOPBACK, "localhost")
        self.servers.serve(kubernetes_app(self.cluster), context, self.cluster_port)

    def command(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `keyvault-sync` with those arguments, as an operator with the app's permissions."""
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "sync", *arguments],
            env=self.app_environment(**settings),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        _told.debug("the command line printed: %s %s", done.stdout, done.stderr)
        return done


@contextmanager
def local_stack(folder: Path, cluster: AnyCluster | None = None) -> Iterator[Stack]:
    """Start the stack's servers; writes what clients need to know to the folder.

    The app's cluster is the given one, or an emulated one.
    """
    cluster = cluster or Cluster()
    with ExitStack() as stack:
        servers = stack.enter_context(Servers())
        authority = Authority.create()
        identity = Identity()
        grid = EventGrid("keyvaults", secrets.token_hex(), time_scale=_RETRY_SCALE)
        admin_token, app_token = secrets.token_hex(), secrets.token_hex()
        cluster.add_token(admin_token, ADMIN)
        cluster.add_token(app_token, APP_USER)
        proxy = Proxy()
        proxy_port = servers.listen(proxy.handle)
        ca = folder / "ca.pem"
        ca.write_bytes(authority.pem)
        publisher = stack.enter_context(
            Publisher(
                f"https://{_TOPIC_HOST}/api/events",
                grid.key,
                ca=ca,
                proxy=f"http://{LOOPBACK}:{proxy_port}",
            )
        )
        vaults = KeyVaults(
            publish=publisher.publish, token_valid=lambda token: identity.valid(token, KEY_VAULT)
        )
        resource_manager = arm.ResourceManager(
            token_valid=lambda token: identity.valid(token, arm.RESOURCE)
        )
        loopback = authority.server_context(LOOPBACK, "localhost")
        vault_port = servers.serve(
            key_vault_app(vaults), authority.server_context("*.vault.azure.net")
        )
        grid_port = servers.serve(event_grid_app(grid), authority.server_context(_TOPIC_HOST))
        cluster_port = servers.serve(kubernetes_app(cluster), loopback)
        identity_port = servers.serve(identity_app(identity))
        proxy.route("*.vault.azure.net", vault_port, vaults.exists)
        proxy.route(_TOPIC_HOST, grid_port)
        arm_port = servers.serve(
            arm.resource_manager_app(resource_manager), authority.server_context(arm.HOST)
        )
        proxy.route(arm.HOST, arm_port)
        url = f"https://{LOOPBACK}:{cluster_port}"
        yield Stack(
            folder=folder,
            servers=servers,
            vaults=vaults,
            cluster=cluster,
            cluster_port=cluster_port,
            grid=grid,
            publisher=publisher,
            identity=identity,
            resource_manager=resource_manager,
            authority=authority,
            proxy=proxy,
            environment=_environment(proxy_port, ca, identity.environment(identity_port))
            | {"XDG_CACHE_HOME": str(folder / "cache")},
            admin_kubeconfig=_written(
                folder / "kubeconfig", kubeconfig(url, authority.pem, admin_token)
            ),
            app_kubeconfig=_written(
                folder / "app.kubeconfig", kubeconfig(url, authority.pem, app_token)
            ),
        )


def _environment(proxy_port: int, ca: Path, identity: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    proxy = f"http://{LOOPBACK}:{proxy_port}"
    return {
        **kept,
        **identity,
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        "REQUESTS_CA_BUNDLE": str(ca),
        "CURL_CA_BUNDLE": str(ca),
    }


def _written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path
