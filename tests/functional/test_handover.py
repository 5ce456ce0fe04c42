"""Handing a Secret over from its former owner, and back: end to end, and on a real API server."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.kubernetes import Write
from local.kubernetes.documents import Document
from local.kubernetes.kinds import SECRET
from local.kubernetes.patch import PatchType
from local.stack import ROOT
from sync.cli.choice import OWN
from tests.contract.test_cluster_port import encoded
from tests.functional.world import Place, World, outcome
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
    """A former owner: what it marks a Secret with, how it lets go, how it comes back.

    It comes back by an update, or by an apply.
    """

    writer: str
    named: str
    advice: str
    marks: Callable[[Place], Document]
    let_go: Document = field(default_factory=lambda: ORPHANED)
    back: Document = field(default_factory=dict)
    applies: bool = False


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
        applies=True,
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


def edit(
    place: Place, metadata: Document, writer: str, how: PatchType = "merge", **data: str
) -> None:
    """Change the Secret as that field manager."""
    patch: Document = {"metadata": metadata, "data": encoded(**data)}
    if how == "apply":
        patch |= {"apiVersion": "v1", "kind": "Secret"}
    write = Write(manager=writer, force=how == "apply")
    place.stack.cluster.patch(SECRET, place.namespace, place.secret, how, patch, write)


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
    done = place.stack.command("adopt", place.name, "--yes", "-o", "json")
    assert done.returncode == 1
    assert former.advice in done.stderr
    assert place.document() == held

    edit(place, former.let_go, "garbage-collector")
    done = place.stack.command("adopt", place.name, "--yes", "-o", "json")
    assert (done.returncode, done.stderr) == (0, f"{OWN}.\n")
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

    edit(place, {}, "kubectl-edit", equal="tampered")
    assert world.resync(place).status == 200
    assert place.data() == place.wanted() | theirs

    how: PatchType = "apply" if former.applies else "merge"
    edit(place, former.back, former.writer, how, equal="written back")
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
    shown = place.stack.command("adopt", place.name, "-o", "json")
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


def test_proposed_tags_make_what_the_external_secret_made(world: World, tmp_path: Path) -> None:
    """The tags that adopt proposes are set, and the Secret gets the same keys and values."""
    place = world.place(silent=True)
    login = {"username": "shop", "password": value()}
    place.vault.set_secret("postgres", json.dumps(login))
    token = place.vault.set_secret("token", value()).value
    entries = [
        {"secretKey": member, "remoteRef": {"key": "postgres", "property": member}}
        for member in login
    ]
    entries.append({"secretKey": "TOKEN", "remoteRef": {"key": "token"}})
    url = "postgres://{{ .username }}:{{ .password }}@db.example/orders?a={1,2}"
    template = {"data": {"DATABASE_URL": url}, "mergePolicy": "Merge"}
    manifest = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "shop", "namespace": place.namespace},
        "spec": {"data": entries, "target": {"name": place.secret, "template": template}},
    }
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(manifest))
    done = place.stack.command("adopt", place.name, "--external-secret", str(file), "-o", "json")
    assert done.returncode == 0
    assert leaks(done.stdout + done.stderr) == []
    assert place.data() is None
    for each in json.loads(done.stdout)["proposals"]:
        place.vault.update(each["secret"], tags=each["tags"])
    assert world.resync(place).status == 200
    assert place.data() == {
        **login,
        "TOKEN": token,
        "DATABASE_URL": f"postgres://shop:{login['password']}@db.example/orders?a={{1,2}}",
    }
