"""Refuses plans: mass removal, other owners' Secrets, and what the API server would refuse."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sync.core.annotation import decode
from sync.core.errors import Permanent
from sync.core.labels import labels_of
from sync.core.model import STATE_ANNOTATION, Actual, Desired, SecretName, Target
from sync.core.reasons import Reason
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.ownership import another_vault, claim, taken

GUARDED_KEYS = 10
GUARDED_RATIO = 0.3

MAX_DATA_BYTES = (
    1024 * 1024
)  # of all values, https://kubernetes.io/docs/concepts/configuration/secret
MAX_ANNOTATION_BYTES = 256 * 1024  # of all keys and values
MAX_KEYS = 4000  # limited by the annotations' size and by the cost of managedFields
_MOVE = "Nothing was written: move secrets to an additional vault, or elsewhere with k8s-secret."


@dataclass(frozen=True, slots=True)
class Loss:
    """What one Secret would lose: `keys` of our `ours` keys, from the vault secrets `names`."""

    ours: int
    keys: int
    names: tuple[SecretName, ...]

    def is_unsafe(self, *, listed: int) -> bool:
        """Return whether this is more than an accident may remove from a vault of `listed`."""
        many = self.ours >= GUARDED_KEYS and self.keys > GUARDED_RATIO * self.ours
        return self.keys > 0 and (listed == 0 or many)


def guarded_secrets(losses: Mapping[str, Loss], *, listed: int) -> frozenset[str]:
    """Return the Secrets that must lose nothing: each that loses many, or all if the vault does.

    `listed` is how many secrets the vault lists.
    """
    losing = frozenset(secret for secret, loss in losses.items() if loss.keys)
    ours = sum(loss.ours for loss in losses.values())
    keys = sum(loss.keys for loss in losses.values())
    if Loss(ours, keys, ()).is_unsafe(listed=listed):
        return losing
    return frozenset(secret for secret in losing if losses[secret].is_unsafe(listed=listed))


def unsafe(target: Target, loss: Loss, *, listed: int) -> Permanent:
    """Return the error that says why nothing is removed from a Secret."""
    what = "is empty" if listed == 0 else f"excludes or no longer has {len(loss.names)} of them"
    why = f"vault {target.vault} {what}"
    if target.application is not None and target.application.gone:
        why = f"application {target.application} is gone"
    elif lists_nothing(target):
        why = f"application {target.application} lists no secrets"
    return Permanent(
        Reason.UNSAFE_PLAN,
        f"Nothing was removed from Secret {target}: it would lose {loss.keys} of the {loss.ours} "
        f"keys that the sync wrote, since {why}. If that is meant, resync this vault with "
        "removals.",
    )


def lists_nothing(target: Target) -> bool:
    """Return whether an application that exists lists nothing: its path may be wrong, say."""
    application = target.application
    return application is not None and not (application.gone or application.secrets)


def refuse_foreign(
    target: Target, actual: Actual, *, takeover: bool = False, takeover_from: str | None = None
) -> None:
    """Raise Permanent for a Secret that another controller or another vault owns.

    `takeover` overrides a controller. Only `takeover_from`, with its name, overrides another vault.
    """
    found = claim(target, actual)
    if found is not None and found.vault is None and takeover:
        found = another_vault(target, actual)
    if found is not None and (found.vault is None or found.vault != takeover_from):
        raise taken(target, found)


def refuse_unmarked(
    observed: ObservedSecret, *, takeover: bool = False, takeover_from: str | None = None
) -> None:
    """Raise Permanent for a Secret that tags or applications ask for and that is not ours yet."""
    target, actual = observed.target, observed.actual
    if actual is None:
        return
    refuse_foreign(target, actual, takeover=takeover, takeover_from=takeover_from)
    if observed.state is not None or takeover or another_vault(target, actual) is not None:
        return
    raise Permanent(
        Reason.TARGET_TAKEN,
        f"Secret {target} {_not_ours(target, actual)} choose another name, delete it, or take it "
        f"over by a resync of vault {target.vault} with takeover.",
    )


def _not_ours(target: Target, actual: Actual) -> str:
    """Say why a further Secret that nobody else claims is not the sync's, up to what to do."""
    state = decode(actual.annotations.get(STATE_ANNOTATION, ""))
    if state is None:
        asking = f"application {target.application}" if target.application else "the tag k8s-secret"
        return f"was there before {asking} that asks for it, and is not the sync's:"
    if state.secret not in {"", target.secret}:
        return f"is a copy of Secret {state.secret!r}, by its annotation, and not the sync's:"
    wanted = " ".join(f"{name}={value}" for name, value in labels_of(target).items())
    return (
        "has this vault's annotation and not its labels, so it may be a copy. If it was restored "
        f"from a backup: kubectl label secret {target.secret} -n {target.namespace} --overwrite "
        f"{wanted}. Otherwise"
    )


