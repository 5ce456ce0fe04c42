"""A further Kubernetes API server of the stack, which accepts the app identity's Entra tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from local.authority import Authority
from local.identity import Identity
from local.kubernetes import Cluster, kubeconfig, kubernetes_app
from local.role import EVERY_SECRET, Rights
from local.serving import LOOPBACK, Servers

AKS_AUDIENCE = "6dae42f8-4368-4678-94ff-3960e28e3630"
OBJECT_ID = "33333333-3333-4333-8333-333333333333"
"""The app's identity, as Entra tokens name it to a cluster."""


@dataclass(slots=True)
class ApiServer:
    """A cluster and where it is served; both may change, as when a cluster is recreated."""

    servers: Servers
    cluster: Cluster
    authority: Authority = field(default_factory=Authority.create)
    port: int = 0

    @classmethod
    def start_for(cls, identity: Identity, servers: Servers, audience: str) -> "ApiServer":
        """Start a cluster that accepts the identity's tokens for the audience."""

        def identify(token: str) -> str | None:
            return OBJECT_ID if identity.valid(token, audience) else None

        server = cls(servers, Cluster(identify=identify))
        server.start()
        return server

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Serve the cluster on its previous port, or on a free one."""
        context = self.authority.server_context(LOOPBACK, "localhost")
        self.port = self.servers.serve(kubernetes_app(self.cluster), context, self.port)

    def stop(self) -> None:
        """Stop the API server; its state stays."""
        self.servers.stop(self.port)

    def move(self) -> None:
        """Serve the cluster on another port, with a certificate of another authority."""
        self.stop()
        self.authority, self.port = Authority.create(), 0
        self.start()

    def namespace(
        self, name: str, user: str = OBJECT_ID, *, components: Sequence[str] = ()
    ) -> None:
        """Create a namespace in which the user has the permissions of the app's Role.

        `components` add rules to it.
        """
        self.cluster.create_namespace(name)
        rights = Rights.shipped(name, user, EVERY_SECRET, components=components)
        self.cluster.bind(rights.role, rights.binding)

    def data(self, namespace: str, secret: str = "keyvault-project") -> dict[str, str]:  # noqa: S107 - a name
        """Return a Secret's keys and values."""
        found = self.cluster.data(namespace, secret)
        return {key: value.decode() for key, value in found.items()}

    def kubeconfig(self, token: str) -> str:
        """Return a kubeconfig for this server with that token."""
        return kubeconfig(self.url, self.authority.pem, token)
