"""Handing a Secret over from its former owner, and back: end to end, and on a real API server."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from local.kubernetes import Write
from local.kubernetes.documents import Document
from local.kubernetes.kinds import SECRET
from local.stack import ROOT
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.app.requests import Resync
from sync.app.takeover import Fate, adopt, look
from sync.app.use_cases import App, Budget
from sync.core.errors import Permanent
from sync.core.model import Actual, Converged, Failed, Ignored, Target
from sync.core.ports import Known
from sync.core.vault_names import ClusterMatch
from sync.reconcile.reconciler import Reconciler
from tests.contract.api_servers import (
    APPLY,
    MERGE,
    WHY_NO_REAL_SERVER,
    ApiServer,
    emulator,
    real_server,
)
from tests.contract.test_cluster_port import connect, encoded
from tests.functional.world import Place, World, outcome
from tests.kit.apps import NAMING, app_of
from tests.kit.fakes import Clock, FakeVaults, Wire
from tests.kit.scripted import soon
from tests.leaks.dye import value
from tests.leaks.search import leaks

ESO_WRITER = "externalsecrets.external-secrets.io/shop"
ESO_LABELS = {
    "reconcile.external-secrets.io/managed": "true",
    "reconcile.external-secrets.io/created-by": "3f9a1c",
}
ORPHANED: Document = {"ownerReferences": None}
"""What the garbage collector does to a Secret whose owner is deleted with --cascade=orphan."""


def owner(kind: str, api: str, uid: int = 1) -> Document:
    """Return the metadata of a Secret that such an object owns; made anew it has another uid."""
    reference: Document = {
        "apiVersion": api,
        "kind": kind,
        "name": "shop",
        "uid": f"00000000-0000-4000-8000-{uid:012}",
        "controller": True,
    }
    return {"ownerReferences": [reference]}


@dataclass(frozen=True, slots=True)
class Former:
    """A former owner: what it marks a Secret with, how it lets go, how it comes back."""

    writer: str
    named: str
    advice: str
    marks: Callable[[Place], Document]
    let_go: Document = field(default_factory=lambda: ORPHANED)
    back: Document = field(default_factory=dict)


def tracked(place: Place) -> Document:
    """Return Argo CD's annotation of this very Secret."""
    tracking = f"shop:/Secret:{place.namespace}/{place.secret}"
    return {"annotations": {"argocd.argoproj.io/tracking-id": tracking}}


