"""The SSL contexts that connections share: one for the platform's authorities, one for a cluster's.

Loading a bundle of authorities takes longer than a handshake, and half a megabyte of memory, so no
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
"""Held while a context is looked up: threads that ask at once for the same one load it once."""


def platform_context() -> ssl.SSLContext:
    """Return the context for Azure, which trusts the authorities that requests would choose.

    They are those of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, a file or a folder, else certifi's.
    A bundle that has been replaced is loaded again. Raises OSError if it cannot be read.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = Path(named or DEFAULT_CA_BUNDLE_PATH)
    with _LOADING:
        return _bundle_context(bundle, bundle.stat().st_mtime_ns)


def cluster_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return the context that clusters of the authority share; None stands for the system's.

    Raises OSError, ValueError or TypeError if the text holds no PEM certificate.
    """
    system = ssl.get_default_verify_paths() if ca_pem is None else None
    with _LOADING:
        return _cluster_context(ca_pem, system)


def new_cluster_context(ca_pem: str | None) -> ssl.SSLContext:
    """Return a context like `cluster_context`'s that the caller may change; raises the same."""
    context = create_urllib3_context()
    # As kubectl verifies: Python 3.13 refuses authorities that old clusters made themselves.
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
