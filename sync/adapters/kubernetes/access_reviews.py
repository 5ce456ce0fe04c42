"""Checks what the app may do in the clusters, and its Azure log-in, without changing anything."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from azure.core.credentials import TokenCredential

from sync.adapters.azure.credential_errors import Credential
from sync.adapters.kubernetes.api_errors import broken, explain, is_absent
from sync.adapters.kubernetes.client import Clusters
from sync.adapters.kubernetes.connection import Answer, Call
from sync.core.errors import Permanent, SyncError
from sync.core.model import CREATE_ONLY, FIELD_MANAGER, Target, VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.secret_checks import Right, Server

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_JSON = "application/json"

_LATER = frozenset({Reason.ADMISSION_DENIED, Reason.QUOTA_EXCEEDED})
"""Reasons that the API server gives only after it has found the namespace."""

_SAYS_NOTHING = frozenset({Reason.CLUSTER_FORBIDDEN, Reason.SECRET_REFUSED})
"""Reasons that say nothing about the namespace; a webhook that refuses dry runs is the second."""

type _Document = Mapping[str, object]


class SignIn:
    """A credential to try; `resource` is what its token is for."""

    def __init__(self, credential: TokenCredential, resource: str) -> None:
        self._credential = credential
        self._resource = resource

    def sign_in(self) -> str:
        """Get a token and return the kind of credential; raises Permanent or Transient."""
        Credential(self._credential).get_token(f"{self._resource}/.default")
        # Nothing public says which credential of a chain was used.
        chosen = getattr(self._credential, "_successful_credential", None)
        return type(chosen or self._credential).__name__


class ClusterAccess:
    """Implements the doctor's protocol Access; safe for any number of threads."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def server(self, cluster: str, deadline: Deadline) -> Server:
        """Return the API server's version and our user name; raises Permanent or Transient."""
        anywhere = _anywhere(cluster)
        answer = self._ask(anywhere, "/version", deadline)
        match _document(anywhere, answer, HTTPStatus.OK):
            case {"gitVersion": str(version)}:
                return Server(version, self._user(anywhere, deadline))
            case _:
                raise broken(anywhere, "no version")

    def allows(self, cluster: str, right: Right, deadline: Deadline) -> bool:
        """Return whether we have the right; raises Permanent or Transient."""
        anywhere = _anywhere(cluster)
        what = {"resource": right.resource, "group": right.group}
        asked = {"verb": right.verb, **what, "version": "v1"}
        where = {"namespace": right.namespace, "name": right.name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**asked, **where}},
        }
        answer = self._ask(anywhere, _REVIEW, deadline, review)
        match _document(anywhere, answer, HTTPStatus.CREATED):
            case {"status": {"allowed": bool(allowed)}}:
                return allowed
            case _:
                raise broken(anywhere, "a review without a verdict")

    def has_namespace(self, target: Target, deadline: Deadline) -> bool | None:
        """Return whether the target's namespace exists, None if that cannot be known.

        A Role that names Secrets does not allow reading the namespace. Then a dry run of an apply
        that could only create tells: the API server looks for the namespace first. Raises Permanent
        or Transient; Permanent also for a namespace that is being deleted.
        """
        answer = self._ask(target, f"/api/v1/namespaces/{target.namespace}", deadline)
        if answer.status == HTTPStatus.FORBIDDEN:
            answer = self._create_dry(target, deadline)
        elif answer.status == HTTPStatus.OK:
            _refuse_ending(target, answer)
        if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT}:
            return True
        if is_absent(answer):
            return False
        error = explain(target, answer)
        if error.reason in _LATER:
            return True
        if error.reason in _SAYS_NOTHING:
            return None
        raise error

    def _create_dry(self, target: Target, deadline: Deadline) -> Answer:
        metadata = {"name": target.secret, "resourceVersion": CREATE_ONLY}
        empty = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        path = (
            f"/api/v1/namespaces/{target.namespace}/secrets/{target.secret}"
            f"?fieldManager={FIELD_MANAGER}&dryRun=All"
        )
        return self._ask(target, path, deadline, empty, apply=True)

    def _user(self, anywhere: Target, deadline: Deadline) -> str:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._ask(anywhere, _WHOAMI, deadline, review)
        if answer.status != HTTPStatus.CREATED:
            return ""  # before Kubernetes 1.28
        match _document(anywhere, answer, HTTPStatus.CREATED):
            case {"status": {"userInfo": {"username": str(user)}}}:
                return user
            case _:
                return ""

    def _ask(
        self,
        target: Target,
        path: str,
        deadline: Deadline,
        document: _Document | None = None,
        *,
        apply: bool = False,
    ) -> Answer:
        """GET the path, or POST or apply the document to it."""
        media = "application/apply-patch+yaml" if apply else _JSON
        method = "GET" if document is None else "PATCH" if apply else "POST"
        body = None if document is None else json.dumps(document).encode()
        return self._clusters.ask(target.cluster, Call(method, path, media, body), deadline)


def _document(target: Target, answer: Answer, success: HTTPStatus) -> object:
    if answer.status != success:
        raise _refusal(target, answer)
    try:
        document: object = json.loads(answer.data)
    except (ValueError, RecursionError) as error:
        kind = type(error).__name__
    else:
        return document
    raise broken(target, kind)


def _refuse_ending(target: Target, answer: Answer) -> None:
    match _document(target, answer, HTTPStatus.OK):
        case {"status": {"phase": "Terminating"}}:
            raise Permanent(
                Reason.NAMESPACE_TERMINATING,
                f"Namespace {target.namespace} is being deleted: create it once it is gone.",
            )


def _refusal(target: Target, answer: Answer) -> SyncError:
    """Return the error for a refused request that is not about a Secret."""
    if answer.status == HTTPStatus.FORBIDDEN:
        return Permanent(
            Reason.CLUSTER_FORBIDDEN,
            f"Cluster {target.cluster} refuses even what every user may ask: bind the user to the "
            "ClusterRole system:basic-user.",
        )
    return explain(target, answer)


def _anywhere(cluster: str) -> Target:
    """Return a target that stands for a whole cluster in error messages."""
    return Target(VaultName(""), cluster, "", "")
