"""SSL contexts that connections share: one for Azure, one for each cluster's certificate authority.

Loading a bundle of authorities takes longer than a handshake and half a megabyte of memory, so no
connection makes a context of its own.
"""

import os
import ssl
from functools import lru_cache
from pathlib import Path
from threading import Lock

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

_LOADING = Lock()
"""Held while a context is looked up, so that threads that need the same one load it once."""


def platform_context() -> ssl.SSLContext:
    """Return the context for Azure; raises OSError if the authorities cannot be read.

    It trusts the same authorities as requests does: those of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE,
    a file or a folder, else certifi's. A bundle that was replaced is loaded again.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = Path(named or DEFAULT_CA_BUNDLE_PATH)
    with _LOADING:
        return _bundle_context(bundle, bundle.stat().st_mtime_ns)


def cluster_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return the context for all clusters of this authority; None means the system's authorities.

    Raises OSError, ValueError or TypeError if the text holds no PEM certificate.
    """
    system = ssl.get_default_verify_paths() if ca_pem is None else None
    with _LOADING:
        return _cluster_context(ca_pem, system)


def new_cluster_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return a new context like that of `cluster_context`, which the caller may change."""
    context = create_urllib3_context()
    # kubectl accepts the authorities that old clusters made; Python 3.13's strict mode does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_pem is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=ca_pem)
    return context


@lru_cache(maxsize=32)
def _cluster_context(ca_pem: str | None, _system: ssl.DefaultVerifyPaths | None) -> ssl.SSLContext:
    return new_cluster_context(ca_pem)


@lru_cache(maxsize=2)
def _bundle_context(bundle: Path, _changed: int) -> ssl.SSLContext:
    context = create_urllib3_context()
    if bundle.is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context
