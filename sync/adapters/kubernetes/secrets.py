"""Implements the port Cluster: reads and applies Secrets, each in one call to the API server."""

import json
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus

from sync.adapters.kubernetes.api_errors import broken, explain, is_absent
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.connection import Call
from sync.adapters.kubernetes.secret_document import is_of, parse
from sync.core.model import FIELD_MANAGER, Actual, Desired, Target
from sync.core.ports import NO_VALUES, Deadline

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_MANAGER = f"?fieldManager={FIELD_MANAGER}"
_DRY_RUN = "&dryRun=All"


class KubernetesSecrets:
    """Reads and writes Secrets; safe for any number of threads."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret, None if it or its namespace does not exist."""
        answer = self._clusters.ask(target.cluster, Call("GET", _path(target)), deadline)
        if is_absent(answer):
            return None
        if answer.status != HTTPStatus.OK:
            raise explain(target, answer)
        try:
            return parse(answer.data, target)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            kind = type(error).__name__
        raise broken(target, kind)  # outside the except clause: a JSON error holds the document

    def apply(
        self,
        target: Target,
        desired: Desired,
        resource_version: str,
        deadline: Deadline,
        *,
        dry_run: bool = False,
    ) -> None:
        """Apply on the server side; raises Conflict if the resourceVersion or uid is another.

        Without the uid the server would create a missing Secret whatever the resourceVersion says.
        """
        uid = {"uid": desired.uid} if desired.uid else {}
        document: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": target.secret,
                "namespace": target.namespace,
                "labels": dict(desired.labels),
                "annotations": dict(desired.annotations),
                "resourceVersion": resource_version,
                **uid,
            },
            "type": desired.type,
            # Sent even if empty: without it the apply would remove all of `data`, whoever owns it.
            "data": _encoded(desired.data),
        }
        query = f"{_MANAGER}&force=true{_DRY_RUN if dry_run else ''}"
        self._write(target, query, _APPLY, document, deadline)

    def evict(  # noqa: PLR0913 - a write, its precondition and what it does
        self,
        target: Target,
        keys: frozenset[str],
        resource_version: str,
        deadline: Deadline,
        *,
        values: Mapping[str, bytes] = NO_VALUES,
        dry_run: bool = False,
    ) -> None:
        """Remove keys that other field managers own, and set values; raises Conflict as `apply`."""
        document: dict[str, object] = {
            "metadata": {"resourceVersion": resource_version},
            "data": {**_encoded(values), **dict.fromkeys(sorted(keys))},
        }
        query = f"{_MANAGER}{_DRY_RUN if dry_run else ''}"
        self._write(target, query, _MERGE, document, deadline)

    def _write(
        self,
        target: Target,
        query: str,
        content_type: str,
        document: dict[str, object],
        deadline: Deadline,
    ) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        call = Call("PATCH", _path(target) + query, content_type, body)
        answer = self._clusters.ask(target.cluster, call, deadline)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise explain(target, answer)
        if not is_of(answer.data, target):
            raise broken(target, "the answer to a write is of another object")


def _encoded(data: Mapping[str, bytes]) -> dict[str, str | None]:
    return {key: b64encode(value).decode() for key, value in data.items()}


def _path(target: Target) -> str:
    return f"/api/v1/namespaces/{target.namespace}/secrets/{target.secret}"
