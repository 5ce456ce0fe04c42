"""Reads the first Secret of a target, and refuses one that must not be written."""

from dataclasses import replace

from sync.core.model import Application
from sync.core.ports import Cluster, Deadline
from sync.reconcile.guards import refuse_contested, refuse_foreign, refuse_newer, refuse_unmarked
from sync.reconcile.observed import ObservedSecret, ObservedVault
from sync.reconcile.request import ReconcileRequest


def observe_own(
    cluster: Cluster, request: ReconcileRequest, deadline: Deadline, reserved: Deadline
) -> ObservedVault:
    """Read the vault's own Secret, or an application's; raises Permanent for one that is not ours.

    `reserved` is the part of the deadline that is left for other questions.
    """
    target = request.target
    own = ObservedSecret.of(target, cluster.read(target, deadline))
    refuse_newer(own)
    takeover, former = request.takeover, request.takeover_from
    if target.application is not None:
        refuse_unmarked(own, takeover=takeover, takeover_from=former)
        return _of_application(request, target.application, own, reserved)
    if own.actual is not None:
        refuse_foreign(target, own.actual, takeover=takeover, takeover_from=former)
    if own.state is None:
        refuse_contested(target, contested=request.contested(target, reserved))
    return ObservedVault(target, {target.secret: own})


def _of_application(
    request: ReconcileRequest, application: Application, own: ObservedSecret, deadline: Deadline
) -> ObservedVault:
    """Return an application's Secret, and what the object lists now if that takes keys out.

    The object is read after the Secret, so that an older list never replaces a newer one.
    """
    target = request.target
    held = frozenset(own.records)
    if not held <= application.secrets:
        application = request.confirm(application, held, deadline)
        target = replace(target, application=application)
        own = replace(own, target=target)
    has_it = own.state is not None and own.state.application in {"", str(application)}
    if not has_it and not application.gone:
        refuse_contested(target, contested=request.contested(target.parent, deadline))
    return ObservedVault(target, {target.secret: own})
