"""Shows the app's main job on the local stack, with times; every step is checked."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient
from rich.console import Console
from rich.table import Table

from local.api_server import ApiServer
from local.event_grid import Faults
from local.host_process import HostProcess
from local.key_vault import new_certificate
from local.kubernetes import Write
from local.kubernetes.documents import Document, child, text
from local.kubernetes.status import ApiError
from local.kubernetes.workloads import DEPLOYMENT
from local.platform import NEIGHBOUR, READER
from local.stack import SUBSCRIPTION, Stack, local_stack

VAULTS = ("weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2", "weu-DS-AKV-shop-prod-1")
NAMESPACE, PRODUCTION = "shop-dev", "shop-prod"
PROJECT, SECOND = "keyvault-project", "keyvault-2"
SHAPED, SHAPED_NAMESPACE = "weu-DS-AKV-pay-dev-1", "pay-dev"
API, SITE, REGISTRY = (f"{PROJECT}-{word}" for word in ("api", "site", "registry"))

_SCHEDULE = "*/2 * * * * *"
_AKS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/platform"
    "/providers/Microsoft.ContainerService/managedClusters/prod"
)
_COMPONENTS = ("restart",)
_PATIENCE_SECONDS = 30.0
_LAST_LINES = 40
_COLUMNS = 80
NEXT = """
The cluster has what the vaults have. Nothing is left running.

