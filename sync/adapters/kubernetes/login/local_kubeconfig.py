"""Reads a local kubeconfig as kubectl does, with its plugins and files.

Only the command line uses this: whoever runs it owns the machine and the kubeconfig.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from kubernetes.client.configuration import Configuration
from kubernetes.config import ConfigException, load_kube_config
from oauthlib.oauth2 import OAuth2Error
from urllib3.exceptions import HTTPError

from sync.adapters.kubernetes.address import Address, AddressError, server_url
from sync.adapters.kubernetes.connection import Endpoint
from sync.adapters.kubernetes.kubeconfig_data import token_header
from sync.adapters.kubernetes.login.endpoints import EndpointSource
from sync.adapters.kubernetes.login.kubeconfig import Kubeconfig
from sync.core.ports import Deadline

_FAULTS = (
    *(ConfigException, OSError, HTTPError, OAuth2Error, yaml.YAMLError, ValueError, LookupError),
    *(TypeError, AttributeError, ArithmeticError, RecursionError),
)
_LOADING = threading.Lock()
"""The loader keeps the files that it writes in one table for all threads."""


def local_kubeconfig(own: Kubeconfig) -> EndpointSource:
    """Return the source that loads a kubeconfig file, which may run a program to log in."""
    logging.getLogger().addFilter(_is_no_quotation)
    cached = lru_cache(maxsize=1)(own.connect)

    def fetch(deadline: Deadline) -> Endpoint:
        seconds = deadline.remaining()
        return own.checked(lambda: cached(_within(seconds, partial(_load, own))))

    return EndpointSource(fetch, may_move=True)


def _load(own: Kubeconfig) -> Address:
    configuration = Configuration(proxy="", no_proxy="")  # not the environment's proxy
    try:
        with _LOADING, TemporaryDirectory() as folder:
            load_kube_config(  # type: ignore[no-untyped-call]  # the package types its client only
                config_file=own.place,
                context=own.context,
                client_configuration=configuration,
                temp_file_path=folder,
            )
            return _address(configuration)
    except _FAULTS as error:
        kind = type(error).__name__
    raise AddressError(f"it cannot be read, or its log-in fails ({kind})")


def _address(configuration: Configuration) -> Address:
    """Return the address that the loader found, with the contents of its files."""
    files = (configuration.cert_file, configuration.key_file)
    client = "\n".join(Path(file).read_text("ascii") for file in files if file)
    authority = configuration.ssl_ca_cert
    scheme, _, credential = configuration.api_key.get("BearerToken", "").partition(" ")
    header = f"Basic {credential}" if scheme == "Basic" else token_header(credential)
    if header is None and not client:
        raise AddressError("its user has no login, or the program that logs in gave none")
    return Address(
        url=server_url(configuration.host),
        ca_pem=Path(authority).read_text("ascii") if authority else None,
        authorization=header,
        client_pem=client or None,
        server_name=configuration.tls_server_name or None,
        proxy=configuration.proxy or None,
        verified=configuration.verify_ssl,
    )


def _within[T](seconds: float, act: Callable[[], T]) -> T:
    """Return what `act` returns; raises AddressError, and leaves it running, if it takes longer."""
    outcome = Future[T]()

    def run() -> None:
        try:
            outcome.set_result(act())
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        raise AddressError("its log-in takes too long") from None


def _is_no_quotation(record: logging.LogRecord) -> bool:
    """Drop the log records of the loader, which quote plugins' output and so tokens.

    It logs to the root logger, so the module's name is all that tells its records.
    """
    return record.module != "kube_config"
