"""Reads kubeconfigs, by the loader of the kubernetes package, and says what is wrong with one."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.config import ConfigException, load_kube_config, load_kube_config_from_dict
from oauthlib.oauth2 import OAuth2Error
from requests import RequestException
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from sync.adapters.kubernetes.cluster_config import (
    ClusterConfig,
    KeptKubeconfig,
    KubeconfigFile,
    KubeconfigText,
)
from sync.adapters.kubernetes.connection import Endpoint, pool
from sync.adapters.kubernetes.login.cached import Cached, CachedValue
from sync.adapters.kubernetes.login.call_timeout import CallTimeout
from sync.adapters.wire.safe_yaml import read_yaml
from sync.core.errors import Permanent, Transient
from sync.core.ports import Deadline
from sync.core.reasons import Reason

_LOG = logging.getLogger("keyvault-sync")

_UNREADABLE = "cannot be read, or lacks the context, its cluster or its user"
_FAULTS = (
    ConfigException,
    OSError,
    yaml.YAMLError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_LOADING = threading.Lock()
"""The loader keeps one table of its files: two that load at once would share them, and one of them
would find them gone."""
_LOADING_SECONDS = 5.0
"""For so long one waits for another. What takes longer waits for an issuer or a program, which the
loader does without a limit before it makes its files."""
_LOGIN_SECONDS = 8.0
"""For so long a call waits for a log-in, as for an answer."""
_HEADER_SECONDS = 60.0
"""For so long a header is used: the package renews a log-in five minutes before it expires. One of
a shorter life may be refused, and is then had anew with its endpoint."""
_OUTAGES = (HTTPError, RequestException, OAuth2Error)
"""What a log-in that is renewed at its issuer raises."""
_FOREIGN = {
    "exec": "runs a program",
    "auth-provider": "runs a program",
    "tokenFile": "names a file",
    "client-certificate": "names a file",
    "client-key": "names a file",
    "certificate-authority": "names a file",
}
"""What only a kubeconfig of this machine may hold: whoever may write the vault owns no machine."""

type Json = Mapping[str, object]


def opening(
    config: ClusterConfig, text: str | None, concurrency: int
) -> Callable[[Deadline], Endpoint]:
    """Return what opens one as `endpoint` does, within a deadline: it may have to log in first."""
    return _in_time(config.name, lambda: endpoint(config, text, concurrency))


def endpoint(config: ClusterConfig, text: str | None, concurrency: int) -> Endpoint:
    """Return the API server of a kubeconfig; raises Permanent where that is no good.

    The text is what the settings or a vault hold; without one the file is read. The loader writes
    keys and certificates that are in it to files, which are gone when this returns.
    """
    logging.getLogger().addFilter(_is_no_quotation)
    configuration = Configuration()
    problem: str | None = None
    outage: str | None = None
    try:
        with _turn(), TemporaryDirectory() as folder:
            problem = _load(config, text, configuration, folder)
            made = _pool(configuration, concurrency, folder)
    except _OUTAGES as error:
        outage = type(error).__name__
    except _FAULTS:
        problem = _UNREADABLE
    if outage:
        raise _unrenewed(config.name, outage)
    if not problem and not configuration.host.startswith("https://"):
        problem = "names a server without https, which would show the token to anyone"
    if not problem and set("@?#") & set(configuration.host):
        problem = "has more in the server's URL than host, port and path: put a login into the user"
    if problem:
        raise _unusable(config, problem)  # outside the except clause: no text of the file
    if not configuration.verify_ssl:
        _LOG.warning(
            "The kubeconfig of cluster %s turns the server's verification off "
            "(insecure-skip-tls-verify): whoever answers there is given the secrets. "
            "Give it the cluster's certificate-authority-data.",
            config.name,
        )
    return Endpoint(configuration.host, made, _authorization(config.name, configuration))


@contextmanager
def _turn() -> Iterator[None]:
    alone = _LOADING.acquire(timeout=_LOADING_SECONDS)
    try:
        yield
    finally:
        if alone:
            _LOADING.release()


def _pool(configuration: Configuration, concurrency: int, folder: str) -> PoolManager:
    """Make the pool, with all that the folder's files hold; other files are read when needed."""
    authority = configuration.ssl_ca_cert
    if authority and authority.startswith(folder):
        configuration.ca_cert_data = Path(authority).read_text(encoding="ascii")
        configuration.ssl_ca_cert = None
    made = pool(configuration, concurrency)
    files = configuration.cert_file, configuration.key_file
    if files[0] and any(file and file.startswith(folder) for file in files):
        made.connection_pool_kw["ssl_context"].load_cert_chain(*files)
        made.connection_pool_kw |= {"cert_file": None, "key_file": None}
    return made


