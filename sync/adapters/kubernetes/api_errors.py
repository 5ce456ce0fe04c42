"""Turns the API server's refusals into errors that an operator can act on.

A body is read only if it is a v1 Status. Of that, only these are quoted: who may not do what, the
names of quotas, policies and webhooks, and the fields of a 422. Its message may hold the whole
Secret, and a policy's message anything that its author wrote.
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from urllib3.exceptions import HTTPError, NameResolutionError, ProxyError, SSLError

from sync.adapters.kubernetes import admission_errors as admission
from sync.adapters.kubernetes.connection import Answer
from sync.adapters.wire.bounded_body import AnswerTooLarge
from sync.adapters.wire.retry_after import retry_after
from sync.core.errors import Conflict, Permanent, SyncError, Transient
from sync.core.model import Target
from sync.core.reasons import Reason

_FIELD = re.compile(r"(?:data|metadata|type|immutable)(?:[.\[][\w.:/\[\]-]{1,200})?", re.ASCII)
_WORD = re.compile(r"[A-Za-z]{1,60}")
_BAD_REQUEST, _SERVER_ERROR = 400, 500
_MAY_PASS = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class _Status:
    """The parts of a v1 Status that are read."""

    reason: str = ""
    message: str = ""
    kind: str = ""
    name: str = ""
    causes: tuple[tuple[str, str], ...] = ()
    """Each a reason and the field it is about."""


def is_absent(answer: Answer, name: str = "") -> bool:
    """Return whether the API server itself, and no proxy, says that there is no such object.

    With a `name` it has to be that object's: a kind that is not served is not found either.
    """
    if answer.status != HTTPStatus.NOT_FOUND:
        return False
    told = _read(answer.data)
    return told.reason == "NotFound" and name in {"", told.name}


def status_message(answer: Answer) -> str:
    """Return the message of a v1 Status, which may hold anything; empty for another answer."""
    return _read(answer.data).message


def explain(target: Target, answer: Answer) -> SyncError:
    """Return the error to raise for an answer that is not a success."""
    status, told = answer.status, _read(answer.data)
    if any(reason == "NamespaceTerminating" for reason, _ in told.causes):
        return Permanent(
            Reason.NAMESPACE_TERMINATING,
            f"Namespace {target.namespace} in cluster {target.cluster} is being deleted. Once it "
            f"is gone: kubectl create namespace {target.namespace}",
        )
    if status in _MAY_PASS or not _BAD_REQUEST <= status < _SERVER_ERROR:
        return _unavailable(target, answer, told)
    if denied := admission.refusal(target, told.message):
        return denied
    return _refused(target, status, told)


_AKS = re.compile(
    r"\.(?:azmk8s\.io|cx\.prod\.service\.azk8s\.cn|cx\.aks\.containerservice\.azure\.us)\b"
)
"""Hosts of AKS's API servers."""


def unreachable(cluster: str, url: str, error: HTTPError) -> Transient:
    """Return the error for a connection that failed; `url` is the API server's."""
    match error:
        case NameResolutionError():
            what = "its name does not resolve: check the server in its settings, and the DNS"
        case SSLError():
            what = (
                "the TLS handshake failed: check its certificate authority (ca in SYNC_CLUSTERS, "
                "certificate-authority-data in a kubeconfig), and any proxy on the way"
            )
        case AnswerTooLarge():
            return Transient(
                Reason.CLUSTER_ANSWER_BROKEN,
                f"What answers for cluster {cluster} at {url} is not its API server: the answer "
                "is larger than any of the Kubernetes API's.",
            )
        case ProxyError():
            what = "the proxy failed: check HTTPS_PROXY and NO_PROXY"
        case _ if _AKS.search(url):
            what = (
                f"{type(error).__name__}; this may pass. If it does not, the cluster may have "
                "authorized IP ranges: let in the address that the app's calls come from, which a "
                "NAT gateway gives it (docs/clusters.md)"
            )
        case _:
            what = f"{type(error).__name__}; this may pass"
    return Transient(
        Reason.CLUSTER_UNREACHABLE, f"Cluster {cluster} could not be asked at {url}: {what}."
    )