def refuse_newer(observed: ObservedSecret) -> None:
    """Raise Permanent for a Secret that a later release of the app has written."""
    if observed.state is not None and observed.state.newer:
        raise Permanent(
            Reason.STATE_NEWER,
            f"Secret {observed.target} was written by a newer release of Key Vault Sync, whose "
            "state this one cannot read: nothing is written to it. Deploy that release again.",
        )


def refuse_contested(target: Target, *, contested: bool) -> None:
    """Raise Permanent for a Secret that is not there yet and that another one leads to as well."""
    application = target.application
    if application is not None and application.rivals:
        raise Permanent(
            Reason.APPLICATION_REFUSED,
            f"Secret {target} is not created for application {application}: "
            f"{' and '.join(application.rivals)} leads to it as well. Rename one of them, or give "
            "each a Secret of its own by `secret` in SYNC_APPLICATIONS.",
        )
    if contested:
        raise Permanent(
            Reason.TARGET_CONTESTED,
            f"Secret {target} is not created for vault {target.vault}: another vault leads to "
            "it as well. Rename one of the vaults, or tell them apart in SYNC_NAMESPACE, "
            "SYNC_CLUSTERS or SYNC_PLACEMENTS.",
        )


def refuse_unwritable(
    observed: ObservedSecret, desired: Desired, removed: AbstractSet[str]
) -> None:
    """Raise Permanent for a write that the API server would refuse."""
    target, actual = observed.target, observed.actual
    if actual is not None and actual.type != desired.type:
        raise Permanent(
            Reason.SECRET_TYPE_MISMATCH,
            f"Secret {target} is of type {actual.type!r} and a type cannot be changed: delete the "
            f"Secret, and the app creates it again as {desired.type}.",
        )
    if actual is not None and actual.immutable:
        raise Permanent(
            Reason.SECRET_IMMUTABLE,
            f"Secret {target} is marked immutable: delete it, and the app creates it again.",
        )
    others = {key: value for key, value in observed.data.items() if key not in removed}
    data = {**others, **desired.data}
    size = sum(len(value) for value in data.values())
    if size > MAX_DATA_BYTES:
        raise Permanent(
            Reason.SECRET_TOO_LARGE,
            f"Secret {target} would hold {size} bytes of values; Kubernetes allows "
            f"{MAX_DATA_BYTES}. {_MOVE}",
        )
    if len(data) > MAX_KEYS:
        raise Permanent(
            Reason.TOO_MANY_KEYS,
            f"Secret {target} would hold {len(data)} keys; it has room for {MAX_KEYS}. {_MOVE}",
        )
    annotations = {**(actual.annotations if actual else {}), **desired.annotations}
    noted = sum(len(name.encode()) + len(text.encode()) for name, text in annotations.items())
    if noted > MAX_ANNOTATION_BYTES:
        raise Permanent(
            Reason.TOO_MANY_KEYS,
            f"Secret {target} would need {noted} bytes of annotations for its {len(desired.data)} "
            f"keys; Kubernetes allows {MAX_ANNOTATION_BYTES}. {_MOVE}",
        )
