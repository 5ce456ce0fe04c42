"""Merge, strategic merge and JSON patches of a Secret."""

from collections.abc import Mapping

from local.kubernetes.documents import Document, Json
from tests.contract.api_servers import JSON_PATCH, MERGE, STRATEGIC
from tests.contract.recording.applies import GET, SECRET, apply, config
from tests.contract.recording.conversation import Conversation, Request
from tests.contract.recording.objects import delete, post

_A: Document = {"a": "YQ=="}
_FULL = config(
    {
        "labels": {"l": "1", "x/y": "2"},
        "annotations": {"a/b": "1"},
        "finalizers": ["a.b/c"],
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u1"},
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "d", "uid": "u2"},
        ],
    },
    data={"a": "YQ==", "b": "Yg=="},
)
_OWNER: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "e", "uid": "u2"}


def _patch(media: str, body: Json, query: str = "fieldManager=n") -> Request:
    return Request("PATCH", f"{SECRET}?{query}", body, media)


def _of_full(media: str, *bodies: Json, query: str = "fieldManager=n") -> Conversation:
    """Patch one Secret with each of these, and look at it after all."""
    return Conversation([post(_FULL), *(_patch(media, body, query) for body in bodies), GET])


_ANY: tuple[Json, ...] = (
    {},
    {"data": {"a": None}},
    {"data": {"a": None, "none": None, "c": "Yw=="}},
    {"data": None},
    {"data": None},
    {"data": {}},
    {"data": {"a": "YQ=="}},
    {"metadata": {"labels": {"l": None}}},
    {"metadata": {"labels": None}},
    {"metadata": {"annotations": {"p": "1", "q": None}}},
    {"metadata": None},
    {"metadata": {"name": "t"}},
    {"metadata": {"name": None}},
    {"metadata": {"namespace": "elsewhere"}},
    {"metadata": {"uid": "another"}},
    {"metadata": {"uid": None, "creationTimestamp": None, "resourceVersion": None}},
    {"metadata": {"resourceVersion": "1"}},
    {"metadata": {"resourceVersion": "garbage"}},
    {"metadata": {"resourceVersion": "{version}"}, "data": {"d": "ZA=="}},
    {"metadata": {"resourceVersion": "{first}"}, "data": {"d": "ZA=="}},
    {"apiVersion": "v2"},
    {"kind": "ConfigMap"},
    {"type": "other"},
    {"type": None},
    {"foo": 1},
    {"data": {"d": "!"}},
    {"data": {"d": 1}},
    {"data": {"d e": "YQ=="}},
    {"data": []},
    {"data": "x"},
    {"stringData": {"s": "t"}},
    {"metadata": {"finalizers": ["a.b/d"]}},
    {"metadata": {"finalizers": []}},
    {"metadata": {"ownerReferences": [_OWNER]}},
    {"metadata": {"labels": {"l": 1}}},
    {"metadata": {"generation": 9}},
    {"immutable": True},
    {"data": {"a": "eA=="}},
    {"immutable": None},
    [],
    "null",
    '"x"',
    "1",
    "",
    "{",
    '{"data":{"a":"YQ==","a":"Yg=="}}',
)