Next:
  make up           leaves such a stack running, and prints what to type
  docs/secrets.md   what to type in the portal, and what applications get
  docs/deploy.md    how to run it on Azure"""
_POLL_SECONDS = 0.002


class DemoFailedError(Exception):
    """The result differs from what the step promises."""


class Demo:
    """The steps, each of which continues from the state that the previous one left."""

    def __init__(
        self, stack: Stack, production: ApiServer, host: HostProcess, console: Console
    ) -> None:
        self._stack = stack
        self._clusters = {
            NAMESPACE: stack.cluster,
            PRODUCTION: production.cluster,
            SHAPED_NAMESPACE: stack.cluster,
        }
        self._host = host
        self._console = console
        credential = ManagedIdentityCredential()
        self._vaults = [
            SecretClient(f"https://{name.lower()}.vault.azure.net", credential) for name in VAULTS
        ]
        self._shaped = SecretClient(f"https://{SHAPED.lower()}.vault.azure.net", credential)

    def run(self) -> None:
        """Run all steps; raises DemoFailedError at the first failure."""
        self._new_secrets()
        self._new_version()
        self._other_cluster()
        self._doubled_and_reordered()
        self._tampered()
        self._disabled_and_deleted()
        self._resync()
        self._credential()
        self._certificate()
        self._registry_login()
        self._collision()
        self._restart()
        self._compare()

    def _new_secrets(self) -> None:
        project, second, _ = self._vaults
        with self._step("Two new secrets, in the vaults with number 1 and number 2"):
            project.set_secret("db-password", "correct horse")
            second.set_secret("smtp-password", "battery staple")
            self._await(
                "db-password in keyvault-project", PROJECT, {"db-password": "correct horse"}
            )
            self._await("smtp-password in keyvault-2", SECOND, {"smtp-password": "battery staple"})

    def _new_version(self) -> None:
        project, *_ = self._vaults
        with self._step("A new version of a secret"):
            project.set_secret("db-password", "tr0ub4dor&3")
            self._await("the new value", PROJECT, {"db-password": "tr0ub4dor&3"})

    def _other_cluster(self) -> None:
        *_, production = self._vaults
        with self._step(
            "A secret for prod, whose vaults lead to another cluster, an AKS by its id"
        ):
            production.set_secret("db-password", "for production only")
            wanted = {"db-password": "for production only"}
            self._await("there, by an Entra token of the app", PROJECT, wanted, PRODUCTION)
            self._await("and dev has its own still", PROJECT, {"db-password": "tr0ub4dor&3"})

    def _doubled_and_reordered(self) -> None:
        project, *_ = self._vaults
        with self._step("Three versions whose six events arrive twice and in reverse order"):
            project.set_secret("api-key", "zero")
            self._await("the key", PROJECT, {"api-key": "zero"})
            self._stack.grid.inject(Faults(double=True, reorder=6))
            for value in ("one", "two", "three"):
                project.set_secret("api-key", value)
            self._await("the newest value", PROJECT, {"api-key": "three"})
            if not self._stack.settle():
                raise DemoFailedError("the six events were not all taken")
            self._stack.grid.inject(Faults())
            self._await("still the newest, after all six", PROJECT, {"api-key": "three"})

    def _tampered(self) -> None:
        cluster = self._stack.cluster
        with self._step("A key changed and another removed in the cluster, without an event"):
            tampered = {"db-password": b"mallory", "api-key": None, "team-note": b"ours"}
            cluster.patch_data(NAMESPACE, PROJECT, tampered, manager="kubectl-edit")
            wanted = {"db-password": "tr0ub4dor&3", "api-key": "three", "team-note": "ours"}
            self._await("repaired by the timer; the team's own key stays", PROJECT, wanted)

    def _disabled_and_deleted(self) -> None:
        project, *_ = self._vaults
        with self._step("One secret disabled and one deleted, also without an event"):
            project.set_secret("feature-flag", "on")
            self._await("feature-flag is in", PROJECT, {"feature-flag": "on"})
            project.update_secret_properties("api-key", enabled=False)
            project.begin_delete_secret("feature-flag").wait()
            gone = {"api-key": None, "feature-flag": None, "db-password": "tr0ub4dor&3"}
            self._await("both keys gone with the timer's pass", PROJECT, gone)

    def _resync(self) -> None:
        project, *_ = self._vaults
        with self._step("Enabled again (no event), and a manual resync over HTTP"):
            project.update_secret_properties("api-key", enabled=True)
            answer = self._resynced(200, {"vault": VAULTS[0], "secret": "api-key"})
            self._console.print(f"    POST /api/resync → 200 {answer['outcome']}")
            self._await("api-key is back", PROJECT, {"api-key": "three"})

    def _credential(self) -> None:
        with self._step("A JSON credential, tagged to be used by envFrom"):
            tags = {"k8s-expand": "json", "k8s-key": "POSTGRES", "k8s-secret": "api"}
            credential = {"USER": "shop", "PASSWORD": "hunter2", "HOST": "db.internal"}
            self._shaped.set_secret("postgres-credentials", json.dumps(credential), tags=tags)
            wanted = {f"POSTGRES_{name}": member for name, member in credential.items()}
            self._await(f"one key for each member, in {API}", API, wanted, SHAPED_NAMESPACE)
            data = self._stack.cluster.data(SHAPED_NAMESPACE, API)
            variables = {key: value.decode() for key, value in data.items()}
            told = _run("/bin/sh", "-c", "echo $POSTGRES_USER@$POSTGRES_HOST", **variables)
            if told != "shop@db.internal":
                raise DemoFailedError(f"a process with these variables says {told}")
            self._console.print(f"    $POSTGRES_USER@$POSTGRES_HOST → {told}")

    def _certificate(self) -> None:
        with self._step("A certificate, a PFX in the vault, as a TLS Secret"):
            tags = {"k8s-type": "tls"}
            self._stack.vaults[SHAPED].set_certificate("site", new_certificate("shop"), tags=tags)
            files: dict[str, str] = {}
            for name, pem in self._of_type(SITE, "kubernetes.io/tls").items():
                files[name] = str(self._stack.folder / name)
                Path(files[name]).write_bytes(pem)
            root, leaf, key = (files[name] for name in ("ca.crt", "tls.crt", "tls.key"))
            if (openssl := shutil.which("openssl")) is None:
                self._console.print("    openssl is not on the PATH: its chain is not verified")
                return
            _run(openssl, "verify", "-CAfile", root, "-untrusted", leaf, leaf)
            public = _run(openssl, "x509", "-in", leaf, "-noout", "-pubkey")
            if public != _run(openssl, "pkey", "-in", key, "-pubout"):
                raise DemoFailedError("tls.key is not the key of tls.crt")
            self._console.print("    openssl verify → OK, and tls.key is the leaf's")

    def _registry_login(self) -> None:
        with self._step("A registry's login, for imagePullSecrets"):
            login = {"registry": "shop.azurecr.io", "username": "pull", "password": "s3cret"}
            tags = {"k8s-type": "dockerconfigjson"}
            self._shaped.set_secret("registry", json.dumps(login), tags=tags)
            data = self._of_type(REGISTRY, "kubernetes.io/dockerconfigjson")
            (registry,) = json.loads(data[".dockerconfigjson"])["auths"]
            self._console.print(f"    .dockerconfigjson → a login for {registry}")

    def _collision(self) -> None:
        with self._step("Two secrets whose tags ask for one key"):
            tags = {"k8s-key": "SMTP_PASSWORD"}
            self._shaped.set_secret("smtp-password", "battery", tags=tags)
            wanted = {"SMTP_PASSWORD": "battery"}
            self._await("the first is in", PROJECT, wanted, SHAPED_NAMESPACE)
            self._shaped.set_secret("mail-password", "staple", tags=tags)
            self._shaped.set_secret("api-key", "zero")
            wanted["api-key"] = "zero"
            self._await("others go on, its value stays", PROJECT, wanted, SHAPED_NAMESPACE)
            refused = self._resynced(422, {"vault": SHAPED})
            told = f"{refused['reason']}: {refused['message']}"
            self._console.print(f"    POST /api/resync → 422 {told}")
            self._shaped.update_secret_properties("mail-password", tags={"k8s-key": "MAIL"})
            self._resynced(200, {"vault": SHAPED})
            wanted["MAIL"] = "staple"
            self._await("both, once one has another key", PROJECT, wanted, SHAPED_NAMESPACE)

    def _restart(self) -> None:
        cluster, project = self._stack.cluster, self._vaults[0]
        for deployment in (READER, NEIGHBOUR):
            cluster.create(DEPLOYMENT, NAMESPACE, deployment, Write("kubectl"))
        with self._step("A new version of what one of two annotated Deployments reads"):
            project.set_secret("db-password", "Tr0ub4dor&4")
            self._await("the new value", PROJECT, {"db-password": "Tr0ub4dor&4"})
            if not _wait(lambda: self._restarted(READER)):
                raise DemoFailedError("the Deployment that reads it was not restarted")
            self._done("web restarts, once it was quiet for a second")
            if not self._stack.settle() or self._restarted(NEIGHBOUR):
                raise DemoFailedError("its neighbour was restarted, too")
            self._done("and worker, its neighbour, does not")

    def _restarted(self, deployment: Document) -> bool:
        """Whether a Deployment's template has changed since it was made, and its pods follow."""
        name = text(child(deployment, "metadata"), "name")
        actual = self._stack.cluster.document(DEPLOYMENT, NAMESPACE, name)
        template = child(child(actual, "spec"), "template")
        return bool(child(child(template, "metadata"), "annotations"))

    def _compare(self) -> None:
        table = Table("vault", "secret", "Secret", "cluster has", box=None, padding=(0, 1, 0, 0))
        right = True
        places = ((NAMESPACE, PROJECT), (NAMESPACE, SECOND), (PRODUCTION, PROJECT))
        for name, client, (namespace, secret) in zip(VAULTS, self._vaults, places, strict=True):
            data = self._clusters[namespace].data(namespace, secret)
            for listed in client.list_properties_of_secrets():
                assert listed.name is not None
                if listed.enabled:
                    found = client.get_secret(listed.name)
                    same = data.get(listed.name) == (found.value or "").encode()
                else:
                    same = listed.name not in data
                right &= same
                told = ("same value" if listed.enabled else "no key") if same else "WRONG"
                table.add_row(name, listed.name, f"{namespace}/{secret}", told)
        self._console.print()
        self._console.print(table)
        if not right:
            raise DemoFailedError("vault and cluster differ")

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self._console.print(f"\n[bold]▸ {title}[/bold]")
        self._started = time.monotonic()
        yield

    def _resynced(self, status: int, body: Mapping[str, str]) -> Mapping[str, object]:
        """Resync one vault over HTTP; return its outcome."""
        answer = self._host.post("/api/resync", body)
        outcomes = answer.body.get("outcomes")
        if answer.status != status or not isinstance(outcomes, list):
            raise DemoFailedError(f"the resync answered {answer.status}: {answer.body}")
        (only,) = outcomes
        assert isinstance(only, dict)
        return only

    def _of_type(self, secret: str, kind: str) -> Mapping[str, bytes]:
        """Wait for a Secret of that type; return its data."""
        self._await(f"{secret}: {kind}", secret, {}, SHAPED_NAMESPACE)
        if text(self._stack.cluster.secret(SHAPED_NAMESPACE, secret), "type") != kind:
            raise DemoFailedError(f"{secret} is of another type")
        return self._stack.cluster.data(SHAPED_NAMESPACE, secret)

    def _await(
        self,
        what: str,
        secret: str,
        wanted: Mapping[str, str | None],
        namespace: str = NAMESPACE,
    ) -> None:
        """Wait until the Secret has these values (None: no such key), and print the duration."""

        def there() -> bool:
            try:
                data = self._clusters[namespace].data(namespace, secret)
            except ApiError:
                return False
            return all(
                key not in data if value is None else data.get(key) == value.encode()
                for key, value in wanted.items()
            )

        if not _wait(there):
            raise DemoFailedError(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
        self._done(what)

    def _done(self, what: str) -> None:
        took = (time.monotonic() - self._started) * 1000
        self._console.print(f"  [green]✓[/green] {what} [dim]after {took:,.0f} ms[/dim]")


def main() -> int:
    """Run the demo; return 0 if every step succeeded."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _COLUMNS)
    console.print("[bold]Key Vault Sync[/bold] on this machine: real SDKs, real Functions runtime")
    console.print("library; Key Vault, Kubernetes and Event Grid as servers on loopback.")
    with (
        tempfile.TemporaryDirectory(prefix="key-vault-sync-") as folder,
        local_stack(Path(folder)) as stack,
    ):
        production = _prepare(stack)
        host = stack.host(_app_environment(stack))
        try:
            with host:
                stack.subscribe(host)
                Demo(stack, production, host, console).run()
        except (DemoFailedError, RuntimeError) as failure:
            console.print(f"\n[red]✗ {failure}[/red]\nThe end of the app's log:")
            lines = (Path(folder) / "host.log").read_text().splitlines()
            console.print("\n".join(lines[-_LAST_LINES:]), markup=False)
            return 1
        except KeyboardInterrupt:
            left = "the app is still running" if host.running else "nothing is left running"
            print(f"\nInterrupted; {left}.", file=sys.stderr)
            return 130
    console.print(NEXT, markup=False)
    return 0


def _prepare(stack: Stack) -> ApiServer:
    """Create vaults, namespaces and the cluster of production; return that cluster."""
    os.environ.update(stack.environment)
    for name in (*VAULTS, SHAPED):
        stack.vault(name)
    secrets = ("keyvault-project", API, SITE, REGISTRY)
    stack.namespace(NAMESPACE, components=_COMPONENTS)
    stack.namespace(SHAPED_NAMESPACE, *secrets, components=_COMPONENTS)
    production = stack.another_cluster()
    production.namespace(PRODUCTION, components=_COMPONENTS)
    stack.resource_manager.put_cluster(_AKS, production.url, production.authority.pem)
    return production


def _app_environment(stack: Stack) -> Mapping[str, str]:
    clusters = [
        {"name": "dev", "match": {"stage": "dev"}, "kubeconfig": str(stack.app_kubeconfig)},
        {"name": "prod", "match": {"stage": "prod"}, "aks": _AKS},
    ]
    settings = {
        "SYNC_SCHEDULE": _SCHEDULE,
        "SYNC_CLUSTERS": json.dumps(clusters),
        "SYNC_RESTART": "annotated",
        "SYNC_RESTART_QUIET": "1",
    }
    return stack.app_environment([*VAULTS, SHAPED], **settings)


def _run(program: str, *arguments: str, **variables: str) -> str:
    """Run a program with these environment variables; return its output."""
    done = subprocess.run(  # noqa: S603 - a program of this machine, with the demo's arguments
        [program, *arguments], env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoFailedError(f"{program} {arguments[0]}: {done.stderr}")
    return done.stdout.strip()


def _wait(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_SECONDS)
    return True


if __name__ == "__main__":
    sys.exit(main())