def _is_no_quotation(record: logging.LogRecord) -> bool:
    """Leave out what the loader logs: what a program that it ran had to say, which may be a token.

    It logs to the root, by no name of its own.
    """
    return record.module != "kube_config"


def _load(
    config: ClusterConfig, text: str | None, configuration: Configuration, folder: str
) -> str | None:
    """Fill the configuration; return why a kubeconfig of this origin is not taken."""
    match config.reach:
        case KubeconfigFile(path, context):
            load_kube_config(  # type: ignore[no-untyped-call]  # the package types its client only
                config_file=path,
                context=context,
                client_configuration=configuration,
                temp_file_path=folder,
            )
        case KubeconfigText(_, context) | KeptKubeconfig(_, context):
            document = read_yaml(text or "")
            if not isinstance(document, dict):
                raise TypeError("no mapping")
            if isinstance(config.reach, KeptKubeconfig) and (found := _foreign(document)):
                return found
            load_kube_config_from_dict(  # type: ignore[no-untyped-call]  # likewise
                document,
                context=context,
                client_configuration=configuration,
                temp_file_path=folder,
            )
        case _:
            raise TypeError("no kubeconfig")
    return None


def _foreign(document: Json) -> str | None:
    for section, kind in (("users", "user"), ("clusters", "cluster")):
        entries = document.get(section)
        for entry in entries if isinstance(entries, list) else ():
            held = entry.get(kind) if isinstance(entry, dict) else None
            for key in _FOREIGN.keys() & (held.keys() if isinstance(held, dict) else ()):
                return f"{_FOREIGN[key]} ({key}), which one from a vault may not: put data there"
    return None


def _unusable(config: ClusterConfig, problem: str) -> Permanent:
    match config.reach:
        case KubeconfigFile(path, context):
            where = path or "that KUBECONFIG names (or ~/.kube/config)"
            option = f" --kubeconfig {path}" if path else ""
            try_it = f"kubectl{option}"
        case KeptKubeconfig(secret, context):
            where = f"in secret {secret}"
            try_it = (
                f"az keyvault secret show --vault-name {secret.vault} --name {secret.secret} "
                "--query value --output tsv > kubeconfig; kubectl --kubeconfig kubeconfig"
            )
        case KubeconfigText(_, context):
            where = "in SYNC_CLUSTERS"
            try_it = "save it as a file; kubectl --kubeconfig FILE"
        case _:
            raise TypeError("no kubeconfig")
    chosen = f" --context {context}" if context else ""
    return Permanent(
        Reason.CLUSTER_CONFIG,
        f"The kubeconfig {where} for cluster {config.name} {problem}. "
        f"Try it: {try_it}{chosen} get --raw /version",
    )


def _unrenewed(cluster: str, kind: str) -> Transient:
    return Transient(
        Reason.CLUSTER_UNREACHABLE,
        f"The log-in in the kubeconfig of cluster {cluster} could not be renewed ({kind}). This "
        "may pass; if it stays, check its issuer and the network, or log in anew.",
    )


def _authorization(cluster: str, configuration: Configuration) -> Callable[[Deadline], str | None]:
    def header() -> str | None:
        try:
            return configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        except (*_OUTAGES, *_FAULTS) as error:
            kind = type(error).__name__
        raise _unrenewed(cluster, kind)  # outside the except clause: no text of a library

    in_time = _in_time(cluster, header)

    def fetch(_refused: str | None, deadline: Deadline) -> CachedValue[str | None]:
        until = time.time() + _HEADER_SECONDS
        return CachedValue(in_time(deadline), until, until)

    return Cached(fetch, patience=0.0).get  # what is refused is the endpoint


def _in_time[T](cluster: str, act: Callable[[], T]) -> Callable[[Deadline], T]:
    """Bound what may log in, which the package does not; one thread at a time asks for it."""
    unhurried = CallTimeout(act)

    def within(deadline: Deadline) -> T:
        with suppress(TimeoutError):
            return unhurried.within(deadline.remaining(_LOGIN_SECONDS))
        raise _unrenewed(cluster, "TimeoutError")

    return within