CONVERSATIONS: Mapping[str, Conversation] = {
    "merges": _of_full(MERGE, *_ANY),
    "strategic merges": _of_full(STRATEGIC, *_ANY),
    "strict merges": _of_full(
        MERGE,
        {"foo": 1},
        {"metadata": {"foo": 1}},
        {"data": {"c": "Yw=="}},
        '{"data":{"a":"YQ==","a":"Yg=="}}',
        query="fieldManager=n&fieldValidation=Strict",
    ),
    "strict strategic merges": _of_full(
        STRATEGIC,
        {"foo": 1},
        {"metadata": {"foo": 1}},
        {"data": {"c": "Yw=="}},
        query="fieldManager=n&fieldValidation=Strict",
    ),
    "careless merges": _of_full(
        MERGE, {"foo": 1}, {"data": {"c": "Yw=="}}, query="fieldValidation=Ignore&dryRun=All"
    ),
    "directives": _of_full(
        STRATEGIC,
        {"metadata": {"finalizers": ["a.b/d"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c"]}},
        {"metadata": {"ownerReferences": [{"$patch": "delete", "uid": "u1"}]}},
        {"metadata": {"ownerReferences": [_OWNER, {"$patch": "replace"}]}},
        {"metadata": {"ownerReferences": [{"name": "no uid"}]}},
        {"data": {"$patch": "replace", "z": "eg=="}},
        {"data": {"$patch": "delete"}},
        {"data": {"$patch": "other"}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/d"]}},
        {"$patch": "delete"},
        {"$patch": "replace", "metadata": {"name": "s"}},
    ),
    "operations": _of_full(
        JSON_PATCH,
        [],
        [{"op": "test", "path": "/data/a", "value": "YQ=="}],
        [{"op": "test", "path": "/data/a", "value": "wrong"}],
        [{"op": "test", "path": "/data/none", "value": "x"}],
        [{"op": "test", "path": "/data/none", "value": None}],
        [{"op": "remove", "path": "/data/none"}],
        [{"op": "replace", "path": "/data/none", "value": "YQ=="}],
        [{"op": "replace", "path": "/data/a", "value": "Yg=="}],
        [{"op": "add", "path": "/data/c", "value": "Yw=="}],
        [{"op": "add", "path": "/none/c", "value": "Yw=="}],
        [{"op": "add", "path": "/data/d", "value": 1}],
        [{"op": "add", "path": "/data/d", "value": "!"}],
        [{"op": "add", "path": "/data/d"}],
        [{"op": "remove", "path": "/metadata/labels/x~1y"}],
        [{"op": "add", "path": "/metadata/annotations/a~1b", "value": "2"}],
        [{"op": "add", "path": "/metadata/finalizers/-", "value": "a.b/d"}],
        [{"op": "add", "path": "/metadata/finalizers/0", "value": "a.b/e"}],
        [{"op": "add", "path": "/metadata/finalizers/9", "value": "a.b/f"}],
        [{"op": "remove", "path": "/metadata/finalizers/9"}],
        [{"op": "remove", "path": "/metadata/finalizers/0"}],
        [{"op": "move", "from": "/data/c", "path": "/data/e"}],
        [{"op": "copy", "from": "/data/e", "path": "/data/f"}],
        [{"op": "copy", "from": "/data/none", "path": "/data/f"}],
        [{"op": "move", "from": "/data/none", "path": "/data/f"}],
        [{"op": "remove", "path": "/data"}],
        [{"op": "remove", "path": "/data/a"}],
        [{"op": "add", "path": "/data", "value": _A}],
        [{"op": "replace", "path": "/metadata/name", "value": "t"}],
        [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}],
        [{"op": "remove", "path": "/metadata/name"}],
        [{"op": "remove", "path": "/metadata"}],
        [{"op": "replace", "path": "", "value": {}}],
        [{"op": "add", "path": "data/x", "value": "YQ=="}],
        [{"op": "nothing", "path": "/data/a"}],
        [{"path": "/data/a"}],
        [{"op": "remove"}],
        [{}],
        ["x"],
        [None],
        {},
        "null",
        '"x"',
        "",
        "{",
        '[{"op":"add","path":"/data/dup","value":"YQ==","value":"Yg=="}]',
        [{"op": "add", "path": "/foo", "value": 1}],
    ),
    "strict operations": _of_full(
        JSON_PATCH,
        [{"op": "add", "path": "/foo", "value": 1}],
        [{"op": "add", "path": "/data/c", "value": "Yw==", "extra": 1}],
        query="fieldValidation=Strict",
    ),
    "options": _of_full(MERGE, {"data": {"c": "Yw=="}}, query="fieldManager=n&force=true"),
    "of what is not there": Conversation(
        [
            _patch(MERGE, {}),
            _patch(STRATEGIC, {}),
            _patch(JSON_PATCH, []),
            _patch(MERGE, "{"),
            _patch(MERGE, {"metadata": {"resourceVersion": "1"}}),
        ]
    ),
    "of what is being deleted": Conversation(
        [
            post(_FULL),
            delete(),
            _patch(MERGE, {"data": {"c": "Yw=="}}),
            _patch(MERGE, {"metadata": {"finalizers": ["a.b/c", "a.b/x"]}}),
            _patch(MERGE, {"metadata": {"deletionTimestamp": None}}),
            _patch(JSON_PATCH, [{"op": "remove", "path": "/metadata/finalizers"}]),
            GET,
        ]
    ),
    "drift": Conversation(
        [
            apply(config(data={"a": "YQ==", "b": "Yg==", "c": "Yw=="})),
            _patch(MERGE, {"data": {"a": "eA=="}}, "fieldManager=kubectl-edit"),
            _patch(STRATEGIC, {"data": {"b": "eA=="}}, "fieldManager=kubectl-edit"),
            _patch(JSON_PATCH, [{"op": "remove", "path": "/data/c"}], "fieldManager=x"),
            _patch(MERGE, {"data": {"a": "YQ=="}}, ""),
            _patch(MERGE, {"data": {"a": None}}, "fieldManager=other"),
            _patch(MERGE, {"data": {"b": "eA=="}}, "fieldManager=other"),
            apply(
                config(data={"a": "YQ==", "b": "Yg==", "c": "Yw=="}), "fieldManager=m&force=true"
            ),
            apply(config(), "fieldManager=m"),
            GET,
        ]
    ),
    "found by chance": Conversation(
        [
            post(config(data=_A, immutable=False)),
            _patch(MERGE, {"data": {"b": []}}),
            _patch(STRATEGIC, {"data": {"c": [], "a": None}}),
            _patch(MERGE, {"apiVersion": "", "data": [], "foo": 1}),
            _patch(MERGE, {"apiVersion": "", "kind": "Nothing"}),
            _patch(MERGE, {"apiVersion": "", "foo": 1}, "fieldValidation=Strict"),
            _patch(STRATEGIC, {"immutable": "yes"}),
            _patch(STRATEGIC, {"metadata": {"labels": {"l": []}}}),
            _patch(STRATEGIC, {"metadata": {"labels": {"l": True}}}),
            _patch(STRATEGIC, {"metadata": {"generation": "x"}}),
            _patch(JSON_PATCH, [{"op": "copy", "path": "/data/c", "value": "MQ=="}]),
            _patch(MERGE, {"metadata": {"labels": {"o": 1}}, "data": {"odd": "YQ"}}),
            _patch(MERGE, {"metadata": {"name": "t", "namespace": "elsewhere", "foo": 1}}),
            post(config({"resourceVersion": "1"}, data=_A)),
            post(config({"resourceVersion": "-1"}, data=_A)),
            post(config({"resourceVersion": "1"}, data=_A), "dryRun=All"),
            post(config({"resourceVersion": "1", "labels": {"o": "a b"}}, data=_A)),
            post(config({"name": "t", "resourceVersion": "7"}, data=_A), "dryRun=All"),
            post(config({"name": "t", "resourceVersion": "garbage"}, data=_A)),
            apply(config({"labels": {}, "annotations": {"n": "1"}}), "fieldManager=two&force=true"),
            apply(config({"labels": {"l": "1"}, "annotations": {"n": "2"}})),
            GET,
        ]
    ),
    "media types": Conversation(
        [
            post(_FULL),
            *(
                _patch(media, {"data": {"c": "Yw=="}})
                for media in (
                    "application/json",
                    "text/plain",
                    "",
                    "application/merge-patch+json; charset=utf-8",
                    "application/MERGE-PATCH+json",
                    "application/apply-patch+json",
                    "application/apply-patch+cbor",
                    "garbage",
                )
            ),
        ]
    ),
}
