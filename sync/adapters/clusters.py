"""Connects to the clusters, by the kubeconfigs that the kubernetes package loads."""

import logging
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import urllib3
import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException, load_kube_config
from urllib3.util.ssl_ import create_urllib3_context

from sync.errors import Permanent

_LOG = logging.getLogger("keyvault-sync")


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """How to reach a cluster: a context of a kubeconfig.

    Without a path it is the one that `KUBECONFIG` names, else `~/.kube/config`; without a context
    it is the current one.
    """

    name: str
    kubeconfig: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server, ready to be asked."""

    url: str
    pool: urllib3.PoolManager = field(repr=False)
    authorization: Callable[[], str | None] = field(repr=False)
    """Gives the Authorization header, None where a client certificate speaks for us."""


class Clusters:
    """The endpoints by cluster name, each connected at its first use; for any number of threads.

    `concurrency` is how many connections to one cluster are kept.
    """

    def __init__(self, configs: Iterable[ClusterConfig], concurrency: int = 16) -> None:
        self._slots = {config.name: _Slot(config) for config in configs}
        self._concurrency = concurrency

    def endpoint(self, name: str) -> Endpoint:
        """Return the cluster's endpoint; raises Permanent where its kubeconfig is no good."""
        slot = self._slots[name]
        return slot.endpoint or self.renewed(name, refused=None)

    def renewed(self, name: str, refused: Endpoint | None) -> Endpoint:
        """Return another endpoint than the refused one, by reading the kubeconfig again."""
        slot = self._slots[name]
        with slot.lock:
            if slot.endpoint is None or slot.endpoint is refused:
                slot.endpoint = _connect(slot.config, self._concurrency)
            return slot.endpoint

    def close(self) -> None:
        """Close the connections to every cluster."""
        for slot in self._slots.values():
            if slot.endpoint:
                slot.endpoint.pool.clear()


@dataclass(slots=True)
class _Slot:
    config: ClusterConfig
    endpoint: Endpoint | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def _connect(config: ClusterConfig, concurrency: int) -> Endpoint:
    configuration = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]  # the package types its client only
            config_file=config.kubeconfig,
            context=config.context,
            client_configuration=configuration,
        )
        configuration.connection_pool_maxsize = concurrency
        configuration.keep_alive = True  # a load balancer forgets connections idle for 4 minutes
        pool = RESTClientObject(configuration).pool_manager
        pool.connection_pool_kw["ssl_context"] = _trust(configuration)
    except (
        ConfigException,
        OSError,
        yaml.YAMLError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):
        problem: str | None = "cannot be read, or lacks the context, its cluster or its user"
    else:
        problem = _weakness(configuration)
    if problem:
        raise _unusable(config, problem)  # outside the except clause: no text of the file
    if not configuration.verify_ssl:
        _LOG.warning(
            "The kubeconfig of cluster %s turns the server's verification off "
            "(insecure-skip-tls-verify): whoever answers there is given the secrets. "
            "Give it the cluster's certificate-authority-data.",
            config.name,
        )
    return Endpoint(configuration.host, pool, _authorization(configuration))


def _weakness(configuration: Configuration) -> str | None:
    if not configuration.host.startswith("https://"):
        return "names a server without https, which would show the token to anyone"
    return None


def _trust(configuration: Configuration) -> ssl.SSLContext:
    """Verify as kubectl does: Python 3.13 refuses authorities that old clusters made themselves."""
    context = create_urllib3_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if not configuration.ssl_ca_cert:
        context.load_default_certs()
    return context


def _unusable(config: ClusterConfig, problem: str) -> Permanent:
    where = config.kubeconfig or "that KUBECONFIG names (or ~/.kube/config)"
    try_it = f"kubectl --kubeconfig {config.kubeconfig}" if config.kubeconfig else "kubectl"
    context = f" --context {config.context}" if config.context else ""
    return Permanent(
        "ClusterConfig",
        f"The kubeconfig {where} for cluster {config.name} {problem}. "
        f"Try it: {try_it}{context} get --raw /version",
    )


def _authorization(configuration: Configuration) -> Callable[[], str | None]:
    lock = threading.Lock()  # the package renews what has expired, and does not guard that

    def header() -> str | None:
        with lock:
            return configuration.get_api_key_with_prefix("BearerToken", alias="authorization")

    return header
