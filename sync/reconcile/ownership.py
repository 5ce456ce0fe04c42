"""Recognizes other owners of a Secret by their labels and annotations, and how each releases it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sync.core.annotation import decode
from sync.core.errors import Permanent
from sync.core.model import FIELD_MANAGER, MANAGED_BY_LABEL, STATE_ANNOTATION, Actual, Target
from sync.core.reasons import Reason
from sync.core.state import State
from sync.reconcile.observed import is_of_another_target, own_state

_ESO_MANAGED = "reconcile.external-secrets.io/managed"
_ESO_OWNER = "reconcile.external-secrets.io/created-by"
_ESO_WRITER = "externalsecrets.external-secrets.io/"
_CSI_MANAGED = "secrets-store.csi.k8s.io/managed"
_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_ARGO_OPTIONS = "argocd.argoproj.io/sync-options"
_FLUX_NAME = "kustomize.toolkit.fluxcd.io/name"
_FLUX_NAMESPACE = "kustomize.toolkit.fluxcd.io/namespace"
_FLUX_PRUNE = "kustomize.toolkit.fluxcd.io/prune"
_HELM_RELEASE = "meta.helm.sh/release-name"
_HELM_NAMESPACE = "meta.helm.sh/release-namespace"
_HELM_POLICY = "helm.sh/resource-policy"
_VSO = "hashicorp-vso"
_UNNAMED = "NAME"
_SHOWN = 3  # how many owners a message names

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}", re.ASCII)
"""Text that is safe in a shell command: anybody can write annotations and owner references."""

_PRODUCTS = {
    "AzureKeyVaultSecret": "akv2k8s",
    "SealedSecret": "Sealed Secrets",
    "VaultStaticSecret": "Vault Secrets Operator",
    "VaultDynamicSecret": "Vault Secrets Operator",
    "VaultPKISecret": "Vault Secrets Operator",
    "HCPVaultSecretsApp": "Vault Secrets Operator",
}
"""Kinds that own a Secret and that `--cascade=orphan` detaches from it on deletion."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody else's claim on a Secret.

    `sign` is the evidence, and `steps` release the Secret, in order. `released` means that the
    former owner has released it and only its label or annotation is left. `vault` is another vault
    that owns the Secret, None for a controller; for a vault the steps are alternatives.
    """

    holder: str
    sign: str
    steps: tuple[str, ...]
    released: bool = False
    vault: str | None = None


def claim(target: Target, actual: Actual) -> Claim | None:
    """Return the strongest claim that an operator has not overridden, or None."""
    ours = own_state(target, actual)
    if actual.owner_references and not (ours and actual.owner_uids <= set(ours.overruled)):
        return _owned(target, actual)
    manager = actual.labels.get(MANAGED_BY_LABEL)
    if manager not in {None, FIELD_MANAGER}:
        return _managed(target, actual, str(manager))
    if of_another := another_vault(target, actual):
        return of_another
    if ours is not None:
        return _written_back(target, actual, ours)
    return _marked(target, actual) if manager is None else None


def another_vault(target: Target, actual: Actual) -> Claim | None:
    """Return the claim of another vault, or of another target of this one, that wrote the state.

    No other claim hides it.
    """
    state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
    if state is None:
        return None
    if state.vault != target.vault.text:
        return _of_another_vault(target, state.vault)
    return _of_another_target(target, state) if is_of_another_target(target, state) else None


def taken(target: Target, found: Claim) -> Permanent:
    """Return the error that names the Secret's owner and says how to hand it over."""
    adopt = f"keyvault-sync adopt {target.vault}"
    who = f"{found.holder} has it ({found.sign})"
    if found.vault is not None:
        how = f"To have it for this vault: {'; or '.join(found.steps)}"
    elif found.released:
        who = f"{found.holder} has released it but left its mark ({found.sign})"
        how = f"Take it over: {adopt}"
    else:
        steps = "; ".join(f"({n}) {s}" for n, s in enumerate((*found.steps, adopt), start=1))
        how = f"To hand it over: {steps}. To take it as it is, resync this vault with takeover."
    return Permanent(
        Reason.TARGET_TAKEN,
        f"Secret {target} is not taken over for vault {target.vault}: {who}. {how}",
    )


