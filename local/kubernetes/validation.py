"""The rules an object must keep: names, labels, annotations, keys, sizes and what is immutable."""

import json
import re
from collections.abc import Iterator, Mapping

from local.kubernetes.documents import Document, child, items, text, texts, words
from local.kubernetes.kinds import ROLE, ROLE_BINDING, SECRET, Kind
from local.kubernetes.objects import data_size, decoded_data
from local.kubernetes.status import Cause, invalid_value, not_allowed, required, too_long

_DATA_LIMIT = 1 << 20
_ANNOTATIONS_LIMIT = 256 << 10
_IMMUTABLE = "field is immutable"
_NO_NEW_FINALIZERS = (
    "no new finalizers can be added if the object is being deleted, found new finalizers "
)
_FROZEN = "field is immutable when `immutable` is set"

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_KEY = "[-._a-zA-Z0-9]+"

_REQUIRED_KEYS = {"kubernetes.io/tls": ("tls.crt", "tls.key")}
_DOCKER_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


def faults(kind: Kind, document: Document) -> list[Cause]:
    """Return what is wrong with an object, in the real server's order and words."""
    found = list(_metadata(kind, document))
    if kind is SECRET:
        found += _secret(document)
    elif kind is ROLE:
        found += _role(document)
    return found


def change_faults(kind: Kind, old: Document, new: Document) -> list[Cause]:
    """Return what the change must not do."""
    found: list[Cause] = []
    before, after = child(old, "metadata"), child(new, "metadata")
    found += [
        invalid_value(f"metadata.{field}", text(after, field), _IMMUTABLE)
        for field in ("name", "namespace", "uid")
        if text(before, field) != text(after, field)
    ]
    added = [name for name in words(after, "finalizers") if name not in words(before, "finalizers")]
    if added and before.get("deletionTimestamp"):
        listed = ", ".join(f'"{name}"' for name in added)
        found.append(
            not_allowed("metadata.finalizers", _NO_NEW_FINALIZERS + f"[]string{{{listed}}}")
        )
    if kind is ROLE_BINDING and old.get("roleRef") != new.get("roleRef"):
        found.append(invalid_value("roleRef", "", "cannot change roleRef"))
    if kind is not SECRET:
        return found
    if old.get("type") != new.get("type"):
        found.append(invalid_value("type", text(new, "type"), _IMMUTABLE))
    if old.get("immutable"):
        if not new.get("immutable"):
            found.append(not_allowed("immutable", _FROZEN))
        if child(old, "data") != child(new, "data"):
            found.append(not_allowed("data", _FROZEN))
    return found


def _metadata(kind: Kind, document: Document) -> Iterator[Cause]:
    metadata = child(document, "metadata")
    name = text(metadata, "name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from _name(kind, name)
    for key, value in texts(metadata, "labels").items():
        yield from _qualified("metadata.labels", key)
        if len(value) > 63 or not re.fullmatch(_VALUE, value):  # noqa: PLR2004 - the syntax
            yield invalid_value("metadata.labels", value, _why_label(value))
    annotations = texts(metadata, "annotations")
    for key in annotations:
        yield from _qualified("metadata.annotations", key)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        yield too_long("metadata.annotations", _ANNOTATIONS_LIMIT)
    yield from _owners(metadata)
    for finalizer in words(metadata, "finalizers"):
        if "/" not in finalizer and finalizer not in {"orphan", "foregroundDeletion"}:
            yield invalid_value(
                "metadata.finalizers",
                finalizer,
                "name is neither a standard finalizer name nor is it fully qualified",
            )


def _owners(metadata: Document) -> Iterator[Cause]:
    for index, owner in enumerate(items(metadata, "ownerReferences")):
        where = f"metadata.ownerReferences[{index}]"
        for field, why in (
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ):
            if not text(owner, field):
                yield invalid_value(f"{where}.{field}", "", why)


def _name(kind: Kind, name: str) -> Iterator[Cause]:
    if kind.group:
        if name in {".", ".."} or "/" in name or "%" in name:
            yield invalid_value("metadata.name", name, "may not be a part of a path")
    elif kind is SECRET:
        if len(name) > 253 or not re.fullmatch(_SUBDOMAIN, name):  # noqa: PLR2004 - the syntax
            yield invalid_value(
                "metadata.name",
                name,
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                "characters, '-' or '.', and must start and end with an alphanumeric character "
                f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')",
            )
    elif len(name) > 63 or not re.fullmatch(_LABEL, name):  # noqa: PLR2004 - the syntax
        yield invalid_value(
            "metadata.name",
            name,
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
            f"regex used for validation is '{_LABEL}')",
        )


def _qualified(where: str, key: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    if slash and not re.fullmatch(_SUBDOMAIN, prefix.lower()):
        yield invalid_value(
            where, key, "prefix part a lowercase RFC 1123 subdomain must consist of lower case "
            "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
            f"character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
        )  # fmt: skip
    if len(name) > 63:  # noqa: PLR2004 - the syntax
        yield invalid_value(where, key, "name part must be no more than 63 bytes")
    elif not re.fullmatch(_QUALIFIED, name):
        yield invalid_value(
            where, key, "name part must consist of alphanumeric characters, '-', '_' or '.', and "
            "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
            "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
        )  # fmt: skip


def _why_label(value: str) -> str:
    if len(value) > 63:  # noqa: PLR2004 - the syntax
        return "must be no more than 63 bytes"
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )


def _secret(document: Document) -> Iterator[Cause]:
    keys = texts(document, "data")
    for key in sorted(keys):
        yield from _key(key)
    if data_size(document) > _DATA_LIMIT:
        yield too_long("data", _DATA_LIMIT)
    yield from _typed(text(document, "type"), decoded_data(document))


def _typed(kind: str, data: Mapping[str, bytes]) -> Iterator[Cause]:
    """Check what a type demands, as ValidateSecret of Kubernetes' core validation does."""
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
        yield invalid_value(f"data[{docker}]", "<secret contents redacted>", "no JSON object")


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content.decode()), dict | None)
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
    if len(key) > 253:  # noqa: PLR2004 - the syntax
        yield invalid_value(where, key, "must be no more than 253 bytes")
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
