"""Builds the data of a Secret with a built-in Kubernetes type from a vault secret's value."""

from collections.abc import Mapping
from typing import Literal

from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.projection.formats import as_text
from sync.projection.registry_logins import DOCKER_CONFIG, docker_config
from sync.projection.ssh_keys import PRIVATE_KEY, ssh_auth
from sync.projection.tags import SecretType
from sync.projection.text_marks import without_mark
from sync.projection.typed_values import Data
from sync.projection.user_passwords import basic_auth

type Built = Literal[SecretType.DOCKERCONFIGJSON, SecretType.BASIC_AUTH, SecretType.SSH_AUTH]

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


def build(name: str, kind: Built, value: bytes, *, identity_tokens: bool = False) -> Data:
    """Return the data of a Secret of this type; raises Permanent, which says what it needs.

    `identity_tokens` allows registries whose only log-in is the identity token of `az acr login`.
    """
    subject = f"Secret {name!r}, tagged k8s-type {kind.word},"
    try:
        text = without_mark(as_text(name, value))
        match kind:
            case SecretType.DOCKERCONFIGJSON:
                return docker_config(subject, text, identity_tokens=identity_tokens)
            case SecretType.BASIC_AUTH:
                return basic_auth(subject, text)
            case SecretType.SSH_AUTH:
                return ssh_auth(subject, text)
    except Permanent as fault:
        raise Permanent(Reason.VALUE_NOT_OF_TYPE, f"{fault.message} {_NEEDS[kind]}") from fault
