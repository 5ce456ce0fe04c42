"""Makes the requests for the Secrets of applications, beside those for vaults' own Secrets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sync.app.outcomes import vault_of
from sync.app.registry import VaultRegistry
from sync.app.requests import Resync
from sync.app.work_queue import WorkQueue
from sync.applications.directory import NO_MEMORY, ApplicationDirectory
from sync.core.errors import SyncError
from sync.core.model import Hint, Target
from sync.core.outcomes import Failed, Ignored, Outcome
from sync.core.ports import Deadline
from sync.reconcile.request import ReconcileRequest

_LIST_SECONDS = 10.0
"""The time for the lists of one namespace."""

_LISTS_SECONDS = 30.0
"""The time for those of all namespaces, where a request asks what there is."""


@dataclass(frozen=True, slots=True)
class ApplicationWorks:
    """The requests for the applications that belong to own targets."""

    directory: ApplicationDirectory
    registry: VaultRegistry

    def of_event(
        self, own: Target, hint: Hint, deadline: Deadline
    ) -> Iterator[ReconcileRequest | Failed]:
        """Yield the requests for those applications that list the event's secret."""
        for found in self._targets(own, deadline, NO_MEMORY, fresh=False):
            if isinstance(found, Failed):
                yield found
            elif _lists(found, hint):
                yield ReconcileRequest(
                    found, (hint,), whole=False, contested=self.registry.contested
                )

    def following(
        self, work: ReconcileRequest, outcome: Outcome, deadline: Deadline
    ) -> Iterator[ReconcileRequest | Failed]:
        """Yield the requests that follow from that for an own target, with its options.

        Which applications are gone shows only in the own Secret, so they follow from its outcome.
        """
        if work.target.application is not None:
            return
        known = None if isinstance(outcome, Ignored) else outcome.applications
        memory = NO_MEMORY if known is None else known
        for found in self._targets(work.target, deadline, memory, fresh=True):
            if isinstance(found, Failed):
                yield found
            elif work.whole or any(_lists(found, hint) for hint in work.hints):
                is_known = memory.get(found.secret) == str(found.application)
                yield replace(work, target=found, remembered=is_known or known is None)

    def beside(
        self, places: Sequence[Target | Failed], request: Resync, work_queue: WorkQueue
    ) -> Iterator[Sequence[Target | Failed]]:
        """Yield for each place the applications of an own target that are meant, not those gone."""

        def ask(place: Target | Failed, deadline: Deadline) -> Sequence[Target | Failed]:
            if isinstance(place, Failed):
                return ()
            found = self._targets(place, deadline, NO_MEMORY, fresh=False)
            return [each for each in found if isinstance(each, Failed) or request.means(each)]

        answers = work_queue.ask(places, ask, _LIST_SECONDS, _LISTS_SECONDS)
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, SyncError):
                yield [Failed(vault_of(place), answer)]
            else:
                yield answer

    def _targets(
        self, own: Target, deadline: Deadline, memory: Mapping[str, str], *, fresh: bool
    ) -> Iterator[Target | Failed]:
        try:
            given = Deadline.after(deadline.remaining(_LIST_SECONDS), deadline.clock)
            yield from self.directory.targets(own, given, memory, fresh=fresh)
        except SyncError as error:
            yield Failed(own.vault.text, error)


def _lists(target: Target, hint: Hint) -> bool:
    return target.application is not None and hint.secret in target.application.secrets
