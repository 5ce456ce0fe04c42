"""Who has a Secret: each former owner by the marks it really leaves, and how it lets go."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from sync.core.annotation import encode
from sync.core.model import FIELD_MANAGER, MANAGED_BY_LABEL, STATE_ANNOTATION, Actual, SecretName
from sync.core.state import Record, State
from sync.reconcile.ownership import Claim, claim, taken
from tests.kit.fakes import target_of, vault_name

VAULT = vault_name()
TARGET = target_of(VAULT)
BARE = Actual("7", "Opaque", immutable=False, data={}, labels={}, annotations={})

ESO_LABELS = {
    "reconcile.external-secrets.io/managed": "true",
    "reconcile.external-secrets.io/created-by": "3f9a1c",
}
ESO_NOTES = {"reconcile.external-secrets.io/data-hash": "5d41402a"}
HELM_NOTES = {
    "meta.helm.sh/release-name": "shop",
    "meta.helm.sh/release-namespace": "shop-dev",
}
VSO_LABELS = {
    MANAGED_BY_LABEL: "hashicorp-vso",
    "app.kubernetes.io/name": "vault-secrets-operator",
    "app.kubernetes.io/component": "secret-sync",
}
CSI_LABELS = {"secrets-store.csi.k8s.io/managed": "true"}
ARGO_NOTES = {"argocd.argoproj.io/tracking-id": "shop:/Secret:shop-dev/keyvault-project"}
FLUX_LABELS = {
    "kustomize.toolkit.fluxcd.io/name": "apps",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}


@dataclass(frozen=True, slots=True)
class Former:
    """A Secret as a former owner has it, who that is, and a step of letting go."""

    holder: str
    step: str
    owners: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    holders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def actual(self) -> Actual:
        """The Secret."""
        return replace(
            BARE,
            labels=self.labels,
            annotations=self.notes,
            owner_references=self.owners,
            owner_uids=frozenset(f"uid-{owner}" for owner in self.owners),
            holders=self.holders,
        )


STANDING = {
    "eso": Former(
        "External Secrets Operator",
        "kubectl delete externalsecret shop -n shop-dev --cascade=orphan",
        ("ExternalSecret/shop",),
        ESO_LABELS,
        ESO_NOTES,
    ),
    "eso-orphan-policy": Former(
        "External Secrets Operator",
        "kubectl delete externalsecret shop -n shop-dev",
        labels={"reconcile.external-secrets.io/managed": "true"},
        holders={"a": ("externalsecrets.external-secrets.io/shop",)},
    ),
    "akv2k8s": Former(
        "akv2k8s",
        "kubectl delete azurekeyvaultsecret shop -n shop-dev --cascade=orphan",
        ("AzureKeyVaultSecret/shop",),
    ),
    "csi": Former(
        "the Secrets Store CSI driver",
        "remove keyvault-project from secretObjects",
        ("ReplicaSet/shop-6d5f", "ReplicaSet/shop-7c9b"),
        CSI_LABELS,
    ),
    "vso": Former(
        "Vault Secrets Operator",
        "kubectl delete vaultstaticsecret shop -n shop-dev --cascade=orphan",
        ("VaultStaticSecret/shop",),
        VSO_LABELS,
    ),
    "sealed": Former(
        "Sealed Secrets",
        "kubectl delete sealedsecret keyvault-project -n shop-dev --cascade=orphan",
        ("SealedSecret/keyvault-project",),
    ),
    "helm": Former(
        "Helm release shop-dev/shop",
        "helm upgrade shop CHART -n shop-dev",
        labels={MANAGED_BY_LABEL: "Helm"},
        notes=HELM_NOTES,
    ),
    "argo-cd": Former("Argo CD application shop", "argocd app sync shop", notes=ARGO_NOTES),
    "flux": Former(
        "Flux kustomization flux-system/apps",
        "flux reconcile kustomization apps -n flux-system",
        labels=FLUX_LABELS,
    ),
    "another-label": Former(
        "the manager 'terraform'",
        f"kubectl label secret keyvault-project -n shop-dev {MANAGED_BY_LABEL}-",
        labels={MANAGED_BY_LABEL: "terraform"},
    ),
    "another-controller": Former(
        "another controller",
        "kubectl patch secret keyvault-project -n shop-dev --type=json",
        ("Certificate/shop",),
    ),
    "another-vault": Former(
        "vault 'neu-ds-akv-shop-dev-1'",
        "--takeover-from neu-ds-akv-shop-dev-1",
        notes={STATE_ANNOTATION: encode(State("neu-ds-akv-shop-dev-1", 0, {}))},
    ),
}

RELEASED = {
    "eso": (ESO_LABELS, ESO_NOTES),
    "csi": (CSI_LABELS, {}),
    "vso": (VSO_LABELS, {}),
    "helm": ({MANAGED_BY_LABEL: "Helm"}, {**HELM_NOTES, "helm.sh/resource-policy": "keep"}),
    "argo-cd": (
        {},
        {**ARGO_NOTES, "argocd.argoproj.io/sync-options": "Prune=false, Delete=false"},
    ),
    "flux": (FLUX_LABELS, {"kustomize.toolkit.fluxcd.io/prune": "disabled"}),
}


def found(actual: Actual) -> Claim:
    """Return the claim that there is."""
    what = claim(TARGET, actual)
    assert what is not None
    return what


def ours(*keys: str, overruled: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Return our state annotation."""
    records = {SecretName(key): Record("v1", 1, settled=True, keys=(key,)) for key in keys}
    return {STATE_ANNOTATION: encode(State(VAULT.text, 0, records, overruled=overruled))}


