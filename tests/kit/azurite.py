"""Azurite, Microsoft's emulator of Azure Storage, with its telemetry off; needs node and npm."""

import base64
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from local.authority import Authority
from local.serving import LOOPBACK
from local.stack import ROOT
from tests.kit.waiting import wait_until

ACCOUNT = "deadletters"
INSTALLED = ROOT / ".cache" / "azurite"
_MAIN = INSTALLED / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
_INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Azurite:
    """A running Azurite; `service` has every right to it, by its account's key."""

    url: str
    service: BlobServiceClient


def install() -> None:
    """Install it as its lock says; skips the test where that cannot be done, except in CI."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on the PATH; Azurite, which needs them, is not installed")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of one run would install into one folder
        made = _make()
    if made.returncode and not os.environ.get("CI"):
        pytest.skip(f"npm could not install Azurite: {made.stderr.strip()[-200:]}")
    assert made.returncode == 0, made.stderr


def _make() -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the Makefile of this project
        ["make", "--silent", str((INSTALLED / "ready").relative_to(ROOT))],  # noqa: S607 - of the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )


@contextmanager
def azurite(folder: Path, authority: Authority) -> Iterator[Azurite]:
    """Serve blobs over https, which Entra tokens need; keeps them in memory."""
    install()
    chain = folder / "chain.pem"
    chain.write_bytes(authority.server_pem(LOOPBACK))
    trusted = folder / "ca.pem"
    trusted.write_bytes(authority.pem)
    key, port = base64.b64encode(secrets.token_bytes(32)).decode(), _free_port()
    command = [
        *("node", str(_MAIN), "--blobHost", LOOPBACK, "--blobPort", str(port)),
        *("--cert", str(chain), "--key", str(chain), "--oauth", "basic"),
        *("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"),
    ]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(  # noqa: S603 - the emulator
            command,
            cwd=folder,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"https://{LOOPBACK}:{port}/{ACCOUNT}"
    service = BlobServiceClient(
        url,
        credential=AzureNamedKeyCredential(ACCOUNT, key),
        connection_verify=str(trusted),
    )
    try:
        wait_until(lambda: running.poll() is not None or _listens(port))
        assert running.poll() is None, (folder / "log").read_text()
        yield Azurite(url, service)
    finally:
        service.close()
        running.terminate()
        running.wait(10)


def token(audience: str = "https://storage.azure.com") -> dict[str, object]:
    """Return a token endpoint's answer: unsigned, for Azurite checks all of a token but that."""
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{uuid4()}/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
    body = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return {"access_token": f"{body}.", "expires_on": str(now + 3600), "token_type": "Bearer"}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((LOOPBACK, port)) == 0
