"""Measures a fresh process until it can read a first Secret: `python -m bench.cold_start`.

Each way to read a Secret runs in separate processes, against the local API server; the floor is a
process that only imports the app's three SDKs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path

from local.authority import Authority
from local.kubernetes import Cluster, kubeconfig, kubernetes_app
from local.serving import LOOPBACK, Servers

_TOKEN = "bench"  # noqa: S105 - of a server that lives only as long as this process
_SECRET = "/api/v1/namespaces/default/secrets/s"  # noqa: S105 - a path
_FLOOR = "import azure.functions, azure.identity, azure.keyvault.secrets"
_CLIENT = """
import json, os
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import load_kube_config
configuration = Configuration()
load_kube_config(os.environ["KUBECONFIG"], client_configuration=configuration)
client = ApiClient(configuration)
(token,) = configuration.api_key.values()
"""
_WAYS = {
    "the three SDKs, imported only": _FLOOR,
    "kubernetes, imported only": "import kubernetes.client, kubernetes.config",
    "CoreV1Api, models": _CLIENT
    + """
from kubernetes.client import CoreV1Api
assert CoreV1Api(client).read_namespaced_secret("s", "default").data["a"] == "MQ=="
""",
    "CoreV1Api, _preload_content=False": _CLIENT
    + """
from kubernetes.client import CoreV1Api
answer = CoreV1Api(client).read_namespaced_secret("s", "default", _preload_content=False)
assert json.loads(answer.data)["data"]["a"] == "MQ=="
""",
    "the rest client's pool, plain paths": _CLIENT
    + f"""
answer = client.rest_client.pool_manager.request(
    "GET",
    configuration.host + "{_SECRET}",
    headers={{"Authorization": token}},
)
assert json.loads(answer.data)["data"]["a"] == "MQ=="
""",
    "this app's adapter": """
import os, time
from sync.adapters.kubernetes.cluster_config import ClusterConfig, KubeconfigFile
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.model import Target, VaultName
from sync.core.ports import Deadline
clusters = Clusters([ClusterConfig("c", KubeconfigFile(os.environ["KUBECONFIG"]))])
target = Target(VaultName("v"), "c", "default", "s")
actual = KubernetesSecrets(clusters).read(target, Deadline.after(20, time.monotonic))
assert actual is not None and actual.data == {"a": b"1"}
""",
    "the three SDKs and this app's adapter": "",
}
_WAYS["the three SDKs and this app's adapter"] = _FLOOR + "\n" + _WAYS["this app's adapter"]


def main() -> None:
    """Print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="processes of each kind")
    runs = parser.parse_args().runs
    with Servers() as servers, tempfile.TemporaryDirectory() as folder:
        config = _serve(servers, Path(folder))
        took = _measure(runs, _environment(config, Path(folder)))
    floor = took[next(iter(_WAYS))]
    print(f"kubernetes {version('kubernetes')}, median of {runs} fresh processes")
    for way, seconds in took.items():
        print(f"{way:40} {seconds * 1000:7.0f} ms  {seconds / floor:5.2f}")


def _environment(config: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a deployed app: with byte code, whatever our own setting is."""
    rest = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return rest | {"KUBECONFIG": str(config), "PYTHONPYCACHEPREFIX": str(folder / "pycache")}


def _serve(servers: Servers, folder: Path) -> Path:
    authority = Authority.create()
    app = kubernetes_app(Cluster({_TOKEN: "admin"}))
    url = f"https://{LOOPBACK}:{servers.serve(app, authority.server_context(LOOPBACK))}"
    path = folder / "kubeconfig"
    path.write_text(kubeconfig(url, authority.pem, _TOKEN))
    made = f"""
{_CLIENT}
answer = client.rest_client.pool_manager.request(
    "POST",
    configuration.host + "{_SECRET.rpartition("/")[0]}",
    json={{"metadata": {{"name": "s"}}, "data": {{"a": "MQ=="}}}},
    headers={{
        "Authorization": token,
        "Content-Type": "application/json",
    }},
)
assert answer.status == 201, answer.data
"""
    _run(made, {**os.environ, "KUBECONFIG": str(path)})
    return path


def _measure(runs: int, environment: dict[str, str]) -> dict[str, float]:
    """Return the median of each way; the ways alternate, so that a busy moment affects them all."""
    took: dict[str, list[float]] = {way: [] for way in _WAYS}
    for code in _WAYS.values():
        _run(code, environment)  # writes the byte code
    for _ in range(runs):
        for way, code in _WAYS.items():
            took[way].append(_run(code, environment))
    return {way: statistics.median(seconds) for way, seconds in took.items()}


def _run(code: str, environment: dict[str, str]) -> float:
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603 - ours
    return time.perf_counter() - before


if __name__ == "__main__":
    main()