@pytest.mark.parametrize("name", STANDING)
def test_who_has_it_is_named_with_how_it_lets_go(name: str) -> None:
    """The error names the holder, its mark and the commands, and ends with what to run then."""
    former = STANDING[name]
    what = found(former.actual)
    assert (what.holder, what.released) == (former.holder, False)
    assert any(former.step in step for step in what.steps)
    error = taken(TARGET, what)
    assert error.reason == "TargetTaken"
    for part in (former.holder, *former.owners, former.step, VAULT.text):
        assert part in error.message


@pytest.mark.parametrize("name", RELEASED)
def test_what_is_left_of_a_former_owner_waits_to_be_adopted(name: str) -> None:
    """Marks without an owner, or kept by the owner's own word, are a claim that is released."""
    labels, notes = RELEASED[name]
    what = found(replace(BARE, labels=labels, annotations=notes))
    assert what.released
    assert taken(TARGET, what).message.endswith(f"keyvault-sync adopt {VAULT}")


@pytest.mark.parametrize("text", ["x; rm -rf /", "a\nERROR forged", "$(id)", "-x", "", "x" * 300])
def test_what_anybody_may_write_is_in_no_command(text: str) -> None:
    """Names from owners and annotations are put into commands and logs only if they are names."""
    spoilt = [
        replace(BARE, owner_references=(f"ExternalSecret/{text}", f"{text}/x")),
        replace(BARE, owner_references=(f"AzureKeyVaultSecret/{text}",)),
        replace(
            BARE,
            labels={MANAGED_BY_LABEL: "Helm"},
            annotations=dict.fromkeys(HELM_NOTES, text),
        ),
        replace(
            BARE,
            annotations={
                "argocd.argoproj.io/tracking-id": f"{text}:/Secret:shop-dev/keyvault-project"
            },
        ),
        replace(
            BARE,
            labels={"reconcile.external-secrets.io/managed": "true"},
            holders={"a": (f"externalsecrets.external-secrets.io/{text}",)},
        ),
    ]
    for actual in spoilt:
        message = taken(TARGET, found(actual)).message
        assert "NAME" in message
        assert not text or f" {text} " not in message
        assert not text or f"/{text}" not in message
        assert "\n" not in message


def test_many_owners_are_counted() -> None:
    """A Secret of many Pods names a few."""
    pods = tuple(f"Pod/shop-{number}" for number in range(40))
    message = taken(TARGET, found(replace(BARE, owner_references=pods))).message
    assert "Pod/shop-0, Pod/shop-1, Pod/shop-2 and 37 more" in message
    assert "shop-3" not in message


