"""The rules for objects: names, labels, annotations, keys, sizes and immutable fields."""

import json
import re
from collections.abc import Iterator, Mapping

from local.kubernetes import workload_rules
from local.kubernetes.documents import Document, child, items, text, texts, words
from local.kubernetes.kinds import NAMESPACE, RBAC, ROLE, SECRET, Kind
from local.kubernetes.objects import decoded_data
from local.kubernetes.selectors import field_of
from local.kubernetes.status import Cause, invalid_value, not_allowed, required, too_long

_DATA_LIMIT = 1 << 20
_ANNOTATIONS_LIMIT = 256 << 10
_IMMUTABLE = "field is immutable"
_FROZEN = "field is immutable when `immutable` is set"

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_KEY = "[-._a-zA-Z0-9]+"

_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_LABEL_SYNTAX = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    f"regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_SYNTAX = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN}')"
)
_QUALIFIED_SYNTAX = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_QUALIFIED}')"
)
_OPTIONAL_PREFIX = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"

_REQUIRED_KEYS = {"kubernetes.io/tls": ("tls.crt", "tls.key")}
_DOCKER_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


def faults(kind: Kind, document: Document) -> list[Cause]:
    """Return the faults of a new object, in the real server's order and words."""
    return [*_named(kind, document), *_metadata(document), *_own(kind, document)]


def update_faults(kind: Kind, old: Document, sent: Document, new: Document) -> list[Cause]:
    """Return the faults of a change; like the real server, checks metadata four times.

    `sent` is the object from the client, `new` the object to store.
    """
    changed = [*_metadata(new), *_fixed(child(old, "metadata"), child(sent, "metadata"))]
    whole = list(_metadata(new))
    own = [*_kept(kind, old, new), *_own(kind, new), *workload_rules.fixed_faults(kind, old, new)]
    return [*changed, *changed, *whole, *whole, *own]


def _fixed(before: Document, after: Document) -> Iterator[Cause]:
    for field in ("name", "namespace", "uid"):
        if text(after, field) not in ("", text(before, field)):
            yield invalid_value(f"metadata.{field}", text(after, field), _IMMUTABLE)


def _kept(kind: Kind, old: Document, new: Document) -> Iterator[Cause]:
    """Yield forbidden changes to immutable fields."""
    for field, why in kind.fixed.items():
        if field_of(old, field) != (value := field_of(new, field)):
            yield invalid_value(field, value, why)
    if old.get("immutable"):
        if not new.get("immutable"):
            yield not_allowed("immutable", _FROZEN)
        if child(old, "data") != child(new, "data"):
            yield not_allowed("data", _FROZEN)


def _own(kind: Kind, document: Document) -> Iterator[Cause]:
    if kind is SECRET:
        yield from _secret(document)
    elif kind is ROLE:
        yield from _role(document)
    else:
        yield from workload_rules.faults(kind, document)


def _named(kind: Kind, document: Document) -> Iterator[Cause]:
    name = text(child(document, "metadata"), "name")
    if name:
        yield from _name(kind, name)
    else:
        yield required("metadata.name", "name or generateName is required")


def _metadata(document: Document) -> Iterator[Cause]:
    metadata = child(document, "metadata")
    for key, value in texts(metadata, "labels").items():
        yield from _qualified("metadata.labels", key, "label key")
        if why := label_fault(value):
            yield invalid_value("metadata.labels", value, why)
    annotations = texts(metadata, "annotations")
    for key in annotations:
        yield from _qualified("metadata.annotations", key.lower(), "annotation key", shown=key)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        yield too_long("metadata.annotations", _ANNOTATIONS_LIMIT)


def _name(kind: Kind, name: str) -> Iterator[Cause]:
    if kind.group == RBAC:
        if name in {".", ".."} or "/" in name or "%" in name:
            yield invalid_value("metadata.name", name, "may not be a part of a path")
        return
    longest, pattern, syntax = (
        (_LONGEST_NAME, _SUBDOMAIN, _SUBDOMAIN_SYNTAX)
        if kind is not NAMESPACE
        else (_LONGEST_LABEL, _LABEL, _LABEL_SYNTAX)
    )
    if len(name) > longest:
        yield invalid_value("metadata.name", name, f"must be no more than {longest} characters")
    if not re.fullmatch(pattern, name):
        yield invalid_value("metadata.name", name, syntax)


def _qualified(where: str, key: str, what: str, shown: str | None = None) -> Iterator[Cause]:
    shown = key if shown is None else shown
    prefix, slash, name = key.partition("/")
    if "/" in name:
        why = f"a valid {what} {_QUALIFIED_SYNTAX}{_OPTIONAL_PREFIX}"
        yield invalid_value(where, shown, why)
        return
    if not slash:
        prefix, name = "", key
    elif not prefix:
        yield invalid_value(where, shown, "prefix part must be non-empty")
    elif len(prefix) > _LONGEST_NAME:
        yield invalid_value(where, shown, "prefix part must be no more than 253 bytes")
    elif not re.fullmatch(_SUBDOMAIN, prefix):
        yield invalid_value(where, shown, f"prefix part {_SUBDOMAIN_SYNTAX}")
    if not name:
        yield invalid_value(where, shown, "name part must be non-empty")
    elif len(name) > _LONGEST_LABEL:
        yield invalid_value(where, shown, "name part must be no more than 63 bytes")
    if not re.fullmatch(_QUALIFIED, name):
        yield invalid_value(where, shown, f"name part {_QUALIFIED_SYNTAX}")


def label_fault(value: str) -> str:
    """Return why the text cannot be a label's value; empty if it can."""
    if len(value) > _LONGEST_LABEL:
        return "must be no more than 63 bytes"
    if re.fullmatch(_VALUE, value):
        return ""
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )


def _secret(document: Document) -> Iterator[Cause]:
    keys = texts(document, "data")
    for key in keys:
        yield from _key(key)
    data = decoded_data(document)
    if sum(map(len, data.values())) > _DATA_LIMIT:
        yield too_long("data", _DATA_LIMIT)
    yield from _typed(text(document, "type"), data)


def _typed(kind: str, data: Mapping[str, bytes]) -> Iterator[Cause]:
    """Check a type's requirements, as ValidateSecret of Kubernetes' core validation does."""
    for key in _REQUIRED_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        yield required("data[username]")
        yield required("data[password]")
    if kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        yield required("data[ssh-privatekey]")
    docker = _DOCKER_KEYS.get(kind)
    if docker and docker not in data:
        yield required(f"data[{docker}]")
    elif docker and not _is_object(data[docker]):
        yield invalid_value(f"data[{docker}]", "<secret contents redacted>", "it is no JSON object")


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict | None)
    except ValueError:
        return False


def _role(document: Document) -> Iterator[Cause]:
    for index, rule in enumerate(items(document, "rules")):
        for field, why in (
            ("verbs", "verbs must contain at least one value"),
            ("apiGroups", "resource rules must supply at least one api group"),
            ("resources", "resource rules must supply at least one resource"),
        ):
            if not words(rule, field):
                yield required(f"rules[{index}].{field}", why)


def _key(key: str) -> Iterator[Cause]:
    where = f"data[{key}]"
    if len(key) > _LONGEST_NAME:
        yield invalid_value(where, key, "must be no more than 253 characters")
    if not re.fullmatch(_KEY, key):
        yield invalid_value(
            where,
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
            "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
            f"'{_KEY}')",
        )
    if key == ".":
        yield invalid_value(where, key, "must not be '.'")
    elif key.startswith(".."):
        yield invalid_value(
            where, key, "must not be '..'" if key == ".." else "must not start with '..'"
        )
