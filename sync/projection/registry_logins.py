"""Reads log-ins to registries, as a Docker config or as one log-in, for `dockerconfigjson`."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress

from sync.core.errors import excerpt
from sync.projection.trees import Node, compact
from sync.projection.typed_values import Data, object_in, strings_in, unfit

DOCKER_CONFIG = ".dockerconfigjson"
_DOCKER_HUB = "https://index.docker.io/v1/"
"""The name under which Docker and the kubelet keep the log-in to Docker Hub."""
_HUB_NAMES = re.compile(r"(?:https?://)?(?:index\.)?docker\.io(?:/v[12])?/?", re.IGNORECASE)
_NO_HOST = re.compile(r"(?:[a-z]*:?//)?/*", re.IGNORECASE)
_AZURE_NOBODY = "00000000-0000-0000-0000-000000000000"
"""The user name that `az acr login` writes beside a token."""
_NOBODY = (
    "a log-in of `az acr login` that the kubelet cannot use: take the user and the password of a "
    "token or of a service principal"
)
_FIELDS = ("username", "password", "email", "auth", "identitytoken")
_SETTING = "SYNC_REGISTRY_IDENTITY_TOKENS"


def docker_config(subject: str, text: str, *, identity_tokens: bool) -> Data:
    """Return the config; raises Permanent.

    With `identity_tokens` a registry may have the identity token of `az acr login` alone.
    """
    config = object_in(subject, text)
    if "auths" not in config:
        return {DOCKER_CONFIG: _config_of(subject, config)}
    auths = config["auths"]
    if not isinstance(auths, dict) or not auths:
        raise unfit(subject, "has no registry in auths")
    for registry, entry in auths.items():
        if _NO_HOST.fullmatch(registry.strip()):
            raise unfit(subject, "has a registry in auths whose name is empty")
        if fault := _fault(entry, identity_tokens=identity_tokens):
            raise unfit(
                subject, f"has no log-in for registry {excerpt(registry)} in auths: {fault}"
            )
    names = {registry: _registry(registry) for registry in auths}
    if len(set(names.values())) < len(names) or all(old == new for old, new in names.items()):
        return {DOCKER_CONFIG: text.encode()}
    renamed = {**config, "auths": {names[registry]: auths[registry] for registry in auths}}
    return {DOCKER_CONFIG: compact(renamed).encode()}


def _config_of(subject: str, config: Mapping[str, Node]) -> bytes:
    """Make a config of one log-in."""
    entry = strings_in(subject, config, "registry", "server", "username", "password", "email")
    entry = {field: given.strip() for field, given in entry.items()}
    registries = [entry.pop(field) for field in ("registry", "server") if field in entry]
    if len(registries) > 1:
        raise unfit(subject, "has registry and server, of which one is enough")
    username, password = entry.get("username", ""), entry.get("password", "")
    needed = {"registry": "".join(registries), "username": username, "password": password}
    lacking = [field for field, given in needed.items() if not given]
    if _NO_HOST.fullmatch(needed["registry"]) and registries:
        raise unfit(subject, "has an empty registry, and needs its name, as shop.azurecr.io")
    if lacking:
        nobody = f" ({_NOBODY})" if username == _AZURE_NOBODY else ""
        raise unfit(
            subject,
            "has not one each of registry, username and password: it lacks "
            f"{' and '.join(lacking)}{nobody}",
        )
    if ":" in username:
        raise unfit(subject, "has a colon in username, where it would end")
    entry["auth"] = b64encode(f"{username}:{password}".encode()).decode()
    built = {"auths": {_registry(needed["registry"]): entry}}
    return json.dumps(built, sort_keys=True, separators=(",", ":")).encode()


def _registry(name: str) -> str:
    """Return a registry's name as the kubelet and builders look for it."""
    name = name.strip()
    return _DOCKER_HUB if _HUB_NAMES.fullmatch(name) else name


def _fault(entry: Node, *, identity_tokens: bool) -> str | None:
    """Return why the kubelet cannot log in by an entry; with a bad one it refuses them all.

    It does not read `identitytoken`, and of `auth` and `username` takes `auth`:
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/credentialprovider/config.go
    """
    if not isinstance(entry, dict):
        return "its entry is no object"
    if odd := [field for field in _FIELDS if not isinstance(entry.get(field, ""), str)]:
        return f"its {odd[0]} is no string"
    given = {field: str(entry.get(field, "")) for field in _FIELDS}
    pair = (
        _user_password(given["auth"]) if given["auth"] else (given["username"], given["password"])
    )
    if pair is None:
        return "its auth is not base64 of user:password"
    if all(pair) or (given["identitytoken"] and identity_tokens):
        return None
    if given["identitytoken"]:
        return f"its entry is {_NOBODY} ({_SETTING}=true lets builders have it)"
    return _lack(*pair)


def _lack(username: str, password: str) -> str:
    if username == _AZURE_NOBODY:
        return f"its entry is {_NOBODY}"
    if not (username or password):
        return "docker login may have put it into a credential store"
    return f"it lacks the {'password' if username else 'user'}"


def _user_password(auth: str) -> tuple[str, str] | None:
    """Decode as the kubelet does, which ignores line breaks and takes any bytes."""
    digits = auth.replace("\n", "").replace("\r", "")
    padding = "" if digits.endswith("=") else "=" * (-len(digits) % 4)
    with suppress(ValueError):
        user, colon, password = b64decode(digits + padding, validate=True).partition(b":")
        return (user.decode(errors="replace"), password.decode(errors="replace")) if colon else None
    return None
