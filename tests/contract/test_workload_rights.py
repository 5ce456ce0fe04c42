"""What the app may do with workloads and applications by the shipped Role, on both API servers."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, child, dump, items, text
from local.kubernetes.kinds import ROLE, ROLE_BINDING, Kind
from local.kubernetes.workloads import DEPLOYMENT, POD, WORKLOADS
from local.platform import DEFINITION
from local.role import Rights
from tests.contract.api_servers import APPLY, JSON, MERGE, Account, Answer, ApiServer
from tests.contract.definitions import serve
from tests.kit.waiting import wait_until

APPLICATION = custom_kind(DEFINITION)
STATE, ROLLED_FOR = "keyvault-sync/restart-state", "keyvault-sync/restarted-for"
ELSE = "00000000-0000-4000-8000-000000000000"
_KINDS = pytest.mark.parametrize("kind", WORKLOADS, ids=lambda kind: kind.name)


def workload(kind: Kind, name: str = "w") -> Document:
    """Return a workload that reads a Secret."""
    reads: Document = {"secretRef": {"name": "keyvault-project"}}
    container: Document = {"name": "a", "image": "registry.example/a", "envFrom": [reads]}
    labels: Document = {"app": name}
    template: Document = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec: Document = {"selector": {"matchLabels": labels}, "template": template}
    head: Document = {"apiVersion": kind.api_version, "kind": kind.name}
    return {**head, "metadata": {"name": name}, "spec": spec}


def marked(kind: Kind, state: str, rolled_for: str = "", **metadata: str) -> Document:
    """Return an apply of nothing but the app's annotations."""
    whole: Document = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": "w", "annotations": {STATE: state}, **metadata},
    }
    if rolled_for:
        annotated: Document = {"metadata": {"annotations": {ROLLED_FOR: rolled_for}}}
        whole["spec"] = {"template": annotated}
    return whole


@dataclass(frozen=True, slots=True)
class App:
    """A user with the shipped Role of one namespace and its components."""

    server: ApiServer
    namespace: str
    account: Account

    def ask(
        self, method: str, path: str, body: Document | None = None, media: str = JSON
    ) -> Answer:
        """Send a request as the app; an apply forces."""
        forced = {"force": "true"} if media == APPLY else {}
        query = {} if method == "GET" else {"fieldManager": "keyvault-sync", **forced}
        return self.server.call(
            method, path, body, media=media, token=self.account.token, query=query
        )

    def apply(self, kind: Kind, body: Document, name: str = "w") -> Answer:
        """Apply a document as the app."""
        return self.ask("PATCH", kind.path(self.namespace, name), body, APPLY)

    def have(self, kind: Kind) -> Document:
        """Let somebody make the workload; return it."""
        made = self.server.call("POST", kind.path(self.namespace), workload(kind))
        assert made.status == 201, made.message
        return made.body

    def look(self, kind: Kind) -> Document:
        """Return the workload."""
        return self.server.call("GET", kind.path(self.namespace, "w")).body


@pytest.fixture(params=[("restart", "applications")], ids=["both"])
def app(request: pytest.FixtureRequest, api_server: ApiServer, namespace: str) -> App:
    """Apply the shipped manifests with their components, and wait until they count."""
    serve(api_server, DEFINITION)
    account = api_server.user("app", [])
    rights = Rights.shipped(namespace, account.user, ["keyvault-project"], components=request.param)
    for kind, document in ((ROLE, rights.role), (ROLE_BINDING, rights.binding)):
        query = {"fieldManager": "kubectl", "fieldValidation": "Strict"}
        path = kind.path(namespace, "keyvault-sync")
        made = api_server.call("PATCH", path, dump(document), media=APPLY, query=query)
        assert made.status == 201, made.message
    app = App(api_server, namespace, account)
    waited = f"/api/v1/namespaces/{namespace}/secrets/keyvault-project"
    wait_until(lambda: app.ask("GET", waited).status != 403)
    return app


