"""Conversations that nobody thought of: writes of one Secret in every form, right and wrong.

At most one fault stands in each map, since the server walks a map in an order of chance.
"""

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from local.kubernetes.documents import Document, Json
from tests.contract.api_servers import APPLY, JSON_PATCH, MERGE, STRATEGIC
from tests.contract.recording.conversation import Conversation, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = "/api/v1/namespaces/{ns}/secrets"
_SECRET = f"{_SECRETS}/s"
_GET = Request("GET", _SECRET)
_MANAGERS = ("one", "two", "three", "keyvault-sync")
_KEYS = ("a", "b", "c", "A_b.c-d")
_VALUES = ("MQ==", "Mg==", "", "YR==", "w6Q=")
_ODD_VALUES: tuple[Json, ...] = ("!", "YQ", "YQ==YQ==", "Y Q==", None, 1, True, [], {}, "a=")
_ODD_KEYS = ("", ".", "..", "..x", "a b", "a/b", "ä", "{k*254}")
_VERSIONS = ("{version}", "{version}", "{first}", "1", "0", "", "garbage", "-1")
_FINALIZERS = ("a.b/c", "a.b/d")
_OWNERS: tuple[Document, ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u1"},
    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u2", "controller": True},
    {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u3", "controller": False},
    {"apiVersion": "v1", "kind": "", "name": "p", "uid": "u4"},
)


def _rarely[T](value: st.SearchStrategy[T], otherwise: T) -> st.SearchStrategy[T]:
    """Draw the value once in eight times."""
    return st.integers(0, 7).flatmap(lambda dice: value if dice == 0 else st.just(otherwise))


def _map(
    keys: tuple[str, ...], values: tuple[Json, ...], odd: st.SearchStrategy[Document]
) -> st.SearchStrategy[Document]:
    right = st.dictionaries(st.sampled_from(keys), st.sampled_from(values), max_size=3)
    return st.tuples(right, _rarely(odd, {})).map(lambda both: {**both[0], **both[1]})


_ODD_DATA: st.SearchStrategy[Document] = st.one_of(
    st.sampled_from(_ODD_VALUES).map(lambda value: {"odd": value}),
    st.sampled_from(_ODD_KEYS).map(lambda key: {key: "MQ=="}),
)
_DATA = _map(_KEYS, _VALUES, _ODD_DATA)
_TEXTS = _map(_KEYS, ("1", "ä", ""), st.sampled_from([{"odd": 1}, {"odd": None}, {"a b": "x"}]))
_LABELS = _map(
    ("l", "x.y/m"),
    ("1", "2", ""),
    st.sampled_from([{"-": "1"}, {"o": "a b"}, {"o": 1}, {"o": None}, {"A/b": "1"}, {"a/": "1"}]),
)
_ANNOTATIONS = _map(
    ("n", "x.y/n"), ("1", "a b\n"), st.sampled_from([{"a b": "1"}, {"o": None}, {"o": []}])
)


def _some(**fields: st.SearchStrategy[Json]) -> st.SearchStrategy[Document]:
    """Draw some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


_METADATA = st.tuples(
    _some(
        labels=_LABELS,
        annotations=_ANNOTATIONS,
        resourceVersion=st.sampled_from(_VERSIONS),
    ),
    _rarely(
        _some(
            finalizers=st.lists(st.sampled_from(_FINALIZERS), unique=True, max_size=2).map(list),
            ownerReferences=st.lists(
                st.sampled_from(_OWNERS), unique_by=lambda owner: str(owner["uid"]), max_size=2
            ).map(list),
            uid=st.sampled_from(["{uid}", "another"]),
            namespace=st.sampled_from(["{ns}", "elsewhere"]),
            name=st.sampled_from(["t", "", None, 1]),
            managedFields=st.sampled_from([[], [{}], None]),
            foo=st.just(1),
        ),
        {},
    ),
).map(lambda both: {"name": "s", **both[0], **both[1]})
_ODD_FIELDS = _some(
    type=st.sampled_from(["Opaque", "x", "", None, 1]),
    immutable=st.sampled_from([True, False, None, "yes"]),
    stringData=_TEXTS,
    foo=st.sampled_from([1, {"bar": []}]),
    kind=st.sampled_from(["Nothing", ""]),
    apiVersion=st.sampled_from(["v2", ""]),
    metadata=st.sampled_from(["x", {}]),
    data=st.sampled_from([[], "x", 1]),
)


def _whole(metadata: Document, data: Document, odd: Document) -> Document:
    fields: Document = {"data": data} if data else {}
    head: Document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return {**head, **fields, **odd}


_WHOLE = st.builds(_whole, _METADATA, _DATA, _rarely(_ODD_FIELDS, {}))
_GONE = st.dictionaries(st.sampled_from(_KEYS), st.none(), max_size=2)
_PART = st.builds(
    lambda metadata, data, gone, odd: {"metadata": metadata, "data": {**data, **gone}, **odd},
    _METADATA,
    _DATA,
    _GONE,
    _rarely(_ODD_FIELDS, {}),
)
_POINTERS = (
    *tuple(f"/data/{key}" for key in _KEYS),
    "/data",
    "/data/none",
    "/metadata/labels/l",
    "/metadata/labels/x.y~1m",
    "/metadata/annotations",
    "/metadata/finalizers/0",
    "/metadata/finalizers/-",
    "/immutable",
    "/foo",
)


def _listed(operations: list[Document]) -> Json:
    return [*operations]


def _operation(op: str, path: str, rest: Document) -> Document:
    return {"op": op, "path": path, **rest}


_OPERATIONS = st.lists(
    st.builds(
        _operation,
        st.sampled_from(["add", "remove", "replace", "test", "move", "copy", "x"]),
        st.sampled_from(_POINTERS),
        _some(
            value=st.sampled_from(["MQ==", "a.b/c", None, 1, True, {"a": "MQ=="}]),
            **{"from": st.sampled_from(_POINTERS)},
        ),
    ),
    max_size=3,
).map(_listed)


def _query(name: str, values: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(values).map(lambda value: f"&{name}={value}")


_OPTIONS = st.tuples(
    st.sampled_from(_MANAGERS).map(lambda manager: f"?fieldManager={manager}"),
    _rarely(_query("dryRun", ("All", "")), ""),
    _rarely(_query("fieldValidation", ("Strict", "Ignore", "Warn", "x")), ""),
).map("".join)
_FORCE = st.sampled_from(["", "&force=true", "&force=true", "&force=false"])


def _patch(media: str, body: st.SearchStrategy[Json]) -> st.SearchStrategy[Request]:
    return st.builds(
        lambda query, sent: Request("PATCH", _SECRET + query, sent, media), _OPTIONS, body
    )


_DELETION = st.builds(
    lambda options: Request("DELETE", _SECRET, options),
    st.sampled_from(
        [
            None,
            {},
            {"preconditions": {"uid": "{uid}"}},
            {"preconditions": {"resourceVersion": "{first}"}},
            {"dryRun": ["All"]},
        ]
    ),
)
_REQUEST: st.SearchStrategy[Request] = st.one_of(
    st.builds(
        lambda query, force, body: Request("PATCH", _SECRET + query + force, body, APPLY),
        _OPTIONS,
        _FORCE,
        _WHOLE,
    ),
    _patch(MERGE, _PART),
    _patch(STRATEGIC, _PART),
    _patch(JSON_PATCH, _OPERATIONS),
    st.builds(lambda query, body: Request("PUT", _SECRET + query, body), _OPTIONS, _WHOLE),
    st.builds(lambda query, body: Request("POST", _SECRETS + query, body), _OPTIONS, _WHOLE),
    _DELETION,
)


def _conversation(requests: list[Request]) -> Conversation:
    """Begin with an apply, since most that follows is about what is there; look after each."""
    data: Mapping[str, Json] = {"a": "MQ==", "b": "Mg=="}
    first = Request(
        "PATCH", f"{_SECRET}?fieldManager=one", _whole({"name": "s"}, dict(data), {}), APPLY
    )
    return Conversation([each for request in (first, *requests) for each in (request, _GET)])


CONVERSATIONS: st.SearchStrategy[Conversation] = st.lists(_REQUEST, min_size=1, max_size=12).map(
    _conversation
)
