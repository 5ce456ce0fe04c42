"""Server-side applies of a Secret: the app's own write, and all that may be wrong with one."""

from collections.abc import Mapping

from local.kubernetes.documents import Document, Json
from tests.contract.api_servers import APPLY, MERGE
from tests.contract.recording.conversation import Conversation, Request

SECRET = "/api/v1/namespaces/{ns}/secrets/s"
_NAMESPACE = "/api/v1/namespaces/{ns}"


def config(metadata: Document | None = None, **fields: Json) -> Document:
    """Return a Secret as it is applied."""
    named: Document = {"name": "s", **(metadata or {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": named, **fields}


def apply(body: Json, query: str = "fieldManager=m", path: str = SECRET) -> Request:
    """Return an apply of that body."""
    return Request("PATCH", f"{path}?{query}", body, APPLY)


def merge(body: Json, query: str = "fieldManager=n") -> Request:
    """Return a merge patch with that body."""
    return Request("PATCH", f"{SECRET}?{query}", body, MERGE)


GET = Request("GET", SECRET)
FORCED = "fieldManager=keyvault-sync&force=true"
_A: Document = {"a": "YQ=="}
_B: Document = {"b": "Yg=="}
_AB: Document = {"a": "eA==", "b": "Yg=="}


def _each(*bodies: Json, query: str = "fieldManager=m") -> Conversation:
    return Conversation([apply(body, query) for body in bodies])


_DEMANDS: tuple[tuple[str, Document], ...] = (
    ("tls", {}),
    ("tls", {"tls.crt": "", "tls.key": ""}),
    ("tls", {"tls.crt": "YQ=="}),
    ("basic-auth", {}),
    ("basic-auth", {"username": "YQ=="}),
    ("ssh-auth", {}),
    ("ssh-auth", {"ssh-privatekey": ""}),
    ("dockerconfigjson", {}),
    ("dockerconfigjson", {".dockerconfigjson": "YQ=="}),
    ("dockerconfigjson", {".dockerconfigjson": "e30="}),
    ("dockercfg", {}),
    ("dockercfg", {".dockercfg": "W10="}),
    ("service-account-token", {}),
    ("nothing-known", {}),
)
_ODD: tuple[Document, ...] = (
    {"labels": {"-": "x"}},
    {"labels": {"a/b/c": "x"}},
    {"labels": {"": "x"}},
    {"labels": {"A.b/c": "x"}},
    {"labels": {"/c": "x"}},
    {"labels": {"c/": "x"}},
    {"labels": {"{l*64}": "x"}},
    {"labels": {"{l*254}/a": "x"}},
    {"labels": {"a": "x y"}},
    {"labels": {"b": "-"}},
    {"labels": {"a": "{x*64}"}},
    {"annotations": {"a b": "x"}},
    {"annotations": {"a": "{x*262144}"}},
    {"finalizers": ["x"]},
    {"finalizers": ["a b/c", "y"]},
    {"ownerReferences": [{"uid": "u"}]},
    {"ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": ""}]},
    {"ownerReferences": [{"apiVersion": "a/b/c", "kind": "K", "name": "n", "uid": "u"}]},
    {"labels": {"a b": "x"}, "annotations": {"c d": "x"}, "finalizers": ["x"]},
    {"labels": {"a": "{x*63}"}},
    {"labels": {"a": ""}},
    {"annotations": {"A/b": "x"}},
    {"annotations": {"a": "ä\n"}},
)

CONVERSATIONS: Mapping[str, Conversation] = {
    "the app's writes": Conversation(
        [
            GET,
            apply(config({"resourceVersion": "1", "labels": {"l": "1"}}, data=_A), FORCED),
            GET,
            apply(config({"resourceVersion": "1"}, data=_A), FORCED),
            apply(config({"resourceVersion": "{version}", "labels": {"l": "1"}}, data=_A), FORCED),
            apply(config({"resourceVersion": "{version}"}, data=_AB), FORCED),
            apply(config({"resourceVersion": "{first}"}, data=_A), FORCED),
            merge({"metadata": {"resourceVersion": "{version}"}, "data": {"a": None}}),
            merge({"metadata": {"resourceVersion": "{first}"}, "data": {"b": None}}),
            apply(config({"resourceVersion": "{version}"}, data=_A, type="Opaque"), FORCED),
            Request("DELETE", SECRET),
            merge({"metadata": {"resourceVersion": "{version}"}, "data": {"a": None}}),
            apply(config({"resourceVersion": "{version}"}, data=_B), FORCED),
        ]
    ),
    "versions": _each(
        config({"resourceVersion": "0"}, data=_A),
        config({"resourceVersion": "0"}, data=_B),
        config({"resourceVersion": "garbage"}, data=_A),
        config({"resourceVersion": "-1"}, data=_A),
        config({"resourceVersion": "99999999999999999999"}, data=_A),
        config({"resourceVersion": ""}, data=_A),
        config({"resourceVersion": 7}, data=_A),
        config({"uid": "{uid}"}, data=_A),
        config({"uid": "another"}, data=_A),
        config({"uid": "another", "resourceVersion": "1"}, data=_B),
    ),
    "versions of what is not there": Conversation(
        [
            apply(config({"resourceVersion": version}, data=_A), "fieldManager=m&dryRun=All")
            for version in ("garbage", "-1", "0", "1", "99999999999999999999", "")
        ]
    ),
    "a uid of what is not there": _each(config({"uid": "another"}, data=_A)),
    "conflicts": Conversation(
        [
            apply(config(data=_AB), "fieldManager=one"),
            apply(config({"labels": {"l": "1"}}, data={**_A, "c": "Yw=="}), "fieldManager=two"),
            apply(config({"labels": {"l": "2"}}, data={"c": "YQ=="}), "fieldManager=two"),
            merge({"data": {"b": "eQ==", "c": "eQ=="}, "metadata": {"labels": {"l": "3"}}}),
            apply(
                config({"labels": {"l": "1"}}, data={"a": "MQ==", "b": "MQ=="}), "fieldManager=two"
            ),
            apply(
                config({"labels": {"l": "1"}}, data={"a": "MQ==", "b": "MQ=="}), "fieldManager=one"
            ),
            apply(config(data={"b": "MQ=="}), "fieldManager=one"),
            apply(config(data={"b": "MQ=="}, type="x"), "fieldManager=two"),
            apply(config(data={"b": "MQ=="}), "fieldManager=two&force=true"),
            apply(config(), "fieldManager=two"),
            apply(config(data={}), "fieldManager=one&force=true"),
        ]
    ),
    "options": Conversation(
        [
            apply(config(data=_A), query)
            for query in (
                "",
                "fieldManager=",
                "fieldManager={m*128}",
                "fieldManager={m*129}",
                "fieldManager=a%0Ab",
                "fieldManager=m&force=maybe",
                "fieldManager=m&force=1",
                "fieldManager=m&force=false",
                "fieldManager=m&dryRun=All",
                "fieldManager=m&dryRun=",
                "fieldManager=m&dryRun=None",
                "fieldManager=m&dryRun=All&dryRun=All",
                "fieldManager=m&dryRun=All&dryRun=Some",
                "fieldManager=m&fieldValidation=Strict",
                "fieldManager=m&fieldValidation=strict",
                "fieldManager=m&fieldValidation=Ignore&force=true",
                "fieldManager=m&pretty=false",
                "fieldManager=m&unknown=1",
                "fieldManager={m*129}&fieldValidation=no&dryRun=no",
            )
        ]
    ),
    "dry runs": Conversation(
        [
            apply(config(data=_A), "fieldManager=m&dryRun=All"),
            GET,
            apply(config(data=_A)),
            apply(config(data=_B), "fieldManager=m&dryRun=All"),
            apply(config(data=_A), "fieldManager=m&dryRun=All"),
            GET,
        ]
    ),
    "addresses": _each(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {}},
        {"apiVersion": "v1", "kind": "Secret"},
        config({"namespace": "elsewhere"}, data=_A),
        config({"namespace": "{ns}"}, data=_A),
        config({"generateName": "s"}, data=_A),
        {**config(), "apiVersion": "v2"},
        {**config(), "apiVersion": ""},
        {**config(), "kind": "ConfigMap"},
        {**config(), "kind": ""},
        {"metadata": {"name": "s"}},
        {},
        [],
        None,
        "",
        "a",
        "{",
        "a: b: c",
    ),
    "a claim of what is there": Conversation(
        [
            apply(config(data=_A), "fieldManager=one"),
            apply(config(data=_A), "fieldManager=two"),
            apply(config({"resourceVersion": "0"}, data=_A), "fieldManager=three"),
            apply(config({"resourceVersion": "{version}"}, data=_A), "fieldManager=four"),
        ]
    ),
    "a name that is empty": Conversation(
        [
            apply(config(data=_A)),
            apply(config({"name": ""}, data=_A)),
            apply(config({"name": None}, data=_A)),
            GET,
        ]
    ),
    "no namespace": Conversation(
        [
            apply(config(data=_A), path="/api/v1/namespaces/no-such/secrets/s"),
            apply(config({"namespace": "{ns}"}), path="/api/v1/namespaces/no-such/secrets/s"),
            apply(config(data={"a b": "YQ=="}), path="/api/v1/namespaces/no-such/secrets/s"),
            Request("GET", "/api/v1/namespaces/no-such/secrets/s"),
            Request("GET", "/api/v1/namespaces/no-such/secrets"),
            Request("DELETE", "/api/v1/namespaces/no-such/secrets/s"),
        ]
    ),
    "fields": Conversation(
        [
            apply(body, f"fieldManager=m&fieldValidation={validation}")
            for validation in ("Strict", "Warn", "Ignore")
            for body in (
                config(data=_A, foo=1),
                config({"foo": 1}, data=_A),
                (
                    '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},'
                    '"data":{"a":"YQ==","a":"Yg=="}}'
                ),
                "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==, a: Yg==}\n",
            )
        ]
    ),
    "types of fields": _each(
        config(data={"a": 1}),
        config(data={"a": 1.5}),
        config(data={"a": True}),
        config(data={"a": None}),
        config(data={"a": {}}),
        config(data={"a": []}),
        config(data=[]),
        config(data="x"),
        config(data=None),
        config(stringData={"a": 1}),
        config(stringData={"a": None}),
        config(immutable="yes"),
        config(immutable=1),
        config(immutable=None),
        config(type=1),
        config(type=None),
        config({"labels": {"l": 1}}),
        config({"labels": {"l": None}}),
        config({"labels": []}),
        config({"annotations": {"l": True}}),
        config({"finalizers": "x"}),
        config({"finalizers": [1]}),
        config({"ownerReferences": [{"uid": 1}]}),
        config({"ownerReferences": {}}),
        {**config(), "metadata": "x"},
        {**config(), "metadata": None},
        config({"name": 1}),
        config({"generation": "x"}),
        config({"creationTimestamp": "x"}),
        config({"creationTimestamp": None}),
    ),
    "values": _each(
        config(data={"a": "!"}),
        config(data={"a": "YQ"}),
        config(data={"a": "YQ=== "}),
        config(data={"a": "YR=="}),
        config(data={"a": "Y\nQ\r=="}),
        config(data={"a": "Y Q=="}),
        config(data={"a": "YQ==YQ=="}),
        config(data={"a": "_-8="}),
        config(data={"a": "ä"}),
        config(data={"a": ""}),
        config(data={}),
        config(data={"a": "YQ=="}, stringData={"a": "b", "b": ""}),
        config(stringData={"a": "ä\u0000\u2028<&>"}),
        config(data={"a": "YQ=="}),
    ),
    "stringData beside an owner of data": Conversation(
        [
            apply(config(data=_A), FORCED),
            apply(config(stringData={"a": "b", "s": "t"}), "fieldManager=n"),
            GET,
            apply(config(data=_A), FORCED),
            apply(config(stringData={"a": "b", "s": "t"}), "fieldManager=n"),
            apply(config(stringData={"s": "t"}), "fieldManager=n"),
            GET,
            merge({"data": {"a": None}}, "fieldManager=keyvault-sync"),
            apply(config({"labels": {"l": "1"}}, data={}), FORCED),
            apply(config({"labels": {"l": "2"}}, data={}), FORCED),
            apply(config({"labels": {"l": "3"}}), FORCED),
            GET,
            apply(config(stringData={"s": "u"}), "fieldManager=n"),
            apply(config({"labels": {"l": "4"}}), FORCED),
            apply(config({"labels": {"l": "5"}}), FORCED),
            apply(config(data=_A), FORCED),
            apply(config(), FORCED),
            GET,
        ]
    ),
    "YAML": _each(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hello}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: 2020-01-01}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: on}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: 1}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: !!binary YQ==}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\nkind: Secret\n",
        "%YAML 9\n---\nkind: Secret\n",
        "\tkind: Secret\n",
    ),
    "keys": _each(
        *(
            config(data={key: "YQ=="})
            for key in ("a b", "a/b", "", ".", "..", "..a", ".a", "{k*253}", "{k*254}", "ü", "A_b")
        ),
        config(data={"a b": "YQ==", "c": "YQ=="}),
    ),
    "names": Conversation(
        [
            apply(
                config({"name": name}, data=_A),
                path=f"/api/v1/namespaces/{{ns}}/secrets/{name}",
            )
            for name in ("S", "a_b", "a.b", "-a", "{n*253}", "{n*254}", "a..b")
        ]
    ),
    "labels and annotations": _each(*map(config, _ODD)),
    "labels and annotations of what is there": Conversation(
        [apply(config(data=_A)), *(apply(config(metadata)) for metadata in _ODD)]
    ),
    "sizes": Conversation(
        [
            apply(config(data={"a": "{A*1398100}"}), FORCED),
            apply(config(data={"a": "{A*1398100}", "b": "AA=="}), FORCED),
            apply(config(data={"a": "{A*1398104}"}), FORCED),
            apply(config({"annotations": {"a": "{x*262143}"}}), FORCED),
            apply(config({"annotations": {"a": "{x*262144}"}}), FORCED),
            apply(config(data={"a": "{A*3145728}"}), FORCED),
        ]
    ),
    "type and immutability": Conversation(
        [
            apply(config(data=_A)),
            apply(config(data=_A, type="other")),
            apply(config(data=_A, type="")),
            apply(config(data=_A, immutable=True)),
            apply(config(data=_B, immutable=True)),
            apply(config(data=_A)),
            apply(config(data=_A, immutable=False)),
            apply(config({"labels": {"l": "1"}}, data=_A, immutable=True)),
            apply(config({"labels": {"l": "1"}}, data=_AB, immutable=True, type="z"), FORCED),
            merge({"data": {"a": None}}),
            merge({"immutable": None}),
        ]
    ),
    "types with demands": Conversation(
        [
            apply(
                config({"name": "t"}, type=f"kubernetes.io/{kind}", data=data),
                "fieldManager=m&dryRun=All",
                "/api/v1/namespaces/{ns}/secrets/t",
            )
            for kind, data in _DEMANDS
        ]
    ),
    "managedFields": Conversation(
        [
            apply(config({"managedFields": []}, data=_A)),
            apply(config({"managedFields": None}, data=_A)),
            apply(config({"managedFields": [{}]}, data=_A)),
            apply(config({"managedFields": "x"}, data=_A)),
            merge({"metadata": {"managedFields": [{}]}}),
            apply(config(data=_B)),
            merge({"metadata": {"managedFields": []}, "data": {"c": "Yw=="}}),
            merge({"metadata": {"managedFields": None}, "data": {"d": "Yw=="}}),
            merge({"metadata": {"managedFields": [{"manager": "x"}]}}),
            merge({"metadata": {"managedFields": [{"manager": "x", "operation": "Apply"}]}}),
            GET,
        ]
    ),
    "being deleted": Conversation(
        [
            apply(config({"finalizers": ["a.b/c"]}, data=_A)),
            Request("DELETE", SECRET),
            Request("DELETE", SECRET),
            apply(config({"finalizers": ["a.b/c", "a.b/d"]}, data=_A)),
            apply(config({"finalizers": ["a.b/c"]}, data=_B)),
            apply(config(data=_B)),
            GET,
        ]
    ),
    "a namespace being deleted": Conversation(
        [
            apply(config({"finalizers": ["a.b/c"]}, data=_A)),
            Request("DELETE", SECRET),
            Request("DELETE", _NAMESPACE),
            Request("GET", _NAMESPACE),
            Request("DELETE", _NAMESPACE),
            apply(config({"name": "t"}, data=_B), path="/api/v1/namespaces/{ns}/secrets/t"),
            Request("POST", "/api/v1/namespaces/{ns}/secrets", config({"name": "t"})),
            apply(config({"finalizers": ["a.b/c"]}, data=_B)),
            GET,
            merge({"data": {"a": "YQ=="}}),
        ]
    ),
}
