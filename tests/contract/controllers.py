"""A real kube-controller-manager beside the API server, where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from local.serving import LOOPBACK
from tests.contract.api_servers import ApiServer, free_ports, running

WHY_NO_CONTROLLERS = "KUBEBUILDER_ASSETS has no kube-controller-manager"
USER = "system:kube-controller-manager"
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "validatingadmissionpolicy-status-controller",
)


def controller_manager() -> Path | None:
    """Return the program, which envtest's folders do not have; None without it."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    program = Path(assets, "kube-controller-manager") if assets else None
    return program if program and program.exists() else None


@contextmanager
def controllers(
    server: ApiServer, program: Path, folder: Path, *, accounts: bool
) -> Iterator[None]:
    """Run it with its own service accounts, one for each controller, or as one user."""
    config = yaml.safe_load(server.kubeconfig())
    if not accounts:
        config["users"][0]["user"]["as"] = USER
    path = folder / "controllers.yaml"
    path.write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    command = (
        str(program),
        f"--kubeconfig={path}",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--use-service-account-credentials={str(accounts).lower()}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        "--leader-elect=false",
        "--namespace-sync-period=5s",
    )
    with running(folder / "controllers.log", *command):
        yield
