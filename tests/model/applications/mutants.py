"""Breakages of the applications, each at a seam that other code uses, for the model to catch."""

from collections.abc import Sequence

from sync.adapters.kubernetes.applications import KubernetesApplications
from sync.applications.kinds import Kind
from sync.applications.ports import Declared
from sync.applications.reconciling import ApplicationReconciler
from sync.core.errors import SyncError
from sync.core.model import Application, SecretName, Target
from sync.core.ports import Deadline
from sync.reconcile import desired
from sync.reconcile.progress import Progress
from sync.reconcile.reconciler import Reconciler
from sync.reconcile.turn import Turn
from tests.model.applications import killers
from tests.model.mutants import Mutant

_LIST, _GET = KubernetesApplications.list, KubernetesApplications.get
_REMEMBER, _WRITE_ALL = Reconciler._remember, Reconciler._write_all  # noqa: SLF001 - what is broken


def _as_listed(
    _self: ApplicationReconciler,
    _target: Target,
    application: Application,
    _held: frozenset[SecretName],
    _deadline: Deadline,
) -> Application:
    return application


def _written_first(
    self: Reconciler, turn: Turn, progress: Progress, deadline: Deadline
) -> tuple[bool, dict[SecretName, SyncError]]:
    done = _WRITE_ALL(self, turn, progress, deadline)
    _REMEMBER(self, turn, progress.request, deadline)
    return done


def _list_without_deleted(
    self: KubernetesApplications, place: Target, kind: Kind, deadline: Deadline
) -> Sequence[Declared]:
    return [each for each in _LIST(self, place, kind, deadline) if not each.deleting]


def _get_without_deleted(
    self: KubernetesApplications, place: Target, kind: Kind, name: str, deadline: Deadline
) -> Declared | None:
    found = _GET(self, place, kind, name, deadline)
    return None if found is not None and found.deleting else found


MUTANTS = (
    Mutant(
        "gone by the list",
        "an object that a list lacks is gone, without a get",
        ((ApplicationReconciler, "_confirmed", _as_listed),),
        "stays",
        killers.MADE_ANEW,
    ),
    Mutant(
        "remembered late",
        "the own Secret remembers an application's Secret after it was created",
        ((Reconciler, "_remember", lambda *_: None), (Reconciler, "_write_all", _written_first)),
        "noted",
        killers.CREATED,
    ),
    Mutant(
        "nothing is a list",
        "an application that lists nothing loses its variables unasked",
        ((desired, "lists_nothing", lambda _target: False),),
        "unasked",
        killers.LISTS_NOTHING,
    ),
    Mutant(
        "deleting is gone",
        "an object that is being deleted counts as gone",
        (
            (KubernetesApplications, "list", _list_without_deleted),
            (KubernetesApplications, "get", _get_without_deleted),
        ),
        "stays",
        killers.HELD,
    ),
)
"""All of them; `docs/proof.md` tells what caught each."""