def unauthorized(cluster: str, remedy: str) -> Permanent:
    """Return the error for a login that was refused again after it was renewed."""
    return Permanent(
        Reason.CLUSTER_UNAUTHORIZED,
        f"Cluster {cluster} does not accept the app's login (HTTP status 401), looked up anew just "
        f"now. {remedy}",
    )


def broken(target: Target, what: str) -> Transient:
    """Return the error for an answer that the Kubernetes API does not give."""
    return Transient(
        Reason.CLUSTER_ANSWER_BROKEN,
        f"What answers for cluster {target.cluster} is not its API server ({what}). If this "
        "stays, check the server in its settings and any proxy on the way.",
    )


def _refused(target: Target, status: int, told: _Status) -> SyncError:
    match status:
        case 403:
            return _forbidden(target, told)
        case 404:
            return _not_found(target, told)
        case 409:
            return Conflict(Reason.CONFLICT, f"{target} was changed by somebody else meanwhile.")
        case _:
            return _unfit(target, status, told)


def _forbidden(target: Target, told: _Status) -> Permanent:
    right = admission.missing_right(told.message)
    said = f" It says: {right}" if right else ""
    if target.application is not None:
        said = (
            f" Where applications come and go, components/self-service of infra/kubernetes does "
            f"without a list of names.{said}"
        )
    return Permanent(
        Reason.CLUSTER_FORBIDDEN,
        f"The app may not read or write {target}. If the namespace is missing, create it; then "
        "grant the app's user get, create and patch: kubectl "
        f"create role keyvault-sync --namespace {target.namespace} --verb=get,create,patch "
        f"--resource=secrets --resource-name={target.secret}, and a rolebinding to it.{said}",
    )


def _not_found(target: Target, told: _Status) -> SyncError:
    if told.reason != "NotFound":
        return broken(target, "HTTP status 404 without a Status")
    if told.kind == "secrets":
        return Conflict(Reason.CONFLICT, f"{target} was deleted by somebody else meanwhile.")
    return Permanent(
        Reason.NAMESPACE_MISSING,
        f"Namespace {target.namespace} does not exist in cluster {target.cluster}. "
        f"Create it: kubectl create namespace {target.namespace}",
    )


def _unfit(target: Target, status: int, told: _Status) -> Permanent:
    # A real server names a cause once for each time that it looked.
    causes = ", ".join(f"{field} ({reason})" for reason, field in dict.fromkeys(told.causes))
    return Permanent(
        Reason.SECRET_REFUSED,
        f"The API server refuses {target} as it would become (HTTP status {status}; "
        f"{causes or 'no field named'}). A Secret holds 1 MiB at most, and an immutable one has to "
        f"be deleted first: kubectl delete secret {target.secret} --namespace {target.namespace}",
    )


def _unavailable(target: Target, answer: Answer, told: _Status) -> Transient:
    webhook = admission.silent_webhook(told.message)
    why = f": its admission webhook {webhook} does not answer" if webhook else ""
    return Transient(
        Reason.CLUSTER_UNAVAILABLE,
        f"The API server of cluster {target.cluster} answered with HTTP status {answer.status}"
        f"{why}. This may pass.",
        retry_after(answer.headers),
    )


def _read(body: bytes) -> _Status:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return _Status()
    match document:
        case {"kind": "Status", "apiVersion": "v1", **rest}:
            details = rest.get("details")
            kind = details.get("kind") if isinstance(details, dict) else None
            name = details.get("name") if isinstance(details, dict) else None
            causes = details.get("causes") if isinstance(details, dict) else None
            return _Status(
                reason=_text(rest.get("reason")),
                message=_text(rest.get("message")),
                kind=_text(kind),
                name=_text(name),
                causes=tuple(_causes(causes)),
            )
        case _:
            return _Status()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _causes(causes: object) -> list[tuple[str, str]]:
    """Return reasons and fields, without texts that do not look like them."""
    found: list[tuple[str, str]] = []
    for cause in causes if isinstance(causes, list) else ():
        match cause:
            case {"reason": str(reason), **rest} if _WORD.fullmatch(reason):
                field = _text(rest.get("field"))
                found.append((reason, field if _FIELD.fullmatch(field) else "a field"))
            case _:
                continue
    return found
