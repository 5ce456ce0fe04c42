"""Implements the port Applications: lists and gets objects of any kind in a namespace."""

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from sync.adapters.kubernetes.api_errors import broken, explain, is_absent
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.connection import Answer, Call
from sync.applications.declared import declared
from sync.applications.kinds import Kind
from sync.applications.ports import Declared
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import Target
from sync.core.ports import Deadline
from sync.core.reasons import Reason

MOST_OBJECTS = 5_000
"""Of one kind in one namespace; etcd and the API server would suffer first."""

_PAGE = 100
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_ODD = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class KubernetesApplications:
    """Reads the objects that list vault secrets; safe for any number of threads."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def list(self, place: Target, kind: Kind, deadline: Deadline) -> Sequence[Declared]:
        """Return every object of a kind in the target's namespace, page by page."""
        found: dict[str, Declared] = {}
        following = ""
        while True:
            more = f"&continue={quote(following, safe='')}" if following else ""
            call = Call("GET", f"{_path(place, kind)}?limit={_PAGE}{more}")
            answer = self._clusters.ask(place.cluster, call, deadline)
            if answer.status != HTTPStatus.OK:
                raise _refusal(place, kind, answer)
            items, following = _page(place, kind, answer)
            found |= {each.name: each for each in items}
            if len(found) > MOST_OBJECTS:
                raise Permanent(
                    Reason.APPLICATIONS_UNKNOWN,
                    f"Namespace {place.namespace} of cluster {place.cluster} has more than "
                    f"{MOST_OBJECTS:,} {kind}, which are not read.",
                )
            if not following:
                return tuple(found.values())

    def get(self, place: Target, kind: Kind, name: str, deadline: Deadline) -> Declared | None:
        """Return an object, None only if the API server itself says that there is none."""
        call = Call("GET", f"{_path(place, kind)}/{name}")
        answer = self._clusters.ask(place.cluster, call, deadline)
        if is_absent(answer, name):
            return None
        if answer.status != HTTPStatus.OK:
            raise _refusal(place, kind, answer)
        try:
            found = declared(kind, json.loads(answer.data), place.namespace)
        except _ODD as error:
            what = type(error).__name__
        else:
            if found.name == name:
                return found
            what = "another object"
        raise broken(place, what)


def _page(place: Target, kind: Kind, answer: Answer) -> tuple[Sequence[Declared], str]:
    """Return the objects of a page, and the token of the next one, empty after the last."""
    try:
        document = json.loads(answer.data)
        items = [declared(kind, item, place.namespace) for item in document["items"]]
        metadata: Mapping[str, object] = document.get("metadata") or {}
        following = metadata.get("continue") or ""
        if following == "" or (isinstance(following, str) and _TOKEN.fullmatch(following)):
            return items, str(following)
        what = "a list without its next page"
    except _ODD as error:
        what = type(error).__name__
    raise broken(place, what)  # outside the except clause: a JSON error holds the document


def _refusal(place: Target, kind: Kind, answer: Answer) -> SyncError:
    where = f"in namespace {place.namespace} of cluster {place.cluster}"
    match answer.status:
        case HTTPStatus.FORBIDDEN:
            return Permanent(
                Reason.APPLICATIONS_FORBIDDEN,
                f"The app may not list or get {kind} {where}, so nothing of theirs is removed: "
                "apply components/applications of infra/kubernetes there, or kubectl create role "
                f"keyvault-sync-applications -n {place.namespace} --verb=get,list "
                f"--resource={kind}, and a rolebinding to it.",
            )
        case HTTPStatus.NOT_FOUND:
            return Permanent(
                Reason.APPLICATIONS_UNKNOWN,
                f"Cluster {place.cluster} does not serve {kind} in {kind.version}, so nothing of "
                f"theirs is removed {where}: install its definition, or correct SYNC_APPLICATIONS.",
            )
        case HTTPStatus.GONE:
            return Transient(
                Reason.CLUSTER_UNAVAILABLE,
                f"The list of {kind} {where} ended before its last page. This may pass.",
            )
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_MANY_REQUESTS:
            return explain(place, answer)
        case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return broken(place, f"HTTP status {status} where objects should be")
        case _:
            return explain(place, answer)


def _path(place: Target, kind: Kind) -> str:
    return f"{kind.api}/namespaces/{place.namespace}/{kind.resource}"
