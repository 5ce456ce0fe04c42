"""The component `restart-only` on a real API server: what the app changes of workloads."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.kubernetes import Rule
from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, Json, child
from local.kubernetes.kinds import Kind
from local.kubernetes.workloads import DAEMON_SET, STATEFUL_SET, WORKLOADS
from tests.contract.api_servers import APPLY, JSON, MERGE, Account, Answer, ApiServer
from tests.contract.definitions import ROLLOUTS, serve
from tests.contract.policies import installed
from tests.contract.test_workload_rights import marked, workload
from tests.kit.waiting import wait_until

ROLLOUT = custom_kind(ROLLOUTS)
KINDS = (*WORKLOADS, ROLLOUT)
_KINDS = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
_POLICY = "keyvault-sync-restart-only"


@dataclass(frozen=True, slots=True)
class Limited:
    """A server with the policy; the app's identity has every right on workloads besides."""

    server: ApiServer
    app: Account
    namespace: str

    def have(self, kind: Kind) -> None:
        """Let somebody make the workload anew."""
        path = kind.path(self.namespace)
        self.server.call("DELETE", f"{path}/w")
        made = self.server.call("POST", path, workload(kind))
        assert made.status == 201, made.message

    def refuses(self, kind: Kind) -> bool:
        """Whether the app may not delete the kind's objects."""
        self.have(kind)
        return self.ask("DELETE", kind).status == 403

    def ask(self, method: str, kind: Kind, body: Json = None, media: str = JSON) -> Answer:
        """Send a request for the workload with the app's token."""
        name = "" if method == "POST" else "w"
        query = {"fieldManager": "keyvault-sync", **({"force": "true"} if media == APPLY else {})}
        path, token = kind.path(self.namespace, name), self.app.token
        return self.server.call(method, path, body, media=media, token=token, query=query)


@pytest.fixture(scope="module")
def limited(actual_server: ApiServer) -> Iterator[Limited]:
    """Install the policy, and wait until it refuses something."""
    serve(actual_server, ROLLOUTS)
    namespace = actual_server.create_namespace()
    verbs = ("get", "list", "create", "update", "patch", "delete")
    rules = [
        Rule(verbs, tuple(kind.plural for kind in WORKLOADS), (), (namespace,), ("apps",)),
        Rule(verbs, ("rollouts",), (), (namespace,), ("argoproj.io",)),
    ]
    limited = Limited(actual_server, actual_server.user("app", rules), namespace)
    values = {"the-app-asks": f"request.userInfo.username == '{limited.app.user}'"}
    with installed(actual_server, "restart-only", values):
        wait_until(
            lambda: all(limited.ask("DELETE", kind).status == 403 for kind in _made(limited))
        )
        yield limited


def _made(limited: Limited) -> Iterator[Kind]:
    for kind in KINDS:
        limited.have(kind)
        yield kind


def is_refusal(answer: Answer) -> bool:
    """Whether the policy refused the request."""
    named = f"ValidatingAdmissionPolicy '{_POLICY}'" in answer.message
    return (answer.status, answer.reason, named) == (403, "Forbidden", True)


@_KINDS
def test_the_apps_annotations_pass(limited: Limited, kind: Kind) -> None:
    """A restart, a record, and the end of both are what the app may write."""
    limited.have(kind)
    for body in (
        marked(kind, "one"),
        marked(kind, "one", "two"),
        marked(kind, "three", "four"),
        marked(kind, "three"),
    ):
        applied = limited.ask("PATCH", kind, body, APPLY)
        assert applied.status == 200, applied.message


def test_a_rollout_restarts_by_its_field(limited: Limited) -> None:
    """Argo Rollouts restarts pods at the time in `restartAt`."""
    limited.have(ROLLOUT)
    body: Document = {**marked(ROLLOUT, "one"), "spec": {"restartAt": "2026-01-01T00:00:00Z"}}
    applied = limited.ask("PATCH", ROLLOUT, body, APPLY)
    assert applied.status == 200, applied.message


def _template(**fields: Json) -> Document:
    return {"spec": {"template": fields}}


CHANGES: dict[str, Document] = {
    "label": {"metadata": {"labels": {"x": "y"}}},
    "annotation": {"metadata": {"annotations": {"x": "y"}}},
    "opting-in": {"metadata": {"annotations": {"keyvault-sync/restart": "true"}}},
    "finalizer": {"metadata": {"finalizers": ["a.b/c"]}},
    "image": _template(spec={"containers": [{"name": "a", "image": "registry.example/b"}]}),
    "account": _template(spec={"serviceAccountName": "x"}),
    "template-label": _template(metadata={"labels": {"x": "y"}}),
    "template-annotation": _template(metadata={"annotations": {"x": "y"}}),
    "template-annotation-taken": _template(metadata={"annotations": {"kept": None}}),
    "revisions": {"spec": {"revisionHistoryLimit": 1}},
    "ready-seconds": {"spec": {"minReadySeconds": 7}},
    "replicas": {"spec": {"replicas": 7}},
    "strategy": {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    "update-strategy": {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}},
}
_LACKS = {  # fields that the kind does not have, so that a server drops them
    ("replicas", DAEMON_SET),
    ("strategy", DAEMON_SET),
    ("strategy", STATEFUL_SET),
    ("update-strategy", WORKLOADS[0]),
}


@_KINDS
@pytest.mark.parametrize("change", CHANGES)
def test_all_else_is_refused(limited: Limited, kind: Kind, change: str) -> None:
    """What a stolen token would change, for it has the rights, is refused by name."""
    limited.have(kind)
    path = kind.path(limited.namespace, "w")
    kept = _template(metadata={"annotations": {"kept": "yes"}})
    before = limited.server.call("PATCH", path, kept, media=MERGE).body
    answer = limited.ask("PATCH", kind, CHANGES[change], MERGE)
    if (change, kind) in _LACKS:
        assert answer.status == 200
    else:
        assert is_refusal(answer), answer.message
    after = limited.server.call("GET", path).body
    assert child(after, "spec") == child(before, "spec")


@_KINDS
def test_nothing_is_made_or_deleted(limited: Limited, kind: Kind) -> None:
    """Not with the rights for it either."""
    limited.have(kind)
    assert is_refusal(limited.ask("DELETE", kind))
    another = {**workload(kind, "another")}
    assert is_refusal(limited.ask("POST", kind, another))


def test_others_are_not_judged(limited: Limited) -> None:
    """The policy is about the app's identity alone."""
    for kind in KINDS:
        limited.have(kind)
        path = kind.path(limited.namespace, "w")
        changed = limited.server.call("PATCH", path, CHANGES["image"], media=MERGE)
        assert changed.status == 200, changed.message
        assert limited.server.call("DELETE", path).status == 200
