"""Notes on a vault's own Secret which applications have Secrets of their own.

Nobody may list Secrets, so this is how the Secret of an application that is gone is found again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sync.core.annotation import encode
from sync.core.labels import labels_of
from sync.core.model import CREATE_ONLY, STATE_ANNOTATION, Desired, Target
from sync.core.ports import Cluster, Deadline
from sync.core.state import State
from sync.reconcile.guards import refuse_foreign, refuse_newer
from sync.reconcile.observed import ObservedSecret


@dataclass(frozen=True, slots=True)
class Memory:
    """The note on one own Secret; `now` is epoch seconds.

    Both methods raise Conflict if somebody else writes the Secret meanwhile, and Permanent or
    Transient if it cannot be written.
    """

    cluster: Cluster
    target: Target
    now: float

    def remember(self, secret: str, application: str, deadline: Deadline) -> None:
        """Note that an application's Secret may exist, creating the own Secret for it if needed."""
        own = self._read(deadline)
        if own.state is None or own.state.applications.get(secret) != application:
            known = own.state.applications if own.state else {}
            self._write(own, {**known, secret: application}, deadline)

    def forget(self, secret: str, application: str, deadline: Deadline) -> None:
        """Remove the note about a Secret, if it is still this application's."""
        own = self._read(deadline)
        known = own.state.applications if own.state else {}
        if known.get(secret) == application:
            left = {name: each for name, each in known.items() if name != secret}
            self._write(own, left, deadline)

    def _read(self, deadline: Deadline) -> ObservedSecret:
        own = ObservedSecret.of(self.target, self.cluster.read(self.target, deadline))
        refuse_newer(own)
        if own.actual is not None:
            refuse_foreign(self.target, own.actual)
        return own

    def _write(
        self, own: ObservedSecret, applications: Mapping[str, str], deadline: Deadline
    ) -> None:
        actual = own.actual
        noted = replace(own.state or self._empty(), applications=applications)
        if own.state is not None:
            noted = replace(noted, secrets=own.records)
        revision = actual.resource_version if actual else CREATE_ONLY
        self.cluster.apply(self.target, noted_on(own, noted), revision, deadline)

    def _empty(self) -> State:
        return State(self.target.vault.text, int(self.now), {}, secret=self.target.secret)


def noted_on(own: ObservedSecret, state: State) -> Desired:
    """Return what to apply to change the state alone: all else that we own stays as it is."""
    actual = own.actual
    if actual is None:
        return Desired({}, labels_of(own.target), {STATE_ANNOTATION: encode(state)})
    return Desired(
        data={key: own.data[key] for key in own.removable},
        labels={
            **{name: actual.labels[name] for name in actual.owned_labels & actual.labels.keys()},
            **labels_of(own.target),
        },
        annotations={
            **{
                name: actual.annotations[name]
                for name in actual.owned_annotations & actual.annotations.keys()
            },
            STATE_ANNOTATION: encode(state),
        },
        type=actual.type,
        uid=actual.uid,
    )
