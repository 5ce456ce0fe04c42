"""The emulator and a real API server agree where their words differ, or no answer is recorded."""

from dataclasses import dataclass

import pytest

from local.kubernetes.documents import Document, Json, child, items, text
from local.kubernetes.kinds import DEFINITION
from tests.contract.api_servers import APPLY, MERGE, Answer, ApiServer
from tests.contract.definitions import serve
from tests.kit.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Secrets:
    """The Secrets of one namespace, over the raw API."""

    server: ApiServer
    namespace: str

    def post(self, **fields: Json) -> Answer:
        """Create the Secret `s`."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        return self.server.call("POST", path, {"metadata": {"name": "s"}, **fields})

    def patch(self, media: str, body: Json, **query: str) -> Answer:
        """Patch it."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets/s"
        return self.server.call("PATCH", path, body, media=media, query=query)

    def apply(
        self, data: Document, manager: str = "applier", metadata: Document | None = None
    ) -> Answer:
        """Apply it server-side, by force."""
        named: Document = {"name": "s", **(metadata or {})}
        config: Document = {"apiVersion": "v1", "kind": "Secret", "metadata": named}
        config |= {"data": data} if data else {}
        return self.patch(APPLY, config, fieldManager=manager, force="true")


@pytest.fixture
def secrets(api_server: ApiServer, namespace: str) -> Secrets:
    """Return the Secrets of a new namespace."""
    return Secrets(api_server, namespace)


def owners(document: Document) -> dict[tuple[str, str], Json]:
    """Return who owns which fields."""
    return {
        (text(entry, "manager"), text(entry, "operation")): entry.get("fieldsV1")
        for entry in items(child(document, "metadata"), "managedFields")
    }


def causes(answer: Answer) -> list[tuple[str, str]]:
    """Return the reasons and fields of a refusal."""
    return [
        (text(cause, "reason"), text(cause, "field"))
        for cause in items(child(answer.body, "details"), "causes")
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"a": "!"}},
        {"data": {"a": 1}},
        {"data": []},
        {"metadata": "x"},
        {"kind": "Pod", "apiVersion": "v1"},
        {"apiVersion": "v2"},
    ],
    ids=str,
)
def test_what_is_no_secret_is_refused(secrets: Secrets, fields: Document) -> None:
    """A create with a value that is not base64, or of another type, kind or version, gives 400."""
    refused = secrets.post(**fields)
    assert (refused.status, refused.reason) == (400, "BadRequest")


def test_a_patch_that_is_no_base64_spills_the_object(secrets: Secrets) -> None:
    """The 422 of a merge patch holds the whole patched object: never show it to anyone."""
    secrets.post(data={"planted": "cGxhbnRlZA=="})
    refused = secrets.patch(MERGE, {"data": {"b": "d!"}})
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "cGxhbnRlZA==" in refused.message
    assert causes(refused) == [("FieldValueInvalid", "patch")]


def test_applied_structure_is_checked(secrets: Secrets) -> None:
    """An apply of an unknown field, another type or no base64 gives 500; a field is named."""
    assert secrets.apply({"a": "!!"}).status == 500
    assert ".data.q: expected string" in secrets.apply({"q": 1}).message
    refused = secrets.apply({}, metadata={"foo": "x"})
    assert refused.status == 500
    assert ".metadata.foo: field not declared in schema" in refused.message


@pytest.mark.parametrize(
    ("kind", "data", "wrong"),
    [
        ("basic-auth", {"password": ""}, []),
        ("ssh-auth", {"ssh-privatekey": "Cg=="}, []),
        ("dockercfg", {".dockercfg": "W10="}, [".dockercfg"]),
        ("dockerconfigjson", {".dockerconfigjson": "YQ=="}, [".dockerconfigjson"]),
        ("dockerconfigjson", {".dockerconfigjson": "W10="}, [".dockerconfigjson"]),
        ("dockerconfigjson", {".dockerconfigjson": "e30="}, []),
    ],
)
def test_types_need_some_values(
    secrets: Secrets, kind: str, data: Document, wrong: list[str]
) -> None:
    """A type that Kubernetes knows needs values of a form."""
    answer = secrets.post(type=f"kubernetes.io/{kind}", data=data)
    assert answer.status == (422 if wrong else 201)
    assert causes(answer) == [("FieldValueInvalid", f"data[{key}]") for key in wrong]