def _owned(target: Target, actual: Actual) -> Claim:
    owned_by = [owner.partition("/") for owner in actual.owner_references]
    owners = ", ".join(f"{_plain(kind)}/{_plain(name)}" for kind, _, name in owned_by[:_SHOWN])
    owners += f" and {len(owned_by) - _SHOWN} more" if len(owned_by) > _SHOWN else ""
    sign = f"owner {owners}"
    if actual.labels.get(_CSI_MANAGED) == "true":
        return _csi_driver(target, sign, released=False)
    for kind, _, name in owned_by:
        if kind == "ExternalSecret":
            return Claim("External Secrets Operator", sign, _eso_steps(target, name))
        if product := _PRODUCTS.get(kind):
            return Claim(product, sign, (_orphaning(target, kind, name),))
    return Claim("another controller", sign, (f"stop {owners} from writing it", _disown(target)))


def _managed(target: Target, actual: Actual, manager: str) -> Claim:
    sign = f"label {MANAGED_BY_LABEL} says {manager!r}"
    if manager == "Helm":
        return _helm(target, actual, sign)
    unlabel = _unlabel(target, MANAGED_BY_LABEL)
    if manager == _VSO:  # its Secrets have an owner reference until that owner is deleted
        return Claim("Vault Secrets Operator", sign, (unlabel,), released=True)
    steps = (f"stop {manager!r} from writing it", unlabel)
    return Claim(f"the manager {manager!r}", sign, steps)


def _of_another_vault(target: Target, vault: str) -> Claim:
    resync = f"keyvault-sync resync {target.vault}"
    annotate = f"kubectl annotate secret {target.secret} -n {target.namespace}"
    steps = (
        "tell the vaults apart by a name, SYNC_NAMESPACE, SYNC_CLUSTERS or SYNC_PLACEMENTS",
        f"if that vault is gone for good, {resync} --takeover-from {_plain(vault)}",
        f"if it never wrote this Secret, {annotate} {STATE_ANNOTATION}-",
    )
    sign = f"annotation {STATE_ANNOTATION}"
    return Claim(f"vault {_plain(vault)!r}", sign, steps, vault=vault)


def _of_another_target(target: Target, state: State) -> Claim:
    if state.application:
        holder = f"application {state.application}"
        steps = ("name another Secret for one of the two",)
    else:
        own = state.own or target.secret
        holder = f"another target of this vault, Secret {target.namespace}/{own},"
        steps = ("name another Secret by the tag k8s-secret for one of the two",)
    return Claim(holder, f"annotation {STATE_ANNOTATION}", steps, vault=target.vault.text)


def _written_back(target: Target, actual: Actual, ours: State) -> Claim | None:
    """Find a controller that has written our keys again: its owner has been recreated."""
    written = {key for record in ours.secrets.values() for key in record.keys}
    for key in sorted((written & actual.holders.keys()) - actual.owned):
        for writer in actual.holders[key]:
            for name, claimed in _WRITERS:
                if writer == name or (name.endswith("/") and writer.startswith(name)):
                    return claimed(target, actual, f"{name.rstrip('/')} has written key {key}")
    return None


def _marked(target: Target, actual: Actual) -> Claim | None:
    if actual.labels.get(_ESO_MANAGED) == "true":
        return _external_secrets(target, actual, f"label {_ESO_MANAGED}")
    if actual.labels.get(_CSI_MANAGED) == "true":  # the driver always adds an owner reference
        return _csi_driver(target, f"label {_CSI_MANAGED}", released=True)
    if _tracked(target, actual):
        return _argo_cd(target, actual, f"annotation {_ARGO_TRACKING}")
    if _FLUX_NAME in actual.labels:
        return _flux(target, actual, f"label {_FLUX_NAME}")
    return None


def _external_secrets(target: Target, actual: Actual, sign: str) -> Claim:
    """Return the claim without an owner: policy Owner was orphaned, others may still be active."""
    writers = (writer for held in actual.holders.values() for writer in held)
    names = sorted(w.removeprefix(_ESO_WRITER) for w in writers if w.startswith(_ESO_WRITER))
    steps = (*_eso_steps(target, names[0] if names else _UNNAMED), _unlabel(target, _ESO_MANAGED))
    released = _ESO_OWNER in actual.labels or _ESO_MANAGED not in actual.labels
    return Claim("External Secrets Operator", sign, steps, released)


