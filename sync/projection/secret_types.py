"""Builds the data of a Secret with a built-in Kubernetes type from a vault secret's value."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

from sync.core.errors import Permanent, excerpt
from sync.core.reasons import Reason
from sync.projection.formats import as_text, read_json
from sync.projection.tags import SecretType
from sync.projection.trees import Node

type Built = Literal[SecretType.DOCKERCONFIGJSON, SecretType.BASIC_AUTH, SecretType.SSH_AUTH]
type Data = Mapping[str, bytes]

DOCKER_CONFIG = ".dockerconfigjson"
PRIVATE_KEY = "ssh-privatekey"

_NEEDS: Mapping[Built, str] = {
    SecretType.DOCKERCONFIGJSON: (
        "It must be a Docker config, as "
        '{"auths": {REGISTRY: {"username": …, "password": …}}}, where auth is base64 of '
        'user:password, or {"registry": …, "username": …, "password": …}, perhaps with email.'
    ),
    SecretType.BASIC_AUTH: (
        "It must be user:password in one line, or a JSON object with username, password or both."
    ),
    SecretType.SSH_AUTH: (
        "It must be one private key in PEM with its line breaks (k8s-encoding base64 keeps them), "
        "or a JSON object with ssh-privatekey, perhaps ssh-publickey and known_hosts."
    ),
}

BLANK: Mapping[SecretType, Data] = {
    SecretType.TLS: {"tls.crt": b"", "tls.key": b""},
    SecretType.DOCKERCONFIGJSON: {DOCKER_CONFIG: b'{"auths":{}}'},
    SecretType.BASIC_AUTH: {"username": b"", "password": b""},
    SecretType.SSH_AUTH: {PRIVATE_KEY: b"\n"},
}
"""The least data that the API server accepts for each type, for a Secret without a value.

https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
"""

_USER_PASSWORD = re.compile(r"([^:\r\n]*):([^\r\n]*)(?:\r?\n)?")
_PEM = re.compile(
    r"-----BEGIN ((?:(?:OPENSSH|RSA|DSA|EC|ENCRYPTED) )?PRIVATE KEY)-----\n"
    r"(?:(?:[A-Za-z-]+: [ -~]+\n)+\n)?"
    r"(?:[A-Za-z0-9+/]+={0,2}\n)+"
    r"-----END \1-----"
)


def build(name: str, kind: Built, value: bytes) -> Data:
    """Return the data of a Secret of this type; raises Permanent, which says what it needs."""
    try:
        return _BUILDERS[kind](
            f"Secret {name!r}, tagged k8s-type {kind.word},", as_text(name, value)
        )
    except Permanent as fault:
        raise Permanent(Reason.VALUE_NOT_OF_TYPE, f"{fault.message} {_NEEDS[kind]}") from fault


def _docker_config(subject: str, text: str) -> Data:
    config = _object(subject, text)
    if "auths" not in config:
        return {DOCKER_CONFIG: _docker_config_of(subject, config)}
    auths = config["auths"]
    if not isinstance(auths, dict) or not auths:
        raise _unfit(subject, "has no registry in auths")
    for registry, entry in auths.items():
        if not _has_login(entry):
            raise _unfit(
                subject,
                f"has no log-in for registry {excerpt(registry)} in auths "
                "(docker login may have put it into a credential store)",
            )
    return {DOCKER_CONFIG: text.encode()}


def _docker_config_of(subject: str, config: Mapping[str, Node]) -> bytes:
    entry = _strings(subject, config, "registry", "server", "username", "password", "email")
    registries = [entry.pop(field) for field in ("registry", "server") if field in entry]
    username, password = entry.get("username"), entry.get("password")
    if len(registries) != 1 or not (registries[0] and username and password):
        raise _unfit(subject, "has not one each of registry, username and password")
    if ":" in username:
        raise _unfit(subject, "has a colon in username, where it would end")
    entry["auth"] = base64.b64encode(f"{username}:{password}".encode()).decode()
    built = {"auths": {registries[0]: entry}}
    return json.dumps(built, sort_keys=True, separators=(",", ":")).encode()


def _has_login(entry: Node) -> bool:
    """Return whether the kubelet can use this entry; with a bad entry it refuses them all.

    `identitytoken` is not for the kubelet, but for builders that read the same config.
    """
    if not isinstance(entry, dict):
        return False
    fields = ("username", "password", "email", "auth", "identitytoken")
    if not all(isinstance(entry.get(field, ""), str) for field in fields):
        return False
    if auth := entry.get("auth"):
        return _is_user_password(str(auth))
    return bool(entry.get("identitytoken") or (entry.get("username") and entry.get("password")))


def _is_user_password(auth: str) -> bool:
    padding = "" if auth.endswith("=") else "=" * (-len(auth) % 4)
    with suppress(ValueError):
        return b":" in base64.b64decode(auth + padding, validate=True)
    return False


def _basic_auth(subject: str, text: str) -> Data:
    if _is_object(text):
        fields = _strings(subject, _object(subject, text), "username", "password")
    elif plain := _USER_PASSWORD.fullmatch(text):
        fields = {"username": plain[1], "password": plain[2]}
    else:
        raise _unfit(subject, "is not user:password in one line")
    if not any(fields.values()):
        raise _unfit(subject, "has neither a username nor a password")
    return {field: given.encode() for field, given in fields.items()}


def _ssh_auth(subject: str, text: str) -> Data:
    fields = {PRIVATE_KEY: text}
    if _is_object(text):
        known = (PRIVATE_KEY, "ssh-publickey", "known_hosts")
        fields = _strings(subject, _object(subject, text), *known)
    key = fields.get(PRIVATE_KEY, "").strip().replace("\r\n", "\n")
    if not _PEM.fullmatch(key):
        raise _unfit(subject, "is not one whole private key")
    fields[PRIVATE_KEY] = f"{key}\n"
    return {field: given.encode() for field, given in fields.items()}


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{")


def _object(subject: str, text: str) -> Mapping[str, Node]:
    tree = read_json(subject, text)
    if isinstance(tree, dict):
        return tree
    raise _unfit(subject, "is no JSON object")


def _strings(subject: str, tree: Mapping[str, Node], *known: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for member, field in tree.items():
        if member not in known:
            raise _unfit(subject, f"has {excerpt(member)}, which is none of {', '.join(known)}")
        if not isinstance(field, str):
            raise _unfit(subject, f"has {member}, which is no string")
        fields[member] = field
    return fields


def _unfit(subject: str, fault: str) -> Permanent:
    return Permanent(Reason.VALUE_NOT_OF_TYPE, f"{subject} {fault}: set a new version of it.")


_BUILDERS: Mapping[Built, Callable[[str, str], Data]] = {
    SecretType.DOCKERCONFIGJSON: _docker_config,
    SecretType.BASIC_AUTH: _basic_auth,
    SecretType.SSH_AUTH: _ssh_auth,
}
