"""Reads and applies Secrets, each in one call to the cluster's API server."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from http import HTTPStatus

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, ProtocolError

from sync.adapters.cluster_errors import broken, explain, is_absent, unreachable
from sync.adapters.clusters import Clusters, Endpoint
from sync.adapters.secret_document import parse
from sync.model import FIELD_MANAGER, SECRET_TYPE, Actual, Desired, Target
from sync.ports import Deadline

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 8.0
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_MANAGER = f"?fieldManager={FIELD_MANAGER}"


@dataclass(frozen=True, slots=True)
class _Call:
    """A request for a target; the body may hold values."""

    target: Target
    method: str
    query: str = ""
    content_type: str = ""
    body: bytes | None = field(default=None, repr=False)

    def url(self, endpoint: Endpoint) -> str:
        place = f"{self.target.namespace}/secrets/{self.target.secret}"
        return f"{endpoint.url}/api/v1/namespaces/{place}{self.query}"

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        if authorization := endpoint.authorization():
            headers["Authorization"] = authorization
        return headers


class KubernetesSecrets:
    """The port Cluster over the kubernetes package's connections; for any number of threads."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, or None where there is none (or no namespace)."""
        answer = self._answer(_Call(target, "GET"), deadline)
        if is_absent(answer.status, answer.data):
            return None
        if answer.status != HTTPStatus.OK:
            raise explain(target, answer.status, answer.headers, answer.data)
        try:
            return parse(answer.data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            kind = type(error).__name__
        raise broken(target, kind)  # outside the except clause: a JSON error holds the document

    def apply(
        self, target: Target, desired: Desired, resource_version: str, deadline: Deadline
    ) -> None:
        """Server-side apply with a precondition; raises Conflict when it does not hold."""
        document: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": target.secret,
                "namespace": target.namespace,
                "labels": dict(desired.labels),
                "annotations": dict(desired.annotations),
                "resourceVersion": resource_version,
            },
            "type": SECRET_TYPE,
            "data": {key: b64encode(value).decode() for key, value in desired.data.items()},
        }
        self._write(target, f"{_MANAGER}&force=true", _APPLY, document, deadline)

    def evict(
        self, target: Target, keys: frozenset[str], resource_version: str, deadline: Deadline
    ) -> None:
        """Remove keys that other field managers hold, with the same precondition."""
        document: dict[str, object] = {
            "metadata": {"resourceVersion": resource_version},
            "data": dict.fromkeys(sorted(keys)),
        }
        self._write(target, _MANAGER, _MERGE, document, deadline)

    def _write(
        self,
        target: Target,
        query: str,
        content_type: str,
        document: dict[str, object],
        deadline: Deadline,
    ) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        answer = self._answer(_Call(target, "PATCH", query, content_type, body), deadline)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise explain(target, answer.status, answer.headers, answer.data)

    def _answer(self, call: _Call, deadline: Deadline) -> BaseHTTPResponse:
        """Send the call; where its credential is refused, once more with the one of today."""
        endpoint = self._clusters.endpoint(call.target.cluster)
        answer = _send(call, endpoint, deadline)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            endpoint = self._clusters.renewed(call.target.cluster, refused=endpoint)
            answer = _send(call, endpoint, deadline)
        return answer


def _send(call: _Call, endpoint: Endpoint, deadline: Deadline) -> BaseHTTPResponse:
    """Send the call once, or twice where a kept connection turns out to be closed.

    A write may be repeated, too: had the first one been accepted, its precondition would fail.
    """
    try:
        try:
            return _exchange(call, endpoint, deadline)
        except ProtocolError:
            return _exchange(call, endpoint, deadline)
    except HTTPError as error:
        failure = unreachable(call.target, endpoint.url, error)
    raise failure


def _exchange(call: _Call, endpoint: Endpoint, deadline: Deadline) -> BaseHTTPResponse:
    return endpoint.pool.request(
        call.method,
        call.url(endpoint),
        body=call.body,
        headers=call.headers(endpoint),
        timeout=Timeout(
            connect=deadline.remaining(_CONNECT_SECONDS), read=deadline.remaining(_READ_SECONDS)
        ),
        retries=False,
        redirect=False,  # a token goes to no other host
    )