def metadata(document: Document) -> Document:
    """Return an object's metadata."""
    return child(document, "metadata")


def annotations(document: Document) -> tuple[Document, Document]:
    """Return the annotations of a workload and of its template."""
    template = child(child(document, "spec"), "template")
    return child(metadata(document), "annotations"), child(metadata(template), "annotations")


@_KINDS
def test_an_apply_of_annotations_alone(app: App, kind: Kind) -> None:
    """By uid, without a version: it restarts an existing workload and owns nothing else."""
    uid = text(metadata(app.have(kind)), "uid")
    applied = app.apply(kind, marked(kind, "one", "two", uid=uid))
    assert applied.status == 200, applied.message
    on_workload, on_template = annotations(applied.body)
    assert (on_workload[STATE], on_template) == ("one", {ROLLED_FOR: "two"})
    assert metadata(applied.body)["generation"] == 2
    (ours,) = (
        entry
        for entry in items(metadata(applied.body), "managedFields")
        if entry["manager"] == "keyvault-sync"
    )
    assert (ours["operation"], ours["fieldsV1"]) == (
        "Apply",
        {
            "f:metadata": {"f:annotations": {f"f:{STATE}": {}}},
            "f:spec": {"f:template": {"f:metadata": {"f:annotations": {f"f:{ROLLED_FOR}": {}}}}},
        },
    )
    before = app.look(kind)
    assert app.apply(kind, marked(kind, "one", "two", uid=uid)).body == before


@_KINDS
def test_a_record_keeps_what_the_template_has(app: App, kind: Kind) -> None:
    """An apply that leaves the template's annotation out takes it away, and so restarts."""
    app.have(kind)
    first = app.apply(kind, marked(kind, "one", "two"))
    kept = app.apply(kind, marked(kind, "other", "two"))
    template = child(kept.body, "spec")["template"]
    assert template == child(first.body, "spec")["template"]
    dropped = app.apply(kind, marked(kind, "other"))
    assert annotations(dropped.body)[1] == {}


@_KINDS
def test_only_annotations_of_a_deployment_move_its_generation(app: App, kind: Kind) -> None:
    """So a Deployment's status lags for a moment after a record, and no pod restarts."""
    app.have(kind)
    recorded = app.apply(kind, marked(kind, "one"))
    assert metadata(recorded.body)["generation"] == (2 if kind is DEPLOYMENT else 1)


@_KINDS
def test_what_is_gone_is_not_made(app: App, kind: Kind) -> None:
    """An apply to an absent workload makes none: with a uid a 409, else a 422 for what lacks.

    A whole one would be a new workload, for which the app has no right.
    """
    conflict = app.apply(kind, marked(kind, "one", uid=ELSE))
    assert (conflict.status, conflict.reason) == (409, "Conflict")
    assert "no existing object was found" in conflict.message
    assert app.apply(kind, marked(kind, "one")).status == 422
    assert app.apply(kind, workload(kind)).status == 403
    assert app.server.call("GET", kind.path(app.namespace, "w")).status == 404


@_KINDS
def test_what_was_made_anew_is_not_written(app: App, kind: Kind) -> None:
    """By another uid an apply is refused with 422; by a version that has passed, with 409."""
    before = app.have(kind)
    refused = app.apply(kind, marked(kind, "one", uid=ELSE))
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "metadata.uid: Invalid value" in refused.message
    assert app.apply(kind, marked(kind, "one")).status == 200
    version = text(metadata(before), "resourceVersion")
    late = app.apply(kind, marked(kind, "two", resourceVersion=version))
    assert (late.status, late.reason) == (409, "Conflict")
    assert annotations(app.look(kind))[0][STATE] == "one"


@_KINDS
def test_what_the_restart_needs(app: App, kind: Kind) -> None:
    """Each kind is listed and read, and so are the pods."""
    app.have(kind)
    (listed,) = items(app.ask("GET", kind.path(app.namespace)).body, "items")
    assert text(metadata(listed), "name") == "w"
    assert app.ask("GET", kind.path(app.namespace, "w")).status == 200
    assert app.ask("GET", POD.path(app.namespace)).status == 200


