"""Implements the port Workloads: lists a namespace's workloads, and annotates one."""

import json
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from sync.adapters.kubernetes.admission_errors import denied_by, missing_right
from sync.adapters.kubernetes.api_errors import broken, explain, is_absent, status_message
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.connection import Answer, Call
from sync.adapters.kubernetes.workload_document import (
    Template,
    pods,
    reference,
    workload,
    workloads,
)
from sync.adapters.kubernetes.workload_json import PodJson, WorkloadJson
from sync.core.errors import Conflict, Permanent, SyncError
from sync.core.model import FIELD_MANAGER, Target, VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.rollout.record import RECORD_ANNOTATION, TEMPLATE_ANNOTATION
from sync.rollout.workloads import Kind, Place, Pod, Workload, Write

_APPLY = "application/apply-patch+yaml"
_PAGE = 200  # workloads: one is some kilobytes, an answer may have eight megabytes
_MAY_PASS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_ABSENT_SECONDS = 3600.0
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Resource:
    version: str
    plural: str

    def path(self, place: Place, name: str = "") -> str:
        """Return the path of the namespace's objects, or of one."""
        one = f"/{quote(name, safe='')}" if name else ""
        return f"/apis/{self.version}/namespaces/{place.namespace}/{self.plural}{one}"


_RESOURCES = {
    Kind.DEPLOYMENT: _Resource("apps/v1", "deployments"),
    Kind.STATEFUL_SET: _Resource("apps/v1", "statefulsets"),
    Kind.DAEMON_SET: _Resource("apps/v1", "daemonsets"),
    Kind.ROLLOUT: _Resource("argoproj.io/v1alpha1", "rollouts"),
}


class KubernetesWorkloads:
    """Reads and annotates workloads; safe for any number of threads.

    A cluster without Argo Rollouts, or whose Role leaves them out, is asked for them once an hour.
    `clock` is monotonic seconds.
    """

    def __init__(self, clusters: Clusters, clock: Callable[[], float]) -> None:
        self._clusters = clusters
        self._clock = clock
        self._absent: dict[str, float] = {}

    def list(self, place: Place, deadline: Deadline) -> Sequence[Workload]:
        """Return the workloads of a namespace, one list a kind."""
        found = {kind: self._listed(place, kind, deadline) for kind in Kind}
        try:
            return list(workloads(place, found))
        except _UNREADABLE as error:
            kind = type(error).__name__
        raise broken(_target(place), kind)

    def read(self, workload: Workload, deadline: Deadline) -> Workload | None:
        """Return the workload as it is now; None if it is gone, or another one has its name."""
        place, kind = workload.place, workload.kind
        answer = self._ask(
            place, Call("GET", _RESOURCES[kind].path(place, workload.name)), deadline
        )
        if is_absent(answer):
            return None
        if answer.status != HTTPStatus.OK:
            raise _unlisted(place, answer)
        try:
            return _again(workload, json.loads(answer.data))
        except _UNREADABLE as error:
            unread = type(error).__name__
        raise broken(_target(place), unread)

    def pods(self, place: Place, deadline: Deadline) -> Sequence[Pod] | None:
        """Return the pods of a namespace that have not ended; None if they may not be listed."""
        found: list[PodJson] = []
        path = f"/api/v1/namespaces/{place.namespace}/pods"
        refused = self._pages(place, path, found, deadline)
        if refused is not None:
            if refused.status == HTTPStatus.FORBIDDEN:
                return None
            raise _unlisted(place, refused)
        try:
            return list(pods(found))
        except _UNREADABLE as error:
            kind = type(error).__name__
        raise broken(_target(place), kind)

    def apply(self, workload: Workload, write: Write, deadline: Deadline) -> None:
        """Apply our annotations, as the only fields of ours; raises Conflict if it changed.

        With the uid the API server makes no workload anew.
        """
        resource, place = _RESOURCES[workload.kind], workload.place
        spec: dict[str, object] = {}
        if write.template is not None:
            spec["template"] = {"metadata": {"annotations": {TEMPLATE_ANNOTATION: write.template}}}
        if write.restart_at is not None:
            spec["restartAt"] = write.restart_at
        document: dict[str, object] = {
            "apiVersion": resource.version,
            "kind": workload.kind.value,
            "metadata": {
                "name": workload.name,
                "namespace": place.namespace,
                "uid": workload.uid,
                "resourceVersion": workload.resource_version,
                "annotations": {RECORD_ANNOTATION: write.record},
            },
            **({"spec": spec} if spec else {}),
        }
        path = f"{resource.path(place, workload.name)}?fieldManager={FIELD_MANAGER}&force=true"
        body = json.dumps(document, separators=(",", ":")).encode()
        answer = self._ask(place, Call("PATCH", path, _APPLY, body), deadline)
        if answer.status != HTTPStatus.OK:
            raise _unwritten(workload, answer)
        if not _is_of(workload, answer):
            raise broken(_target(place), "the answer to a write is of another object")

    def _listed(self, place: Place, kind: Kind, deadline: Deadline) -> Sequence[WorkloadJson]:
        optional = kind is Kind.ROLLOUT
        if optional and self._clock() < self._absent.get(place.cluster, 0.0):
            return ()
        found: list[WorkloadJson] = []
        refused = self._pages(place, _RESOURCES[kind].path(place), found, deadline)
        if refused is None:
            return found
        if optional and refused.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
            self._absent[place.cluster] = self._clock() + _ABSENT_SECONDS
            return ()
        raise _unlisted(place, refused)

    def _pages[Item](
        self, place: Place, path: str, found: MutableSequence[Item], deadline: Deadline
    ) -> Answer | None:
        """Add the items of a list; return the answer of a refused page."""
        onward = ""
        while True:
            more = f"&continue={quote(onward, safe='')}" if onward else ""
            answer = self._ask(place, Call("GET", f"{path}?limit={_PAGE}{more}"), deadline)
            if answer.status != HTTPStatus.OK:
                return answer
            try:
                page = json.loads(answer.data)
                found.extend(page["items"])
                onward = page["metadata"].get("continue") or ""
            except _UNREADABLE as error:
                kind = type(error).__name__
            else:
                if not onward:
                    return None
                continue
            raise broken(_target(place), kind)

    def _ask(self, place: Place, call: Call, deadline: Deadline) -> Answer:
        return self._clusters.ask(place.cluster, call, deadline)


