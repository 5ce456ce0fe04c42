"""The emulator and a real API server answer alike for Secrets and namespaces."""

from dataclasses import dataclass

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, Json, array, child, items, text
from tests.contract.api_servers import (
    APPLY,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Account,
    Answer,
    ApiServer,
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The Secrets of one namespace, over the raw API."""

    server: ApiServer
    namespace: str

    def path(self, name: str = "") -> str:
        """Return the path of a Secret, or of them all."""
        return f"/api/v1/namespaces/{self.namespace}/secrets" + (f"/{name}" if name else "")

    def post(self, name: str = "s", **fields: Json) -> Answer:
        """Create a Secret."""
        return self.server.call("POST", self.path(), {"metadata": {"name": name}, **fields})

    def get(self, name: str = "s") -> Answer:
        """Read a Secret."""
        return self.server.call("GET", self.path(name))

    def put(self, name: str = "s", metadata: Document | None = None, **fields: Json) -> Answer:
        """Replace a Secret."""
        body: Document = {"metadata": {"name": name, **(metadata or {})}, **fields}
        return self.server.call("PUT", self.path(name), body)

    def patch(self, media: str, body: Json, name: str = "s", **query: str) -> Answer:
        """Patch a Secret."""
        return self.server.call("PATCH", self.path(name), body, media=media, query=query)

    def apply(  # noqa: PLR0913 - what an apply depends on
        self,
        data: Json,
        name: str = "s",
        manager: str = "applier",
        *,
        metadata: Document | None = None,
        force: bool = False,
        token: str | None = None,
    ) -> Answer:
        """Apply a Secret server-side."""
        config: Document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, **(metadata or {})},
            **({"data": data} if data else {}),
        }
        query = {"fieldManager": manager} | ({"force": "true"} if force else {})
        return self.server.call(
            "PATCH",
            self.path(name),
            config,
            media=APPLY,
            token=token,
            query=query,
        )


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


class TestObjects:
    """Creating, reading, replacing and deleting."""

    def test_string_data_becomes_data(self, secrets: Secrets) -> None:
        """What is written as stringData is stored encoded, as data, of type Opaque."""
        made = secrets.post(stringData={"key": "value"})
        assert made.status == 201
        assert made.body["data"] == {"key": "dmFsdWU="}
        assert made.body["type"] == "Opaque"
        assert "stringData" not in made.body

    def test_created_object_is_read_back(self, secrets: Secrets) -> None:
        """A read gives what the create answered."""
        made = secrets.post(data={"key": "dg=="})
        assert secrets.get().body == made.body

    def test_create_twice_conflicts(self, secrets: Secrets) -> None:
        """A name can be taken once."""
        secrets.post()
        refused = secrets.post()
        assert (refused.status, refused.reason) == (409, "AlreadyExists")
        assert refused.message == 'secrets "s" already exists'

    def test_absent_object_is_not_found(self, secrets: Secrets) -> None:
        """Reading, replacing, patching and deleting an absent Secret gives 404."""
        answers = [
            secrets.get("none"),
            secrets.put("none"),
            secrets.patch(MERGE, {}, "none"),
            secrets.server.call("DELETE", secrets.path("none")),
        ]
        assert [answer.status for answer in answers] == [404] * 4
        assert {answer.message for answer in answers} == {'secrets "none" not found'}

    def test_absent_namespace_is_not_found(self, api_server: ApiServer) -> None:
        """A Secret cannot be created, by POST or apply, where there is no namespace."""
        lost = Secrets(api_server, "no-such-namespace")
        for answer in (lost.post(), lost.apply({})):
            assert answer.status == 404
            assert answer.message == 'namespaces "no-such-namespace" not found'

    def test_replace_checks_resource_version(self, secrets: Secrets) -> None:
        """A PUT with a stale resourceVersion gives 409, one without replaces."""
        made = secrets.post(data={"a": "dg=="})
        secrets.put(data={"b": "dg=="})
        refused = secrets.put(metadata={"resourceVersion": made.version})
        assert (refused.status, refused.reason) == (409, "Conflict")
        assert refused.message == (
            'Operation cannot be fulfilled on secrets "s": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        assert secrets.get().body["data"] == {"b": "dg=="}

    def test_unchanged_replace_keeps_the_version(self, secrets: Secrets) -> None:
        """A PUT of the same object leaves its resourceVersion."""
        made = secrets.post(data={"a": "dg=="})
        assert secrets.put(data={"a": "dg=="}).version == made.version

    def test_replace_of_another_name_is_refused(self, secrets: Secrets) -> None:
        """The body's name must be the path's."""
        secrets.post()
        refused = secrets.server.call("PUT", secrets.path("s"), {"metadata": {"name": "t"}})
        assert refused.status == 400
        assert refused.message == (
            "the name of the object (t) does not match the name on the URL (s)"
        )

    def test_replace_of_another_uid_is_refused(self, secrets: Secrets) -> None:
        """A uid in a PUT is a precondition."""
        secrets.post()
        refused = secrets.put(metadata={"uid": "other"})
        assert (refused.status, refused.reason) == (409, "Conflict")
        assert "Precondition failed: UID in precondition: other" in refused.message

    def test_delete_answers_with_status(self, secrets: Secrets) -> None:
        """A delete answers Success and the uid of what is gone."""
        made = secrets.post()
        gone = secrets.server.call("DELETE", secrets.path("s"))
        uid = child(made.body, "metadata")["uid"]
        assert gone.body["status"] == "Success"
        assert gone.body["details"] == {"name": "s", "kind": "secrets", "uid": uid}
        assert secrets.get().status == 404

    @pytest.mark.parametrize("field", ["uid", "resourceVersion"])
    def test_delete_checks_preconditions(self, secrets: Secrets, field: str) -> None:
        """A delete with another uid or resourceVersion gives 409."""
        secrets.post()
        options: Document = {"preconditions": {field: "1"}}
        refused = secrets.server.call("DELETE", secrets.path("s"), options)
        assert (refused.status, refused.reason) == (409, "Conflict")
        assert "in the precondition (1) does not match" in refused.message
        assert secrets.get().status == 200

    def test_finalizer_delays_deletion(self, secrets: Secrets) -> None:
        """A Secret with a finalizer goes when its last finalizer does."""
        secrets.server.call(
            "POST", secrets.path(), {"metadata": {"name": "s", "finalizers": ["a.b/c"]}}
        )
        secrets.server.call("DELETE", secrets.path("s"))
        assert "deletionTimestamp" in child(secrets.get().body, "metadata")
        secrets.patch(MERGE, {"metadata": {"finalizers": None}})
        assert secrets.get().status == 404

    def test_dry_run_stores_nothing(self, secrets: Secrets) -> None:
        """With dryRun=All a write is answered as if done."""
        body: Document = {"metadata": {"name": "s"}}
        assert (
            secrets.server.call("POST", secrets.path(), body, query={"dryRun": "All"}).status == 201
        )
        assert secrets.get().status == 404
        made = secrets.post(data={"a": "dg=="})
        tried = secrets.patch(MERGE, {"data": {"a": "eA=="}}, dryRun="All")
        assert tried.body["data"] == {"a": "eA=="}
        assert (
            secrets.server.call("DELETE", secrets.path("s"), query={"dryRun": "All"}).status == 200
        )
        assert secrets.get().body == made.body

    def test_list_selects_by_label_and_name(self, secrets: Secrets) -> None:
        """A list takes label selectors and a field selector on the name."""
        secrets.apply({}, "one", metadata={"labels": {"app": "a"}})
        secrets.apply({}, "two", metadata={"labels": {"app": "b"}})

        def names(**query: str) -> list[str]:
            found = secrets.server.call("GET", secrets.path(), query=query)
            return [text(child(item, "metadata"), "name") for item in items(found.body, "items")]

        assert names() == ["one", "two"]
        assert names(labelSelector="app=a") == ["one"]
        assert names(labelSelector="app!=a") == ["two"]
        assert names(labelSelector="app in (a,b),!none") == ["one", "two"]
        assert names(fieldSelector="metadata.name=two") == ["two"]

    def test_unknown_field_selector_is_refused(self, secrets: Secrets) -> None:
        """A field that cannot be selected by gives 400."""
        refused = secrets.server.call("GET", secrets.path(), query={"fieldSelector": "foo=b"})
        assert (refused.status, refused.message) == (400, "field label not supported: foo")

    def test_namespace_delete_starts_termination(self, api_server: ApiServer) -> None:
        """Deleting a namespace answers with it, Terminating."""
        name = api_server.create_namespace()
        gone = api_server.call("DELETE", f"/api/v1/namespaces/{name}")
        assert gone.status == 200
        assert gone.body["status"] == {"phase": "Terminating"}

    def test_default_namespace_stays(self, api_server: ApiServer) -> None:
        """The default namespace cannot be deleted."""
        refused = api_server.call("DELETE", "/api/v1/namespaces/default")
        assert refused.status == 403
        assert refused.message == (
            'namespaces "default" is forbidden: this namespace may not be deleted'
        )


class TestValidation:
    """What is refused as invalid."""

    def test_bad_name_and_key_are_both_named(self, secrets: Secrets) -> None:
        """Every fault of an object is in the causes."""
        refused = secrets.post("B", data={"a b": "dg=="})
        assert (refused.status, refused.reason) == (422, "Invalid")
        assert causes(refused) == [
            ("FieldValueInvalid", "metadata.name"),
            ("FieldValueInvalid", "data[a b]"),
        ]
        assert refused.message.startswith('Secret "B" is invalid: [metadata.name: Invalid value')

    @pytest.mark.parametrize("key", ["..", "..a", ".", "a/b", "", "a" * 254, "ü"])
    def test_bad_keys_are_refused(self, secrets: Secrets, key: str) -> None:
        """A data key has the syntax of a file name."""
        refused = secrets.post(data={key: "dg=="})
        assert refused.status == 422
        assert {field for _, field in causes(refused)} == {f"data[{key}]"}

    @pytest.mark.parametrize("labels", [{"-": "x"}, {"a": "x y"}, {"a/b/c": "x"}, {"a": "x" * 64}])
    def test_bad_labels_are_refused(self, secrets: Secrets, labels: Document) -> None:
        """Label keys and values have a syntax."""
        refused = secrets.apply({}, metadata={"labels": labels})
        assert refused.status == 422
        assert {field for _, field in causes(refused)} == {"metadata.labels"}

    def test_values_must_be_base64(self, secrets: Secrets) -> None:
        """A create with a value that is not base64 gives 400."""
        refused = secrets.post(data={"a": "!"})
        assert (refused.status, refused.reason) == (400, "BadRequest")
        assert "illegal base64 data at input byte 0" in refused.message

    def test_patch_that_is_no_base64_spills_the_object(self, secrets: Secrets) -> None:
        """The 422 of a merge patch holds the whole patched object: never show it to anyone."""
        secrets.post(data={"planted": "cGxhbnRlZA=="})
        refused = secrets.patch(MERGE, {"data": {"b": "d!"}})
        assert (refused.status, refused.reason) == (422, "Invalid")
        assert "cGxhbnRlZA==" in refused.message
        assert causes(refused) == [("FieldValueInvalid", "patch")]

    def test_applied_value_must_be_base64(self, secrets: Secrets) -> None:
        """An apply of a value that is not base64 gives 500."""
        assert secrets.apply({"a": "!!"}).status == 500

    def test_applied_structure_is_checked(self, secrets: Secrets) -> None:
        """An apply of an unknown field or another type gives 500 that names the field."""
        assert ".data.q: expected string" in secrets.apply({"q": 1}).message
        refused = secrets.apply({}, metadata={"foo": "x"})
        assert refused.status == 500
        assert ".metadata.foo: field not declared in schema" in refused.message

    def test_data_may_fill_one_mebibyte(self, secrets: Secrets) -> None:
        """A Secret holds 1 MiB of decoded data; one byte more gives 422."""
        full = "AAAA" * ((1 << 20) // 3)
        assert secrets.apply({"a": full, "b": "AA=="}).status == 201
        refused = secrets.apply({"a": full, "b": "AAA="})
        assert refused.status == 422
        assert causes(refused) == [("FieldValueTooLong", "data")]

    def test_request_body_is_limited(self, secrets: Secrets) -> None:
        """A body over 3 MiB gives 413."""
        refused = secrets.apply({"a": "A" * (3 << 20)})
        assert (refused.status, refused.reason) == (413, "RequestEntityTooLarge")

    def test_annotations_are_limited(self, secrets: Secrets) -> None:
        """256 KiB of annotations fit; more give 422."""
        fits: Document = {"annotations": {"a": "x" * ((256 << 10) - 1)}}
        over: Document = {"annotations": {"a": "x" * (256 << 10)}}
        assert secrets.apply({}, metadata=fits).status == 201
        refused = secrets.apply({}, metadata=over)
        assert refused.status == 422
        assert set(causes(refused)) == {("FieldValueTooLong", "metadata.annotations")}

    def test_immutable_secret_stays(self, secrets: Secrets) -> None:
        """An immutable Secret keeps its data, its type and being immutable."""
        secrets.post(immutable=True, data={"a": "dg=="})
        patch: Document = {"immutable": False, "data": {"b": "dg=="}, "type": "x"}
        refused = secrets.patch(MERGE, patch)
        assert refused.status == 422
        assert causes(refused) == [
            ("FieldValueInvalid", "type"),
            ("FieldValueForbidden", "immutable"),
            ("FieldValueForbidden", "data"),
        ]
        assert secrets.apply({"a": "eA=="}, force=True).status == 422
        labelled = secrets.patch(MERGE, {"metadata": {"labels": {"a": "b"}}})
        assert labelled.status == 200

    @pytest.mark.parametrize(
        ("kind", "data", "wrong"),
        [
            ("tls", {}, ["Required tls.crt", "Required tls.key"]),
            ("tls", {"tls.crt": "", "tls.key": ""}, []),
            ("basic-auth", {}, ["Required username", "Required password"]),
            ("basic-auth", {"password": ""}, []),
            ("ssh-auth", {"ssh-privatekey": ""}, ["Required ssh-privatekey"]),
            ("ssh-auth", {"ssh-privatekey": "Cg=="}, []),
            ("dockerconfigjson", {}, ["Required .dockerconfigjson"]),
            ("dockerconfigjson", {".dockerconfigjson": "W10="}, ["Invalid .dockerconfigjson"]),
            ("dockerconfigjson", {".dockerconfigjson": "e30="}, []),
        ],
    )
    def test_types_need_their_keys(
        self, secrets: Secrets, kind: str, data: dict[str, str], wrong: list[str]
    ) -> None:
        """A type that Kubernetes knows needs its keys, and some values."""
        answer = secrets.post(type=f"kubernetes.io/{kind}", data=dict(data))
        told = [tuple(each.split(" ")) for each in wrong]
        assert answer.status == (422 if wrong else 201)
        assert not wrong or causes(answer) == [
            (f"FieldValue{how}", f"data[{key}]") for how, key in told
        ]

    def test_posted_version_is_refused(self, secrets: Secrets) -> None:
        """A create must not name a resourceVersion."""
        body: Document = {"metadata": {"name": "s", "resourceVersion": "1"}}
        refused = secrets.server.call("POST", secrets.path(), body)
        assert refused.message == "resourceVersion should not be set on objects to be created"

    def test_another_kind_is_refused(self, secrets: Secrets) -> None:
        """A body of another kind or version gives 400."""
        for kind, version in (("Pod", "v1"), ("Secret", "v2")):
            assert secrets.post(kind=kind, apiVersion=version).status == 400


class TestPatches:
    """Merge, strategic merge and JSON patches."""

    def test_merge_patch_sets_and_removes(self, secrets: Secrets) -> None:
        """A null removes a key, a value sets it, others stay."""
        secrets.post(data={"a": "YQ==", "b": "Yg=="})
        patched = secrets.patch(MERGE, {"data": {"a": None, "c": "Yw=="}})
        assert patched.body["data"] == {"b": "Yg==", "c": "Yw=="}

    def test_strategic_patch_merges_lists_by_key(self, secrets: Secrets) -> None:
        """Owner references merge by uid, finalizers as a set."""
        owner: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}
        secrets.apply(
            {},
            metadata={"ownerReferences": [{**owner, "uid": "u1"}], "finalizers": ["a.b/c"]},
        )
        patch: Document = {
            "metadata": {"ownerReferences": [{**owner, "uid": "u2"}], "finalizers": ["a.b/d"]}
        }
        metadata = child(secrets.patch(STRATEGIC, patch).body, "metadata")
        uids = {text(item, "uid") for item in items(metadata, "ownerReferences")}
        assert uids == {"u1", "u2"}
        assert metadata["finalizers"] == ["a.b/d", "a.b/c"]

    def test_json_patch_adds_tests_and_removes(self, secrets: Secrets) -> None:
        """The operations run in order."""
        secrets.post(data={"a": "YQ=="})
        patched = secrets.patch(
            JSON_PATCH,
            [
                {"op": "test", "path": "/data/a", "value": "YQ=="},
                {"op": "add", "path": "/data/b", "value": "Yg=="},
                {"op": "remove", "path": "/data/a"},
            ],
        )
        assert patched.body["data"] == {"b": "Yg=="}

    def test_json_patch_that_does_not_fit_is_refused(self, secrets: Secrets) -> None:
        """A failed test and a missing path give 422."""
        secrets.post(data={"a": "YQ=="})
        for operation in (
            {"op": "test", "path": "/data/a", "value": "x"},
            {"op": "remove", "path": "/data/none"},
        ):
            refused = secrets.patch(JSON_PATCH, array([dict(operation.items())]))
            assert (refused.status, refused.reason) == (422, "Invalid")

    def test_stale_version_in_a_patch_conflicts(self, secrets: Secrets) -> None:
        """A resourceVersion in a merge patch is a precondition."""
        secrets.post()
        assert secrets.patch(MERGE, {"metadata": {"resourceVersion": "1"}}).status == 409

    def test_unknown_patch_type_is_refused(self, secrets: Secrets) -> None:
        """A content type that is no patch gives 415."""
        secrets.post()
        assert secrets.patch("application/json", {}).status == 415


class TestServerSideApply:
    """Merging by field, and who owns what."""

    def test_apply_creates_and_owns_what_it_names(self, secrets: Secrets) -> None:
        """An apply onto nothing creates, and owns only the fields it names."""
        made = secrets.apply({"a": "YQ=="}, metadata={"labels": {"l": "1"}})
        assert made.status == 201
        assert owners(made.body) == {
            ("applier", "Apply"): {
                "f:data": {"f:a": {}},
                "f:metadata": {"f:labels": {"f:l": {}}},
            }
        }

    def test_create_owns_parents_and_defaults(self, secrets: Secrets) -> None:
        """A POST owns every field, the maps and the defaulted type too."""
        made = secrets.post(data={"a": "YQ=="})
        assert owners(made.body) == {
            ("contract", "Update"): {"f:data": {".": {}, "f:a": {}}, "f:type": {}}
        }

    def test_unchanged_apply_writes_nothing(self, secrets: Secrets) -> None:
        """An apply that changes nothing leaves resourceVersion and times alone."""
        made = secrets.apply({"a": "YQ=="})
        assert secrets.apply({"a": "YQ=="}).body == made.body

    def test_key_no_longer_applied_is_removed(self, secrets: Secrets) -> None:
        """What the manager stops applying goes, what others added stays."""
        secrets.apply({"a": "YQ==", "b": "Yg=="})
        secrets.patch(MERGE, {"data": {"c": "Yw=="}})
        assert secrets.apply({"b": "Yg=="}).body["data"] == {"b": "Yg==", "c": "Yw=="}

    def test_key_owned_by_two_appliers_stays(self, secrets: Secrets) -> None:
        """A key goes only when its last owner stops applying it."""
        secrets.apply({"a": "YQ=="})
        shared = secrets.apply({"a": "YQ=="}, manager="second")
        assert set(owners(shared.body)) == {("applier", "Apply"), ("second", "Apply")}
        assert secrets.apply({}).body["data"] == {"a": "YQ=="}
        assert "data" not in secrets.apply({}, manager="second").body

    def test_conflict_names_managers_and_fields(self, secrets: Secrets) -> None:
        """Without force, a value that another owns gives 409 with its field."""
        secrets.apply({"a": "YQ=="}, metadata={"labels": {"l": "1"}})
        refused = secrets.apply({"a": "Yg=="}, manager="second")
        assert (refused.status, refused.reason) == (409, "Conflict")
        assert refused.message == ('Apply failed with 1 conflict: conflict with "applier": .data.a')
        assert causes(refused) == [("FieldManagerConflict", ".data.a")]
        both = secrets.apply({"a": "Yg=="}, manager="second", metadata={"labels": {"l": "2"}})
        assert both.message == (
            'Apply failed with 2 conflicts: conflicts with "applier":\n'
            "- .data.a\n- .metadata.labels.l"
        )

    def test_force_takes_ownership(self, secrets: Secrets) -> None:
        """With force the value changes hands; the loser keeps the rest."""
        secrets.apply({"a": "YQ==", "b": "Yg=="})
        taken = secrets.apply({"a": "eA=="}, manager="second", force=True)
        assert owners(taken.body) == {
            ("applier", "Apply"): {"f:data": {"f:b": {}}},
            ("second", "Apply"): {"f:data": {"f:a": {}}},
        }

    def test_update_takes_what_it_changes(self, secrets: Secrets) -> None:
        """Whoever changes a key owns it; whoever deletes it, nobody does: drift shows."""
        secrets.apply({"a": "YQ==", "b": "Yg==", "c": "Yw=="})
        drifted = secrets.patch(MERGE, {"data": {"a": "eA==", "b": None}}, fieldManager="other")
        assert owners(drifted.body) == {
            ("applier", "Apply"): {"f:data": {"f:c": {}}},
            ("other", "Update"): {"f:data": {"f:a": {}}},
        }

    def test_managed_fields_can_be_reset(self, secrets: Secrets) -> None:
        """One empty entry forgets all owners; the next apply remembers what was before."""
        secrets.apply({"a": "YQ=="})
        reset = secrets.patch(MERGE, {"metadata": {"managedFields": [{}]}})
        assert owners(reset.body) == {}
        applied = secrets.apply({"b": "Yg=="})
        assert owners(applied.body) == {
            ("applier", "Apply"): {"f:data": {"f:b": {}}},
            ("before-first-apply", "Update"): {
                "f:data": {".": {}, "f:a": {}},
                "f:type": {},
            },
        }

    def test_stale_version_conflicts(self, secrets: Secrets) -> None:
        """A resourceVersion in an apply is a precondition."""
        made = secrets.apply({"a": "YQ=="})
        secrets.apply({"a": "Yg=="})
        stale: Document = {"resourceVersion": made.version}
        assert secrets.apply({"a": "Yw=="}, metadata=stale).status == 409

    def test_made_up_version_only_creates(self, secrets: Secrets) -> None:
        """Resource version 1 creates where there is nothing, and conflicts where there is."""
        once: Document = {"resourceVersion": "1"}
        assert secrets.apply({"a": "YQ=="}, metadata=once).status == 201
        assert secrets.apply({"a": "YQ=="}, metadata=once).status == 409

    def test_version_zero_is_no_precondition(self, secrets: Secrets) -> None:
        """Resource version 0 applies onto whatever is there."""
        zero: Document = {"resourceVersion": "0"}
        assert secrets.apply({"a": "YQ=="}, metadata=zero).status == 201
        assert secrets.apply({"a": "Yg=="}, metadata=zero).status == 200

    def test_manager_is_required(self, secrets: Secrets) -> None:
        """An apply without fieldManager gives 422."""
        refused = secrets.patch(APPLY, {"apiVersion": "v1", "kind": "Secret"})
        assert refused.status == 422
        assert refused.message == (
            'PatchOptions.meta.k8s.io "" is invalid: '
            "fieldManager: Required value: is required for apply patch"
        )

    def test_yaml_is_taken(self, secrets: Secrets) -> None:
        """An apply may be YAML."""
        config = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: hello\n"
        made = secrets.server.call(
            "PATCH", secrets.path("s"), config, media=APPLY, query={"fieldManager": "m"}
        )
        assert made.body["data"] == {"a": "aGVsbG8="}

    def test_managed_fields_must_not_be_applied(self, secrets: Secrets) -> None:
        """A configuration must not hold managedFields."""
        refused = secrets.apply({}, metadata={"managedFields": [{}]})
        assert (refused.status, refused.message) == (400, "metadata.managedFields must be nil")

    def test_foreign_labels_and_owners_stay(self, secrets: Secrets) -> None:
        """An apply leaves labels and owner references of others."""
        owner: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u1"}
        theirs: Document = {"labels": {"l": "1"}, "ownerReferences": [owner]}
        secrets.apply({}, manager="other", metadata=theirs)
        metadata = child(
            secrets.apply({"a": "YQ=="}, metadata={"labels": {"m": "2"}}).body, "metadata"
        )
        assert metadata["labels"] == {"l": "1", "m": "2"}
        assert metadata["ownerReferences"] == [owner]


class TestAccess:
    """Who may do what."""

    def test_bad_token_is_unauthorized(self, secrets: Secrets) -> None:
        """A token that stands for nobody gives 401."""
        refused = secrets.server.call("GET", secrets.path(), token="nobody")
        assert (refused.status, refused.reason, refused.message) == (
            401,
            "Unauthorized",
            "Unauthorized",
        )

    def test_refusal_names_user_and_verb(self, secrets: Secrets) -> None:
        """A 403 says who may not do what and where."""
        bob = secrets.server.user("bob", [])
        refused = secrets.server.call("GET", secrets.path("s"), token=bob.token)
        assert refused.status == 403
        assert refused.message == (
            f'secrets "s" is forbidden: User "{bob.user}" cannot get resource "secrets" '
            f'in API group "" in the namespace "{secrets.namespace}"'
        )
        everywhere = secrets.server.call("GET", "/api/v1/namespaces", token=bob.token)
        assert everywhere.message == (
            f'namespaces is forbidden: User "{bob.user}" cannot list resource "namespaces" '
            'in API group "" at the cluster scope'
        )

    def _writer(self, secrets: Secrets, *verbs: str) -> Account:
        rule = Rule(verbs, ("secrets",), names=("s",), namespaces=(secrets.namespace,))
        return secrets.server.user("writer", [rule])

    def test_named_rights_suffice_for_apply(self, secrets: Secrets) -> None:
        """Rights to create and patch, limited to a name, allow that Secret's first apply only."""
        token = self._writer(secrets, "get", "create", "patch").token
        assert secrets.apply({"a": "YQ=="}, token=token).status == 201
        assert secrets.apply({"a": "Yg=="}, token=token).status == 200
        assert secrets.apply({"a": "YQ=="}, "other", token=token).status == 403

    def test_first_apply_needs_create(self, secrets: Secrets) -> None:
        """The right to patch alone does not create."""
        writer = self._writer(secrets, "patch")
        refused = secrets.apply({"a": "YQ=="}, token=writer.token)
        assert refused.status == 403
        refusal, why = refused.message.split(": ", 1)
        assert refusal == 'secrets "s" is forbidden'
        assert why in {
            "",  # as older servers say it
            (
                f'User "{writer.user}" cannot create resource "secrets" in API group "" in the '
                f'namespace "{secrets.namespace}"'
            ),
        }
        secrets.post()
        assert secrets.apply({"a": "YQ=="}, token=writer.token).status == 200

    def test_post_and_list_know_no_name(self, secrets: Secrets) -> None:
        """Rights limited to a name cover neither POST nor an open list."""
        token = self._writer(secrets, "create", "list").token
        body: Document = {"metadata": {"name": "s"}}
        assert secrets.server.call("POST", secrets.path(), body, token=token).status == 403
        assert secrets.server.call("GET", secrets.path(), token=token).status == 403
        named = secrets.server.call(
            "GET", secrets.path(), token=token, query={"fieldSelector": "metadata.name=s"}
        )
        assert named.status == 200