def test_an_api_that_is_not_there(app: App) -> None:
    """Argo Rollouts has a rule; where it is not installed the list gives 404, not 403."""
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{app.namespace}/rollouts"
    assert app.ask("GET", path).status == 404


def test_applications_are_read(app: App) -> None:
    """The app lists and gets applications, and changes none."""
    body: Document = {
        "apiVersion": APPLICATION.api_version,
        "kind": APPLICATION.name,
        "metadata": {"name": "w"},
        "spec": {"secrets": [{"name": "common-api-keys"}], "deployment": {"replicas": 0}},
    }
    path = APPLICATION.path(app.namespace)
    made = app.server.call("POST", path, body, query={"fieldValidation": "Strict"})
    assert made.status == 201, made.message
    listed = app.ask("GET", path)
    assert text(listed.body, "kind") == "PlatformApplicationList"
    (only,) = items(listed.body, "items")
    assert only["spec"] == body["spec"]
    assert app.ask("GET", f"{path}/w").body["spec"] == body["spec"]
    for method, media in (("PUT", JSON), ("DELETE", JSON), ("PATCH", MERGE), ("PATCH", APPLY)):
        assert app.ask(method, f"{path}/w", body, media).status == 403, method
    assert app.ask("POST", path, body).status == 403


def beyond() -> Iterator[tuple[str, str, str]]:
    """Yield what the Role does not allow: method, path and media type."""
    for kind in WORKLOADS:
        everywhere, path = kind.collection, kind.path("{here}")
        yield "POST", path, JSON
        yield "PUT", f"{path}/w", JSON
        yield "DELETE", f"{path}/w", JSON
        yield "DELETE", path, JSON
        yield "GET", f"{path}?watch=1&timeoutSeconds=1", JSON
        yield "GET", everywhere, JSON
        yield "GET", kind.path("default"), JSON
        yield "PATCH", f"{path}/w/scale", MERGE
        yield "PATCH", f"{path}/w/status", MERGE
    pods = POD.path("{here}")
    for method, path in (
        ("GET", f"{pods}/p"),
        ("GET", f"{pods}/p/log"),
        ("POST", f"{pods}/p/exec"),
        ("POST", f"{pods}/p/eviction"),
        ("POST", pods),
        ("DELETE", f"{pods}/p"),
        ("GET", f"{pods}?watch=1&timeoutSeconds=1"),
        ("GET", "/api/v1/namespaces/{here}/secrets"),
        ("GET", "/apis/apps/v1/namespaces/{here}/replicasets"),
        ("GET", "/apis/batch/v1/namespaces/{here}/cronjobs"),
        ("GET", "/api/v1/namespaces/{here}/configmaps"),
        ("GET", "/apis/argoproj.io/v1alpha1/namespaces/{here}/workflows"),
        ("GET", APPLICATION.collection),
    ):
        yield method, path, JSON
    yield "PATCH", f"{pods}/p", MERGE


def test_all_else_is_refused(app: App) -> None:
    """Every other verb, kind and namespace gives 403, though the workloads are there."""
    for kind in WORKLOADS:
        app.have(kind)
    for method, path, media in beyond():
        body: Document | None = None if method == "GET" else {}
        answer = app.ask(method, path.format(here=app.namespace), body, media)
        assert (answer.status, answer.reason) == (403, "Forbidden"), f"{method} {path}"


@pytest.mark.parametrize("app", [()], ids=["none"], indirect=True)
def test_without_the_components_no_workload_is_seen(app: App) -> None:
    """The base's Role has no right on workloads, pods and applications."""
    for kind in (*WORKLOADS, POD, APPLICATION):
        assert app.ask("GET", kind.path(app.namespace)).status == 403
        assert app.ask("GET", kind.path(app.namespace, "w")).status == 403
        assert app.apply(kind, marked(kind, "one")).status == 403