def test_an_update_takes_what_it_changes(secrets: Secrets) -> None:
    """Whoever changes a key owns it; whoever deletes it, nobody does; an apply takes it back."""
    data: Document = {"a": "YQ==", "b": "Yg==", "c": "Yw=="}
    applied = secrets.apply(data)
    drifted = secrets.patch(MERGE, {"data": {"a": "eA==", "b": None}}, fieldManager="other")
    assert owners(drifted.body) == {
        ("applier", "Apply"): {"f:data": {"f:c": {}}},
        ("other", "Update"): {"f:data": {"f:a": {}}},
    }
    repaired = secrets.apply(data)
    assert repaired.body["data"] == data
    assert owners(repaired.body) == owners(applied.body)


def test_foreign_labels_and_owners_stay(secrets: Secrets) -> None:
    """An apply leaves labels and owner references of others."""
    owner: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u1"}
    secrets.apply({}, "other", {"labels": {"l": "1"}, "ownerReferences": [owner]})
    applied = secrets.apply({"a": "YQ=="}, metadata={"labels": {"m": "2"}})
    metadata = child(applied.body, "metadata")
    assert metadata["labels"] == {"l": "1", "m": "2"}
    assert metadata["ownerReferences"] == [owner]


def test_a_list_comes_in_pages(secrets: Secrets) -> None:
    """`limit` cuts a list, and the token leads through the rest; what is no token is refused."""
    path = f"/api/v1/namespaces/{secrets.namespace}/secrets"
    for name in ("a", "b", "c"):
        made = secrets.server.call("POST", path, {"metadata": {"name": name}})
        assert made.status == 201
    names: list[str] = []
    query = {"limit": "2"}
    for left in (1, None):
        page = secrets.server.call("GET", path, query=query).body
        names += [text(child(each, "metadata"), "name") for each in items(page, "items")]
        metadata = child(page, "metadata")
        assert metadata.get("remainingItemCount") == left
        query["continue"] = text(metadata, "continue")
    assert names == ["a", "b", "c"]
    assert query["continue"] == ""
    assert secrets.server.call("GET", path, query={"continue": "!"}).status == 400


def test_definitions_come_and_go(api_server: ApiServer, namespace: str) -> None:
    """A kind is served from its definition to its end, which takes the objects along."""
    named: Document = {"kind": "Passing", "plural": "passings", "listKind": "PassingList"}
    opaque: Document = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema: Document = {"openAPIV3Schema": opaque}
    version: Document = {"name": "v1beta1", "served": True, "storage": True, "schema": schema}
    definition: Document = {
        "apiVersion": DEFINITION.api_version,
        "kind": DEFINITION.name,
        "metadata": {"name": "passings.example.test"},
        "spec": {
            "group": "example.test",
            "scope": "Namespaced",
            "names": named,
            "versions": [version],
        },
    }
    path = f"/apis/example.test/v1beta1/namespaces/{namespace}/passings"
    thing: Document = {
        "apiVersion": "example.test/v1beta1",
        "kind": "Passing",
        "metadata": {"name": "x"},
        "spec": {"deep": [{"empty": "", "zero": 0, "none": []}]},
    }
    assert api_server.call("GET", path).status == 404
    serve(api_server, definition)
    made = api_server.call("POST", path, thing)
    assert (made.status, made.body["spec"]) == (201, thing["spec"])
    there = DEFINITION.path("", "passings.example.test")
    assert api_server.call("DELETE", there).status == 200
    wait_until(lambda: api_server.call("GET", path).status == 404)
    wait_until(lambda: api_server.call("GET", there).status == 404)
    serve(api_server, definition)
    assert items(api_server.call("GET", path).body, "items") == []
