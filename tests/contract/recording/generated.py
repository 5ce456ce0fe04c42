"""Conversations that nobody thought of: writes of one Secret in every form, right and wrong.

They have what the emulator does and refuses as the server does, and not what it says it lacks. At
most one fault stands in each map, since the server walks a map in an order of chance.
"""

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from local.kubernetes.documents import Document, Json
from tests.contract.api_servers import APPLY, MERGE, STRATEGIC
from tests.contract.recording.conversation import Conversation, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = "/api/v1/namespaces/{ns}/secrets"
_SECRET = f"{_SECRETS}/s"
_GET = Request("GET", _SECRET)
_MANAGERS = ("one", "two", "three", "keyvault-sync")
_KEYS = ("a", "b", "c", "A_b.c-d")
_VALUES = ("MQ==", "Mg==", "", "YR==", "w6Q=")
_ODD_KEYS = ("", ".", "..", "..x", "a b", "a/b", "ä", "{k*254}")
_VERSIONS = ("{version}", "{version}", "{first}", "1", "0", "")
_OWNERS: tuple[Document, ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u1"},
    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u2", "controller": True},
    {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u3", "controller": False},
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
    st.just({"odd": None}), st.sampled_from(_ODD_KEYS).map(lambda key: {key: "MQ=="})
)
_DATA = _map(_KEYS, _VALUES, _ODD_DATA)
_TEXTS = _map(_KEYS, ("1", "ä", ""), st.sampled_from([{"odd": None}, {"a b": "x"}]))
_LABELS = _map(
    ("l", "x.y/m"),
    ("1", "2", ""),
    st.sampled_from([{"-": "1"}, {"o": "a b"}, {"o": None}, {"A/b": "1"}, {"a/": "1"}]),
)
_ANNOTATIONS = _map(("n", "x.y/n"), ("1", "a b\n"), st.sampled_from([{"a b": "1"}, {"o": None}]))


def _some(**fields: st.SearchStrategy[Json]) -> st.SearchStrategy[Document]:
    """Draw some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


_PLAIN = _some(labels=_LABELS, annotations=_ANNOTATIONS, resourceVersion=st.sampled_from(_VERSIONS))
_ADDRESS = _some(
    uid=st.sampled_from(["{uid}", "another"]),
    namespace=st.sampled_from(["{ns}", "elsewhere"]),
    name=st.sampled_from(["t", "", None]),
    managedFields=st.sampled_from([[], [{}], None]),
    foo=st.just(1),
)
_LISTS = _some(
    finalizers=st.sampled_from([[], ["a.b/c"]]),
    ownerReferences=st.lists(
        st.sampled_from(_OWNERS), unique_by=lambda owner: str(owner["uid"]), max_size=2
    ).map(list),
)


def _metadata(*rare: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    parts = st.tuples(_PLAIN, *(_rarely(each, {}) for each in rare))
    return parts.map(
        lambda drawn: {"name": "s", **{k: v for part in drawn for k, v in part.items()}}
    )


_ODD_FIELDS = _some(
    type=st.sampled_from(["Opaque", "x", "", None]),
    immutable=st.sampled_from([True, False, None]),
    stringData=_TEXTS,
    foo=st.sampled_from([1, {"bar": []}]),
    metadata=st.just({}),
)


def _whole(metadata: Document, data: Document, odd: Document) -> Document:
    fields: Document = {"data": data} if data else {}
    head: Document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return {**head, **fields, **odd}


_WHOLE = st.builds(_whole, _metadata(_ADDRESS, _LISTS), _DATA, _rarely(_ODD_FIELDS, {}))
_GONE = st.dictionaries(st.sampled_from(_KEYS), st.none(), max_size=2)


def _part(metadata: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
    return st.builds(
        lambda metadata, data, gone, odd: {"metadata": metadata, "data": {**data, **gone}, **odd},
        metadata,
        _DATA,
        _GONE,
        _rarely(_ODD_FIELDS, {}),
    )


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
    _patch(MERGE, _part(_metadata(_ADDRESS, _LISTS))),
    _patch(STRATEGIC, _part(_metadata(_ADDRESS, _LISTS))),
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
