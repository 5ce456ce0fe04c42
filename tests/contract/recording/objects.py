"""Secrets and namespaces read, created, replaced, listed and deleted."""

from collections.abc import Mapping

from local.kubernetes.documents import Document, Json
from tests.contract.recording.applies import GET, SECRET, apply, config
from tests.contract.recording.conversation import Conversation, Request

SECRETS = "/api/v1/namespaces/{ns}/secrets"
_NAMESPACE = "/api/v1/namespaces/{ns}"
_TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
_PARTIAL = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
_PARTIAL_LIST = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
_A: Document = {"a": "YQ=="}


def post(body: Json, query: str = "fieldManager=m", path: str = SECRETS) -> Request:
    """Return a create of that body."""
    return Request("POST", f"{path}?{query}", body)


def put(body: Json, query: str = "fieldManager=m", path: str = SECRET) -> Request:
    """Return a replacement by that body."""
    return Request("PUT", f"{path}?{query}", body)


def delete(options: Json = None, query: str = "", path: str = SECRET) -> Request:
    """Return a delete with those options."""
    return Request("DELETE", path + (f"?{query}" if query else ""), options)


def named(name: str, **fields: Json) -> Document:
    """Return a Secret of that name."""
    return config({"name": name}, **fields)


CONVERSATIONS: Mapping[str, Conversation] = {
    "creates": Conversation(
        [
            post(config(data=_A)),
            post(config(data=_A)),
            post(config(data=_A), "dryRun=All"),
            post({"metadata": {"name": "t"}, "stringData": {"a": "b"}}),
            post({**config(), "apiVersion": "v2"}),
            post({**config(), "kind": "ConfigMap"}),
            post({**config(), "kind": "Nothing"}),
            post(config({"name": "u", "namespace": "elsewhere"})),
            post(config({"name": "u", "resourceVersion": "1"})),
            post(config({"name": "u", "resourceVersion": "0"})),
            post(config({"name": "u", "uid": "mine"})),
            post(config({"name": ""})),
            post(config({"name": "a b"}, data={"x y": "YQ=="})),
            post({}),
            post([]),
            post("null"),
            post(""),
            post("{"),
            post('"x"'),
            post("apiVersion: v1"),
            post(config({"name": "g", "generateName": "h"})),
            post(
                config({"name": "v", "generation": 3, "deletionTimestamp": "2020-01-01T00:00:00Z"})
            ),
            post(config({"name": "w", "creationTimestamp": "2020-01-01T00:00:00Z"})),
            post(named("x", data=_A), path="/api/v1/namespaces/no-such/secrets"),
            post(named("x", data=_A), "force=true"),
            post(named("y", data=_A), "fieldManager={m*129}"),
        ]
    ),
    "creates with wrong fields": Conversation(
        [
            post(body, f"fieldManager=m&dryRun=All{validation}")
            for validation in ("&fieldValidation=Strict", "", "&fieldValidation=Ignore")
            for body in (
                config(data=_A, foo=1, bar={"x": 1}),
                config({"foo": 1}, data=_A),
                '{"metadata":{"name":"s"},"data":{"a":"YQ==","a":"Yg=="},"type":"x","type":"y"}',
                config(data={"a": 1}),
                config(data={"a": None}),
                config(data={"a": "!"}),
                config(data={"a": "YQ"}),
                config(data=[]),
                config(data=None),
                config(stringData={"a": 1}),
                config(stringData={"a": None}),
                config(immutable="yes"),
                config(type=1),
                config({"labels": {"l": 1}}),
                config({"labels": []}),
                config({"finalizers": "x"}),
                config({"ownerReferences": [{"uid": 1}]}),
                {**config(), "metadata": "x"},
                {**config(), "metadata": None},
                config({"creationTimestamp": "x"}),
                {**config(), "Data": _A},
            )
        ]
    ),
    "creates in YAML": Conversation(
        [
            Request("POST", SECRETS, body, "application/yaml")
            for body in (
                "metadata: {name: s}\nstringData: {a: b}\n",
                "metadata: {name: t}\ndata: {a: YQ==, a: Yg==}\n",
                "metadata: {name: u}\ndata: 1\n",
                "- a\n",
                "\t",
                "",
            )
        ]
    ),
    "replacements": Conversation(
        [
            put(config(data=_A)),
            post(config({"labels": {"l": "1"}}, data=_A)),
            put(config(data=_A)),
            put(config(data=_A)),
            put(config({"resourceVersion": "{version}"}, data={"b": "Yg=="}), "fieldManager=n"),
            put(config({"resourceVersion": "{first}"}, data=_A)),
            put(config({"resourceVersion": "garbage"}, data=_A)),
            put(config({"resourceVersion": "0"}, data=_A)),
            put(config({"uid": "{uid}"}, data=_A)),
            put(config({"uid": "another"}, data=_A)),
            put(config({"namespace": "elsewhere"}, data=_A)),
            put(named("t", data=_A)),
            put({"data": _A}),
            put({**config(), "kind": "ConfigMap"}),
            put(config(data=_A, type="other")),
            put(config(data=_A), "dryRun=All"),
            put(config(data={"b": "eA=="}), "dryRun=All&fieldManager=o"),
            put(config(data=_A, foo=1), "fieldValidation=Strict"),
            put(config(data=_A, foo=1)),
            put(config({"creationTimestamp": "2020-01-01T00:00:00Z", "generation": 7}, data=_A)),
            put(config(stringData={"s": "t"})),
            put(config({"managedFields": []}, data=_A)),
            put(config({"managedFields": None}, data=_A)),
            put([]),
            put(""),
            GET,
        ]
    ),
    "deletes": Conversation(
        [
            delete(),
            post(config(data=_A)),
            delete({"preconditions": {"uid": "another"}}),
            delete({"preconditions": {"resourceVersion": "1"}}),
            delete({"preconditions": {"resourceVersion": "1", "uid": "another"}}),
            delete({"dryRun": ["All"]}),
            delete({"dryRun": ["None"]}),
            delete(query="dryRun=All"),
            delete(query="dryRun=Some"),
            delete({"gracePeriodSeconds": -1}),
            delete({"propagationPolicy": "Never"}),
            delete({"propagationPolicy": "Foreground", "orphanDependents": True}),
            delete({"kind": "Pod", "apiVersion": "v1"}),
            delete({"kind": "DeleteOptions", "apiVersion": "v2"}),
            delete("{"),
            delete([]),
            delete({"preconditions": {"uid": "{uid}", "resourceVersion": "{version}"}}),
            GET,
            post(config(data=_A)),
            delete({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 5}),
            post(config({"finalizers": ["a.b/c"]}, data=_A)),
            delete(query="propagationPolicy=Background"),
            delete(),
            put(config({"finalizers": ["a.b/c", "a.b/d"]})),
            put(config({"finalizers": ["a.b/c"]}, data={"b": "Yg=="})),
            put(config()),
            GET,
        ]
    ),
    "lists": Conversation(
        [
            Request("GET", SECRETS),
            post(config({"name": "one", "labels": {"app": "a"}}, data=_A)),
            post(config({"name": "two", "labels": {"app": "b"}}, data=_A, type="t")),
            Request("GET", SECRETS),
            *(
                Request("GET", f"{SECRETS}?{query}")
                for query in (
                    "labelSelector=app%3Da",
                    "labelSelector=app",
                    "labelSelector=!app",
                    "labelSelector=app%20in%20(a,b)",
                    "labelSelector=app%20notin%20(a)",
                    "labelSelector=app%3D%3D%3Da",
                    "labelSelector=app%3D-",
                    "labelSelector=%20",
                    "fieldSelector=metadata.name%3Dtwo",
                    "fieldSelector=metadata.name!%3Dtwo",
                    "fieldSelector=type%3Dt",
                    "fieldSelector=foo%3Dt",
                    "fieldSelector=type",
                    "resourceVersion=0",
                    "resourceVersion=garbage",
                    "resourceVersionMatch=Exact",
                    "limit=x",
                    "limit=500",
                    "timeoutSeconds=1",
                    "watch=false",
                )
            ),
            delete(query="labelSelector=app%3Da", path=SECRETS),
            Request("GET", SECRETS),
            delete(query="fieldSelector=foo%3Da", path=SECRETS),
            delete(query="dryRun=All", path=SECRETS),
            delete(path=SECRETS),
            Request("GET", SECRETS),
        ]
    ),
    "other forms": Conversation(
        [
            Request("GET", SECRET, headers=_TABLE),
            post(config({"labels": {"l": "1"}}, data={"a": "YQ==", "b": ""})),
            Request("GET", SECRET, headers=_TABLE),
            Request("GET", f"{SECRET}?includeObject=None", headers=_TABLE),
            Request("GET", f"{SECRET}?includeObject=Object", headers=_TABLE),
            Request("GET", f"{SECRET}?includeObject=Some", headers=_TABLE),
            Request("GET", SECRETS, headers=_TABLE),
            Request("GET", SECRET, headers=_PARTIAL),
            Request("GET", SECRETS, headers=_PARTIAL_LIST),
            Request("GET", SECRETS, headers=_PARTIAL),
            Request("GET", SECRET, headers={"Accept": f"{_TABLE['Accept']}, application/json"}),
            Request("GET", SECRET, headers={"Accept": "application/json;q=0.5, */*;q=0.1"}),
            Request("GET", SECRET, headers={"Accept": "*/*"}),
            Request("GET", SECRET, headers={"Accept": "application/*"}),
            Request("GET", SECRET, headers={"Accept": "application/yaml"}),
            Request("GET", SECRET, headers={"Accept": "text/plain"}),
            Request("GET", SECRET, headers={"Accept": "text/html, application/json"}),
            Request("GET", SECRET, headers={"Accept": "application/json;as=Nothing;v=v1;g=x"}),
            Request("GET", SECRET, headers={"Accept": ""}),
        ]
    ),
    "namespaces": Conversation(
        [
            Request("GET", _NAMESPACE),
            Request("GET", _NAMESPACE, headers=_TABLE),
            Request("GET", "/api/v1/namespaces/no-such"),
            Request("GET", "/api/v1/namespaces?fieldSelector=metadata.name%3D{ns}"),
            Request("GET", "/api/v1/namespaces?labelSelector=kubernetes.io/metadata.name%3D{ns}"),
            post({"metadata": {"name": "{ns}"}}, path="/api/v1/namespaces"),
            post({"metadata": {"name": "A.b"}}, path="/api/v1/namespaces"),
            post({"metadata": {"name": "{n*64}"}}, path="/api/v1/namespaces"),
            post({"metadata": {"name": ""}}, path="/api/v1/namespaces"),
            post(
                {"metadata": {"name": "{ns}-2", "labels": {"l": "1"}}},
                "dryRun=All&fieldManager=m",
                "/api/v1/namespaces",
            ),
            apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "{ns}"}},
                path=_NAMESPACE,
            ),
            apply(
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": "{ns}", "labels": {"l": "1"}},
                },
                path=_NAMESPACE,
            ),
            delete(path="/api/v1/namespaces/no-such"),
            delete(path="/api/v1/namespaces/default"),
            delete(path="/api/v1/namespaces/kube-system"),
            delete(path="/api/v1/namespaces/kube-public"),
            delete(path="/api/v1/namespaces"),
            delete(query="dryRun=All", path=_NAMESPACE),
            Request("GET", _NAMESPACE),
        ]
    ),
}