def _again(before: Workload, found: WorkloadJson) -> Workload | None:
    """Return a workload that was read once more; what a Rollout borrows is as it was."""
    if found["metadata"].get("uid") != before.uid or "deletionTimestamp" in found["metadata"]:
        return None
    if before.kind is Kind.ROLLOUT and reference(found):
        template = Template(before.uses, before.template_annotations, before.selector)
    else:
        template = Template.of(found["spec"])
    return workload(before.place, before.kind, found, template)


def _unlisted(place: Place, answer: Answer) -> SyncError:
    if answer.status == HTTPStatus.FORBIDDEN:
        return Permanent(
            Reason.WORKLOADS_FORBIDDEN,
            f"The app may not list the workloads of {place}, so it restarts none there: add "
            "components/restart to its Role, or switch SYNC_RESTART off.",
        )
    return _failed(place, answer)


def _unwritten(workload: Workload, answer: Answer) -> SyncError:
    """Return the error for an apply that was refused; a workload that is gone has changed."""
    if answer.status == HTTPStatus.CONFLICT or is_absent(answer):
        return Conflict(Reason.CONFLICT, f"{workload} was changed by somebody else meanwhile.")
    if answer.status == HTTPStatus.NOT_FOUND or not _is_refused(answer):
        return _failed(workload.place, answer)
    message = status_message(answer)
    why = denied_by(message) or missing_right(message) or f"HTTP status {answer.status}"
    return Permanent(
        Reason.WORKLOAD_REFUSED, f"The cluster does not let {workload} be changed: {why}."
    )


def _failed(place: Place, answer: Answer) -> SyncError:
    """Return the error for an answer that an API server does not give, or not for long."""
    if _is_refused(answer):
        return broken(_target(place), f"HTTP status {answer.status}")
    return explain(_target(place), answer)


def _is_refused(answer: Answer) -> bool:
    """Return whether the same request would be refused again."""
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return client_error and answer.status not in _MAY_PASS


def _is_of(workload: Workload, answer: Answer) -> bool:
    """Return whether an answer is the workload."""
    try:
        found: object = json.loads(answer.data)
    except (ValueError, RecursionError):
        return False
    match found:
        case {"metadata": {"uid": workload.uid}}:
            return True
        case _:
            return False


def _target(place: Place) -> Target:
    """Return a target that stands for a namespace in error messages."""
    return Target(VaultName(""), place.cluster, place.namespace, "")