HELM_LABEL: Document = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
FORMERS = {
    "external-secrets": Former(
        ESO_WRITER,
        "External Secrets Operator",
        "kubectl delete externalsecret shop",
        lambda _: {"labels": {**ESO_LABELS}, **owner("ExternalSecret", "external-secrets.io/v1")},
        back=owner("ExternalSecret", "external-secrets.io/v1", 2),
    ),
    "external-secrets-orphan-policy": Former(
        ESO_WRITER,
        "External Secrets Operator",
        "reconcile.external-secrets.io/managed-",
        lambda _: {"labels": {"reconcile.external-secrets.io/managed": "true"}},
        let_go={"labels": {"reconcile.external-secrets.io/managed": None}},
        back={"labels": {"reconcile.external-secrets.io/managed": "true"}},
    ),
    "akv2k8s": Former(
        "azure-keyvault-controller",
        "akv2k8s",
        "kubectl delete azurekeyvaultsecret shop",
        lambda _: owner("AzureKeyVaultSecret", "spv.no/v2beta1"),
        back=owner("AzureKeyVaultSecret", "spv.no/v2beta1", 2),
    ),
    "csi-driver": Former(
        "secrets-store-csi-driver",
        "the Secrets Store CSI driver",
        "secretObjects",
        lambda _: {
            "labels": {"secrets-store.csi.k8s.io/managed": "true"},
            **owner("ReplicaSet", "apps/v1"),
        },
        back=owner("ReplicaSet", "apps/v1", 2),
    ),
    "vault-secrets-operator": Former(
        "vault-secrets-operator",
        "Vault Secrets Operator",
        "kubectl delete vaultstaticsecret shop",
        lambda _: {
            "labels": {"app.kubernetes.io/managed-by": "hashicorp-vso"},
            **owner("VaultStaticSecret", "secrets.hashicorp.com/v1beta1"),
        },
        back={"labels": {"app.kubernetes.io/managed-by": "hashicorp-vso"}},
    ),
    "sealed-secrets": Former(
        "controller",
        "Sealed Secrets",
        "kubectl delete sealedsecret shop",
        lambda _: owner("SealedSecret", "bitnami.com/v1alpha1"),
        back=owner("SealedSecret", "bitnami.com/v1alpha1", 2),
    ),
    "helm": Former(
        "helm",
        "Helm release infra/shop",
        "helm.sh/resource-policy: keep",
        lambda _: {
            **HELM_LABEL,
            "annotations": {
                "meta.helm.sh/release-name": "shop",
                "meta.helm.sh/release-namespace": "infra",
            },
        },
        let_go={"annotations": {"helm.sh/resource-policy": "keep"}},
        back=HELM_LABEL,
    ),
    "argo-cd": Former(
        "argocd-controller",
        "Argo CD application shop",
        "Prune=false",
        tracked,
        let_go={"annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}},
    ),
    "flux": Former(
        "kustomize-controller",
        "Flux kustomization flux-system/apps",
        "kustomize.toolkit.fluxcd.io/prune: disabled",
        lambda _: {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        let_go={"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}},
    ),
}


def edit(place: Place, metadata: Document, writer: str, **data: str) -> None:
    """Change the Secret as that field manager."""
    patch: Document = {"metadata": metadata, "data": encoded(**data)}
    place.stack.cluster.patch(
        SECRET, place.namespace, place.secret, "merge", patch, Write(manager=writer)
    )


def make(place: Place, former: Former, **data: str) -> None:
    """Make the Secret as the former owner does."""
    metadata: Document = {"name": place.secret, **former.marks(place)}
    body: Document = {"metadata": metadata, "data": encoded(**data)}
    place.stack.cluster.create(SECRET, place.namespace, body, Write(manager=former.writer))


def refused(world: World, place: Place, former: Former) -> bool:
    """Tell whether event and request are refused, with who has the Secret and what to do."""
    before = place.document()
    assert world.deliver(place.event("equal")) == 500
    answer = world.resync(place)
    assert answer.status == 422
    told = outcome(answer)
    assert told["reason"] == "TargetTaken"
    assert former.named in str(told["message"])
    assert place.document() == before
    return former.advice in str(told["message"])


@pytest.mark.parametrize("name", FORMERS)
def test_a_secret_is_handed_over_and_back(world: World, name: str) -> None:
    """Refused while it is owned, adopted when let go, in step since, and given back by a return."""
    former = FORMERS[name]
    place = world.place(silent=True)
    equal = place.vault.set_secret("equal", value()).value
    place.vault.set_secret("other", value())
    place.vault.set_secret("new", value())
    make(place, former, equal=equal, other=value(), theirs=value())
    theirs = {"theirs": (place.data() or {})["theirs"]}

    assert refused(world, place, former)
    held = place.document()
    done = place.stack.command("adopt", place.name, "--yes")
    assert done.returncode == 1
    assert former.advice in done.stderr
    assert place.document() == held

    edit(place, former.let_go, "garbage-collector")
    done = place.stack.command("adopt", place.name, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert leaks(done.stdout) == []
    fates = {key["key"]: key["fate"] for key in json.loads(done.stdout)["adoption"]["keys"]}
    assert fates == {
        "equal": "taken over",
        "new": "added",
        "other": "changed",
        "theirs": "kept",
    }
    assert place.data() == place.wanted() | theirs
    assert place.labels()["app.kubernetes.io/managed-by"] == "keyvault-sync"

    rotated = place.vault.set_secret("equal", value())
    assert world.deliver(place.event("equal", rotated.version)) == 202
    assert place.data() == place.wanted() | theirs
    place.vault.delete("new")
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | theirs

    edit(place, former.back, former.writer, equal="written back")
    refused(world, place, former)
    assert place.data() == place.wanted() | theirs | {"equal": "written back"}


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("n", 2)])
def test_on_a_terminal_the_plan_is_shown_before_the_question(
    world: World, typed: str, code: int
) -> None:
    """Whoever types yes has seen the keys; after no the Secret is as it was."""
    place = world.filled("overlap", silent=True)
    place.stack.cluster.put_secret(place.namespace, place.secret, {"overlap": b"by hand"})
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "sync", "adopt", place.name],
        env={**place.stack.app_environment(), "COLUMNS": "120"},
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        assert b"changed" in shown
        assert place.data() == {"overlap": "by hand"}
        os.write(ours, f"{typed}\n".encode())
        assert running.wait(60) == code
    os.close(ours)
    assert leaks(shown.decode()) == []
    assert place.data() == (place.wanted() if typed == "y" else {"overlap": "by hand"})


def test_an_owner_that_is_overruled_has_to_come_anew(world: World) -> None:
    """A takeover lasts while the same owner stands there, and ends with one that is made anew."""
    former = FORMERS["external-secrets"]
    place = world.filled("equal", silent=True)
    make(place, former, theirs=value())
    assert place.stack.command("adopt", place.name, "--yes", "--takeover").returncode == 0
    rotated = place.vault.set_secret("equal", value())
    assert world.deliver(place.event("equal", rotated.version)) == 202
    assert (place.data() or {})["equal"] == rotated.value
    edit(place, former.back, former.writer)
    assert refused(world, place, former)


def test_other_keys_of_a_controller_live_beside_ours(world: World) -> None:
    """A controller that merges keys of its own into our Secret neither stops nor loses any."""
    place = world.filled("ours", silent=True)
    assert world.resync(place).status == 200
    edit(place, {"labels": {**ESO_LABELS}}, ESO_WRITER, merged="theirs")
    place.vault.set_secret("more", value())
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | {"merged": "theirs"}


def test_a_secret_made_by_hand_is_taken_and_says_so_before(world: World) -> None:
    """Nobody's Secret is synced without asking; adopt shows which values the vault overrides."""
    place = world.filled("overlap", silent=True)
    place.stack.cluster.put_secret(
        place.namespace, place.secret, {"overlap": b"by hand", "theirs": b"kept"}
    )
    shown = place.stack.command("adopt", place.name)
    assert shown.returncode == 1
    told = json.loads(shown.stdout)["adoption"]
    assert told["former"] is None
    assert {key["key"]: key["fate"] for key in told["keys"]} == {
        "overlap": "changed",
        "theirs": "kept",
    }
    assert place.data() == {"overlap": "by hand", "theirs": "kept"}
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | {"theirs": "kept"}


BUDGET = Budget(target=20, total=20)


@pytest.fixture(scope="module", params=["emulator", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """Serve the emulator, then a real API server where there is one."""
    with emulator() if request.param == "emulator" else real_server() as server:
        if server is None:
            pytest.skip(WHY_NO_REAL_SERVER)
        yield server


@dataclass(frozen=True, slots=True)
class Site:
    """An app in memory, a vault of `equal` and `other`, and a Secret on an API server."""

    app: App
    vaults: FakeVaults
    cluster: KubernetesSecrets
    server: ApiServer
    target: Target

    @property
    def known(self) -> Known:
        """The one vault."""
        return Known((self.target.vault,))

    def read(self) -> Actual:
        """Read the Secret."""
        actual = self.cluster.read(self.target, soon())
        assert actual is not None
        return actual

    def write(self, body: Document, writer: str, media: str = MERGE) -> None:
        """Write the Secret as that field manager."""
        path = f"/api/v1/namespaces/{self.target.namespace}/secrets/{self.target.secret}"
        forced = {"force": "true"} if media == APPLY else {}
        query = {"fieldManager": writer, **forced}
        answer = self.server.call("PATCH", path, body, media=media, query=query)
        assert answer.status in {200, 201}, answer.message

    def reconcile(self) -> str:
        """Reconcile without options; return why that failed, empty where it did not."""
        (done,) = self.app.reconcile(self.known, Resync(self.target.vault.text), BUDGET)
        return done.error.reason if isinstance(done, Failed | Ignored) else ""


@pytest.fixture
def site(server: ApiServer, tmp_path: Path) -> Iterator[Site]:
    """Make a vault whose name leads to a new namespace of the server."""
    namespace = server.create_namespace()
    naming = replace(NAMING, namespace=namespace, clusters=(ClusterMatch("main"),))
    clusters = connect(server, tmp_path)
    vault = naming.vault("weu-ds-akv-shop-dev-1")
    clock = Clock()
    vaults, cluster = FakeVaults(clock, Wire()), KubernetesSecrets(clusters)
    for name in ("equal", "other"):
        vaults.put(vault, name, f"{name}'s value")
    clock.tick(100)
    reconciler = Reconciler(vaults, cluster, clock)
    yield Site(
        app_of(reconciler, vault, naming=naming), vaults, cluster, server, naming.target(vault)
    )
    clusters.close()


def made_by_external_secrets(site: Site, writer: str = ESO_WRITER) -> None:
    """Make the Secret with `equal` as in the vault, another `other`, and `theirs`."""
    target = site.target
    body: Document = {
        "metadata": {
            "name": target.secret,
            "labels": {**ESO_LABELS},
            **owner("ExternalSecret", "external-secrets.io/v1"),
        },
        "data": encoded(equal="equal's value", other="of old", theirs="kept"),
    }
    path = f"/api/v1/namespaces/{target.namespace}/secrets"
    made = site.server.call("POST", path, body, query={"fieldManager": writer})
    assert made.status == 201, made.message


def adopted(site: Site) -> None:
    """Hand the Secret over."""
    made_by_external_secrets(site)
    site.write({"metadata": ORPHANED}, "garbage-collector")
    adoption = look(site.app, site.known, BUDGET, takeover=False)
    assert isinstance(adopt(site.app, site.known, adoption, BUDGET), Converged)


IN_STEP = {"equal": b"equal's value", "other": b"other's value", "theirs": b"kept"}


def test_an_api_server_keeps_what_a_handover_needs(site: Site) -> None:
    """Owned it is refused; orphaned it is adopted, equal values and all, and then just synced."""
    made_by_external_secrets(site)
    before = site.read()
    assert site.reconcile() == "TargetTaken"
    with pytest.raises(Permanent, match="kubectl delete externalsecret shop"):
        look(site.app, site.known, BUDGET, takeover=False)
    assert site.read() == before
    site.write({"metadata": ORPHANED}, "garbage-collector")
    assert site.reconcile() == "TargetTaken"
    adoption = look(site.app, site.known, BUDGET, takeover=False)
    assert adoption.fates == {
        "equal": Fate.TAKEN_OVER,
        "other": Fate.CHANGED,
        "theirs": Fate.KEPT,
    }
    adopt(site.app, site.known, adoption, BUDGET)
    actual = site.read()
    assert actual.data == IN_STEP
    assert actual.owned == {"equal", "other"}
    assert actual.holders == {"equal": (ESO_WRITER,), "theirs": (ESO_WRITER,)}
    assert site.reconcile() == ""
    assert site.read() == actual


@pytest.mark.parametrize("media", [MERGE, APPLY])
def test_an_api_server_shows_who_wrote_back(site: Site, media: str) -> None:
    """A key that the former owner writes again, by update or by apply, gives the Secret back."""
    adopted(site)
    body: Document = {"apiVersion": "v1", "kind": "Secret", "data": encoded(other="written back")}
    site.write(body, ESO_WRITER, media)
    back = site.read()
    assert site.reconcile() == "TargetTaken"
    assert site.read() == back
    assert back.data == IN_STEP | {"other": b"written back"}


def test_an_api_server_tells_owners_apart_by_their_uid(site: Site) -> None:
    """What was taken from one owner is refused again when another of the same name is there."""
    made_by_external_secrets(site)
    adopt(site.app, site.known, look(site.app, site.known, BUDGET, takeover=True), BUDGET)
    assert site.read().data == IN_STEP
    assert site.reconcile() == ""
    site.write({"metadata": owner("ExternalSecret", "external-secrets.io/v1", 2)}, ESO_WRITER)
    assert site.reconcile() == "TargetTaken"


def test_a_persons_edit_on_an_api_server_is_repaired_after_a_handover(site: Site) -> None:
    """Drift by hand is repaired as ever, though the former owner's marks are still there."""
    adopted(site)
    site.write({"data": {**encoded(other="tampered"), "equal": None}}, "kubectl-edit")
    assert site.reconcile() == ""
    assert site.read().data == IN_STEP
