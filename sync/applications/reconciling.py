"""Reconciles the Secrets of applications: confirms, remembers and prepares around each of them."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from sync.applications.kinds import Kind
from sync.applications.ports import Applications, Preparer
from sync.core.errors import Permanent, SyncError
from sync.core.model import Application, SecretName, Target
from sync.core.outcomes import Notice
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.reconcile.memory import Memory
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.reconciler import Reconciler
from sync.reconcile.request import ReconcileRequest, ReconcileResult

FORGET_SECONDS = 600
"""How long the Secret of an application that is gone stays empty before it is forgotten.

An instance that still acts on an older list has written by then, or has given up.
"""

_NOTHING = ReconcileResult((), 0, (), {})


@dataclass(frozen=True, slots=True)
class ApplicationReconciler:
    """Reconciles any target; those of applications with what only they need.

    `kinds` are by their text, `preparer` is None where missing secrets are only refused.
    """

    reconciler: Reconciler
    kinds: Mapping[str, Kind]
    applications: Applications
    preparer: Preparer | None = None

    def __call__(
        self, request: ReconcileRequest, deadline: Deadline, fetchers: Executor, /
    ) -> ReconcileResult:
        """Reconcile one target; raises Permanent or Transient as `Reconciler.reconcile`."""
        target = request.target
        application = target.application
        if application is None:
            return self.reconciler.reconcile(request, deadline, fetchers)
        work = replace(request, confirm=partial(self._confirmed, target), remember=self._remember)
        try:
            result = self.reconciler.reconcile(work, deadline, fetchers)
        except Permanent as error:
            if not application.gone or error.reason is not Reason.TARGET_TAKEN:
                raise
            result = _NOTHING  # somebody else has the Secret by now
        if application.gone and not request.dry_run:
            self._forget(target, application, deadline)
        return self._prepared(request, _with_notice(application, result), deadline)

    def _confirmed(
        self,
        target: Target,
        application: Application,
        held: frozenset[SecretName],
        deadline: Deadline,
    ) -> Application:
        """Return what the object lists now.

        One that is being deleted keeps what it has, and so does one that was listed and is not
        found: gone is what a list lacks as well.
        """
        kind = self.kinds[application.kind]
        found = self.applications.get(target, kind, application.name, deadline)
        if found is None and not application.gone:
            return replace(application, secrets=application.secrets | held)
        if found is None:
            return replace(application, secrets=frozenset(), unreadable=0, gone=True)
        secrets = found.names.secrets | (held if found.deleting else frozenset())
        return replace(application, secrets=secrets, unreadable=found.names.unreadable, gone=False)

    def _remember(self, target: Target, deadline: Deadline) -> None:
        memory, name = self._memory(target), str(target.application)
        self.reconciler.turns()(memory.remember, target.secret, name, deadline)

    def _forget(self, target: Target, application: Application, deadline: Deadline) -> None:
        """Forget the Secret of an application that is gone, once it has been empty for long."""
        left = ObservedSecret.of(target, self.reconciler.cluster.read(target, deadline))
        if left.state is not None:
            young = self.reconciler.now() - left.state.written < FORGET_SECONDS
            if left.records or left.unrecorded or young:
                return
        forget = self._memory(target).forget
        self.reconciler.turns()(forget, target.secret, str(application), deadline)

    def _memory(self, target: Target) -> Memory:
        return Memory(self.reconciler.cluster, target.parent, self.reconciler.now())

    def _prepared(
        self, request: ReconcileRequest, result: ReconcileResult, deadline: Deadline
    ) -> ReconcileResult:
        """Make the listed secrets that the vault lacks, if the settings say so."""
        if self.preparer is None or request.dry_run or not request.whole:
            return result
        refused = {
            name: self._made(request.target, name, error, self.preparer, deadline)
            if error.reason is Reason.LISTED_SECRET_MISSING
            else error
            for name, error in result.refused.items()
        }
        return replace(result, refused=refused)

    @staticmethod
    def _made(
        target: Target, name: SecretName, missing: SyncError, preparer: Preparer, deadline: Deadline
    ) -> SyncError:
        waiting = f"{target.namespace}/{target.application}"
        try:
            made = preparer.prepare(target.vault, name, waiting, deadline)
        except SyncError as error:
            return Permanent(
                missing.reason, f"{missing.message} It was not made there: {error.message}"
            )
        what = "is made" if made else "is there by now"
        return Permanent(
            Reason.LISTED_SECRET_DISABLED,
            f"Secret {name!r} {what} in vault {target.vault}: application {target.application} "
            "waits for its value. Set a new version of it.",
        )


def _with_notice(application: Application, result: ReconcileResult) -> ReconcileResult:
    if not application.unreadable:
        return result
    notice = Notice(
        Reason.LISTED_NAME_INVALID,
        f"Application {application} lists {application.unreadable} entries that are no names of "
        "vault secrets (1 to 127 of 0-9, a-z, A-Z and '-'): correct them there.",
    )
    return replace(result, warnings=(*result.warnings, notice))