def _eso_steps(target: Target, name: str) -> tuple[str, ...]:
    name = _plain(name)
    policy = '\'{"spec":{"target":{"deletionPolicy":"Retain"}}}\''
    return (
        f"kubectl patch externalsecret {name} -n {target.namespace} --type=merge -p {policy}",
        _orphaning(target, "ExternalSecret", name),
    )


def _csi_driver(target: Target, sign: str, *, released: bool) -> Claim:
    steps = (
        f"remove {target.secret} from secretObjects of its SecretProviderClass",
        _disown(target),
        _unlabel(target, _CSI_MANAGED),
    )
    return Claim("the Secrets Store CSI driver", sign, steps, released)


def _helm(target: Target, actual: Actual, sign: str) -> Claim:
    name = _plain(actual.annotations.get(_HELM_RELEASE, ""))
    namespace = _plain(actual.annotations.get(_HELM_NAMESPACE, target.namespace))
    steps = (
        f"annotate it in the chart with {_HELM_POLICY}: keep",
        f"helm upgrade {name} CHART -n {namespace}",
        "remove it from the chart and upgrade again",
    )
    kept = actual.annotations.get(_HELM_POLICY) == "keep"
    released = kept or actual.labels.get(MANAGED_BY_LABEL) != "Helm"
    return Claim(f"Helm release {namespace}/{name}", sign, steps, released)


def _tracked(target: Target, actual: Actual) -> bool:
    """Return whether Argo CD tracks this Secret itself: other controllers copy the annotation."""
    tracking = actual.annotations.get(_ARGO_TRACKING, "")
    return tracking.endswith(f":/Secret:{target.namespace}/{target.secret}")


def _argo_cd(target: Target, actual: Actual, sign: str) -> Claim:
    name = _plain(actual.annotations.get(_ARGO_TRACKING, "").partition(":")[0])
    steps = (
        f"annotate it in Git with {_ARGO_OPTIONS}: Prune=false,Delete=false",
        f"argocd app sync {name}",
        "remove it from Git",
    )
    options = actual.annotations.get(_ARGO_OPTIONS, "").replace(" ", "").split(",")
    released = "Prune=false" in options or not _tracked(target, actual)
    return Claim(f"Argo CD application {name}", sign, steps, released)


def _flux(target: Target, actual: Actual, sign: str) -> Claim:
    name = actual.labels.get(_FLUX_NAME, _UNNAMED)
    namespace = actual.labels.get(_FLUX_NAMESPACE, target.namespace)
    steps = (
        f"annotate it in Git with {_FLUX_PRUNE}: disabled",
        f"flux reconcile kustomization {name} -n {namespace} --with-source",
        "remove it from Git",
    )
    marks = (actual.annotations.get(_FLUX_PRUNE, ""), actual.labels.get(_FLUX_PRUNE, ""))
    released = "disabled" in map(str.lower, marks) or _FLUX_NAME not in actual.labels
    return Claim(f"Flux kustomization {namespace}/{name}", sign, steps, released)


_WRITERS: tuple[tuple[str, Callable[[Target, Actual, str], Claim]], ...] = (
    (_ESO_WRITER, _external_secrets),
    ("argocd-controller", _argo_cd),
    ("argocd-application-controller", _argo_cd),
    ("kustomize-controller", _flux),
    ("helm-controller", _helm),
    ("helm", _helm),
)
"""The field manager names of these controllers; one that ends in / is a prefix."""


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _UNNAMED


def _orphaning(target: Target, kind: str, name: str) -> str:
    return f"kubectl delete {kind.lower()} {_plain(name)} -n {target.namespace} --cascade=orphan"


def _disown(target: Target) -> str:
    patch = '\'[{"op":"remove","path":"/metadata/ownerReferences"}]\''
    return f"kubectl patch secret {target.secret} -n {target.namespace} --type=json -p {patch}"


def _unlabel(target: Target, label: str) -> str:
    return f"kubectl label secret {target.secret} -n {target.namespace} {label}-"