def test_two_vaults_are_not_settled_by_an_adoption() -> None:
    """An adoption would take the other vault's keys away, so it is not what is advised."""
    assert (
        "keyvault-sync adopt" not in taken(TARGET, found(STANDING["another-vault"].actual)).message
    )


@pytest.mark.parametrize(
    "actual",
    [
        BARE,
        replace(BARE, labels={"app.kubernetes.io/instance": "shop"}),
        replace(BARE, holders={"a": ("kubectl-create",)}),
        replace(BARE, annotations={"argocd.argoproj.io/tracking-id": "x:/Secret:shop-dev/other"}),
        replace(BARE, annotations=HELM_NOTES),
    ],
    ids=["bare", "instance-label", "by-hand", "copied-tracking", "helm-notes-alone"],
)
def test_what_nobody_claims(actual: Actual) -> None:
    """A Secret made by hand, or with marks that were copied from elsewhere, is nobody's."""
    assert claim(TARGET, actual) is None


@pytest.mark.parametrize("labels", [ESO_LABELS, CSI_LABELS, FLUX_LABELS])
def test_marks_of_the_former_owner_do_not_outlive_an_adoption(labels: Mapping[str, str]) -> None:
    """Once our label is on it the marks that stayed are history."""
    adopted = {**labels, MANAGED_BY_LABEL: FIELD_MANAGER}
    assert claim(TARGET, replace(BARE, labels=adopted, annotations=ours(), owns_state=True)) is None


def test_an_overruled_owner_is_no_claim_until_it_is_made_anew() -> None:
    """A takeover lasts for the owners that were there; one with another uid has it again."""
    actual = replace(
        BARE,
        annotations=ours(overruled=("uid-1",)),
        owns_state=True,
        owner_references=("ExternalSecret/shop",),
        owner_uids=frozenset({"uid-1"}),
    )
    assert claim(TARGET, actual) is None
    anew = replace(actual, owner_uids=frozenset({"uid-2"}))
    assert claim(TARGET, anew) is not None
    assert claim(TARGET, replace(actual, owns_state=False)) is not None


@pytest.mark.parametrize(
    ("writer", "holder"),
    [
        ("externalsecrets.external-secrets.io/shop", "External Secrets Operator"),
        ("argocd-controller", "Argo CD application shop"),
        ("kustomize-controller", "Flux kustomization flux-system/apps"),
        ("helm", "Helm release shop-dev/shop"),
    ],
)
def test_a_controller_that_writes_our_keys_is_back(writer: str, holder: str) -> None:
    """A key that a known controller took from us is a claim; one beside ours or shared is not."""
    actual = replace(
        BARE,
        labels={**ESO_LABELS, **FLUX_LABELS, MANAGED_BY_LABEL: FIELD_MANAGER},
        annotations={**ours("a"), **ARGO_NOTES, **HELM_NOTES},
        owns_state=True,
        holders={"a": (writer,)},
    )
    assert found(actual).holder == holder
    assert claim(TARGET, replace(actual, owned=frozenset({"a"}))) is None
    assert claim(TARGET, replace(actual, holders={"theirs": (writer,)})) is None


def test_a_person_who_edits_our_keys_makes_drift_and_no_claim() -> None:
    """What kubectl changed is repaired, not handed over."""
    labels = {MANAGED_BY_LABEL: FIELD_MANAGER}
    edited = replace(BARE, labels=labels, annotations=ours("a"), owns_state=True)
    assert claim(TARGET, replace(edited, holders={"a": ("kubectl-edit",)})) is None


@pytest.mark.parametrize("left", [ESO_LABELS, CSI_LABELS, FLUX_LABELS], ids=["eso", "csi", "flux"])
def test_marks_beside_our_own_label_claim_nothing(left: Mapping[str, str]) -> None:
    """A Secret that we labelled is ours, whatever mark its former owner has left on it."""
    actual = replace(BARE, labels={**left, MANAGED_BY_LABEL: FIELD_MANAGER})
    assert claim(TARGET, actual) is None
