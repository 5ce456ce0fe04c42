"""Targets that take what applications bring: the setting, their objects, and values."""

import json

from sync.applications.declared import declared
from sync.applications.kinds import Kind
from sync.applications.paths import Names, parse_path
from sync.core.model import Application, SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.placement import Placement
from sync.projection.rules import Rules
from sync.projection.variables import NAME, is_reserved
from sync.settings.applications import read_kinds
from tests.fuzz.target import Target, text_of
from tests.kit.fakes import target_of, vault_name
from tests.leaks.dye import PLANTED

_ENTRY = {
    "group": "meta.p6m.dev",
    "version": "v1alpha1",
    "resource": "platformapplications",
    "names": "spec.secrets[*].name",
}
_METADATA = {"name": "web", "namespace": "shop"}
_RULES = Rules()


def _kinds(given: bytes) -> object:
    return [str(kind) for kind in read_kinds(text_of(given))]


def _object(given: bytes) -> object:
    """Follow the path of the first line in the object after it."""
    path, _, text = text_of(given).partition("\n")
    kind = Kind("apps", "v1", "deployments", parse_path(path))
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):  # which hold the document
        return None
    found = declared(kind, document, "shop")
    assert isinstance(found.names, Names)
    return found.names.unreadable


def _variables(given: bytes) -> object:
    """Make variables of a value, whose content type is the first line."""
    content_type, _, value = text_of(given).partition("\n")
    application = Application("k", "a", frozenset({SecretName("db-url")}))
    target = target_of(vault_name()).of_application("a", application)
    place = _RULES.place(target, "db-url", {}, content_type)
    assert isinstance(place, Placement)
    secret = VaultSecret(SecretName("db-url"), "v", value, 0, 0, 0, content_type=content_type)
    rendered = _RULES.render(place, secret, ParseBudget())
    assert all(NAME.fullmatch(name) and not is_reserved(name, ()) for name in rendered.values)
    assert not any(b"\0" in text for text in rendered.values.values())
    return len(rendered.values)


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def _of(path: str, **fields: object) -> bytes:
    return f"{path}\n{json.dumps({'metadata': _METADATA, **fields})}".encode()


TARGETS = (
    Target(
        "kinds",
        _kinds,
        (
            _json(
                [_ENTRY, {**_ENTRY, "resource": "pods", "vault": 2, "prefix": {"a*": "{name}_"}}]
            ),
            _json([{**_ENTRY, "names": "metadata.annotations['a/b']", "allow": ["PATH", "LD_*"]}]),
            *(_json([{**_ENTRY, field: PLANTED + "!"}]) for field in _ENTRY),
            _json([{**_ENTRY, PLANTED: PLANTED, "prefix": {PLANTED: PLANTED + "!"}}]),
            _json([{**_ENTRY, "secret": PLANTED + "!", "vault": "!" + PLANTED, "allow": PLANTED}]),
            _json(PLANTED),
        ),
        refusals=(ValueError,),
        longest=16_384,
    ),
    Target(
        "application",
        _object,
        (
            _of("spec.secrets[*].name", spec={"secrets": [{"name": "db-url"}, {"name": PLANTED}]}),
            _of("spec['a.b/c']", spec={"a.b/c": f"db-url, {PLANTED}!\nb"}),
            _of("a[*][*]", a=[["b"], [[1]], {}, None]),
            b'a\n{"metadata": {"name": "../x", "namespace": "shop"}}',
            b"a\n" + b"[" * 2000,
        ),
        refusals=(ValueError,),
        longest=65_536,
    ),
    Target(
        "variables",
        _variables,
        (
            b'\n{"POSTGRES_USER": "u", "PORT": 5432, "NESTED": {"a": [1.50, null, true]}}',
            f'\n{{"A": "{PLANTED}", "A": 1}}'.encode(),
            f'\n{{"PATH": "{PLANTED}"}}'.encode(),
            f'\n{{"A": "{PLANTED}\\u0000"}}'.encode(),
            f"\n{PLANTED}".encode(),
            f"\n-----BEGIN CERTIFICATE-----\n{PLANTED}\n-----BEGIN PRIVATE KEY-----".encode(),
            f"application/x-pkcs12\n{PLANTED}".encode(),
        ),
        quotes=True,
    ),
)
