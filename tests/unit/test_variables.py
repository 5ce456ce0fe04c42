"""The variables that a vault secret becomes for an application: what is in, and what is refused."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.core.model import VARIABLES, Application, SecretName, Variables, VaultSecret
from sync.core.reasons import Reason
from sync.projection.budget import ParseBudget
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Rules
from sync.projection.stages import StagePrefixes
from sync.projection.variables import NAME, is_reserved
from tests.kit.chains import chain_of, key_pem, pem, pfx, text_of
from tests.kit.errors import raises
from tests.kit.fakes import target_of, vault_name
from tests.leaks.dye import PLANTED

OWN = target_of(vault_name("weu-ds-akv-shop-prd-1"))
STRIPPED = Rules(stages=StagePrefixes.STRIP)


def placed(
    name: str,
    rules: Rules = STRIPPED,
    variables: Variables = VARIABLES,
    content_type: str = "",
    tags: Mapping[str, str] | None = None,
) -> Placement | Excluded:
    """Return where a secret goes that an application lists."""
    application = Application("k", "checkout", frozenset({SecretName(name)}), variables=variables)
    target = OWN.of_application("checkout", application)
    return rules.place(target, SecretName(name), tags or {}, content_type)


def made(
    value: str,
    name: str = "api-key",
    variables: Variables = VARIABLES,
    content_type: str = "",
    rules: Rules = STRIPPED,
) -> dict[str, str]:
    """Return the variables of a value."""
    place = placed(name, rules, variables, content_type)
    assert isinstance(place, Placement)
    secret = VaultSecret(SecretName(name), "v", value, 0, 0, 0, content_type=content_type)
    rendered = rules.render(place, secret, ParseBudget())
    return {key: each.decode() for key, each in rendered.values.items()}


@pytest.mark.parametrize(
    ("value", "variables"),
    [
        ("plain", {"API_KEY": "plain"}),
        ("", {"API_KEY": ""}),
        ("{half", {"API_KEY": "{half"}),
        ("[1,2]", {"API_KEY": "[1,2]"}),
        ('"text"', {"API_KEY": '"text"'}),
        ("1750000000", {"API_KEY": "1750000000"}),
        ('{"a": 1750000000, "B": 1.50, "d": 1e3}', {"a": "1750000000", "B": "1.50", "d": "1e3"}),
        ('{"a": true, "b": ""}', {"a": "true", "b": ""}),
        ('{"a": {"b": [1, 2.0, null], "c": "ü"}}\n', {"a": '{"b":[1,2.0,null],"c":"ü"}'}),
        ('\ufeff{"a": "b"}', {"a": "b"}),
    ],
)  # fmt: skip
def test_only_an_object_expands(value: str, variables: dict[str, str]) -> None:
    """Its members as they are written, numbers too; nested values become compact JSON."""
    assert made(value) == variables


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{}", Reason.VALUE_NOT_OF_FORMAT),
        (f"{{'a': '{PLANTED}'}}", Reason.VALUE_NOT_OF_FORMAT),
        (f'{{"a": "{PLANTED}", "a": "b"}}', Reason.MEMBER_TWICE),
        ('{"a": null}', Reason.VARIABLE_INVALID),
        (f'{{"a": "{PLANTED}\\u0000"}}', Reason.VARIABLE_INVALID),
        (f'{{"1a": "{PLANTED}"}}', Reason.VARIABLE_INVALID),
        (f'{{"a-b": "{PLANTED}"}}', Reason.VARIABLE_INVALID),
        ('{"ä": "x"}', Reason.VARIABLE_INVALID),
        ('{"": "x"}', Reason.VARIABLE_INVALID),
        (f'{{"PATH": "{PLANTED}"}}', Reason.VARIABLE_RESERVED),
        ('{"Ld_Preload": "x"}', Reason.VARIABLE_RESERVED),
        ('{"KUBERNETES_SERVICE_HOST": "x"}', Reason.VARIABLE_RESERVED),
        (json.dumps({f"v{n}": 1 for n in range(1001)}), Reason.TOO_MANY_MEMBERS),
        ("a\0b", Reason.VALUE_NOT_UNICODE),
    ],
)
def test_what_no_process_may_get_is_refused(value: str, reason: Reason) -> None:
    """As a whole, so that no half of a secret is there; its text is never told."""
    with raises(Permanent, reason) as told:
        made(value)
    assert PLANTED not in str(told.value)


def test_a_plain_value_is_named_without_its_stage() -> None:
    """As the settings strip it; one whose name begins with a digit needs a prefix."""
    assert made("x", "prd-api-key") == {"API_KEY": "x"}
    assert made("x", "common-api-key") == {"API_KEY": "x"}
    assert made("x", "prd-api-key", rules=Rules()) == {"PRD_API_KEY": "x"}
    assert made("x", "1st", Variables((("1*", "N_"),))) == {"N_1ST": "x"}
    with raises(Permanent, Reason.VARIABLE_INVALID):
        made("x", "1st")
    with raises(Permanent, Reason.VARIABLE_RESERVED):
        made("x", "path")


def test_secrets_of_another_stage_are_left_out() -> None:
    """Although the application lists them."""
    assert isinstance(placed("dev-api-key"), Excluded)
    assert isinstance(placed("prod-api-key"), Placement)


def test_a_prefix_is_by_pattern_and_may_hold_the_secrets_name() -> None:
    """The first pattern that matches counts, in any case."""
    prefixes = Variables((("REDIS-*", "{name}_"), ("*", "X_")))
    assert made('{"USER": "u"}', "redis-main", prefixes) == {"REDIS_MAIN_USER": "u"}
    assert made('{"USER": "u"}', "postgres", prefixes) == {"X_USER": "u"}


def test_a_certificate_is_three_variables() -> None:
    """By its content type, or as PEM with its key; PEM of other kinds is a plain value."""
    chain = chain_of("P-256", 2)
    pair = key_pem(chain.key) + pem(*chain.certificates)
    parts = {"TLS_CRT", "TLS_KEY", "CA_CRT"}
    assert made(pair).keys() == parts
    assert made(pair, content_type="application/x-pem-file").keys() == parts
    bundle = text_of(pfx(chain.key, chain.certificates))
    assert made(bundle, content_type="application/x-pkcs12").keys() == parts
    prefixed = made(pair, variables=Variables((("*", "X_"),)))
    assert prefixed.keys() == {f"X_{part}" for part in parts}
    assert made(pem(*chain.certificates)).keys() == {"API_KEY"}
    assert made(key_pem(chain.key), content_type="application/x-pem-file").keys() == {"API_KEY"}
    with raises(Permanent, Reason.CERTIFICATE_UNREADABLE):
        made("none", content_type="application/x-pkcs12")


def test_what_shapes_the_variables_is_in_the_fingerprint() -> None:
    """Another prefix, another allowance or another content type is written anew."""
    usual = placed("a")
    others = [
        placed("a", variables=Variables((("*", "X_"),))),
        placed("a", variables=Variables(allowed=("PATH",))),
        placed("a", content_type="application/x-pkcs12"),
        placed("a", Rules(keep_root=True)),
        placed("a", Rules(root_only=True)),
        placed("prd-a", Rules()),
    ]
    prints = [each.fingerprint for each in (usual, *others) if isinstance(each, Placement)]
    assert len(set(prints)) == len(others) + 1
    assert all(len(each) == 8 for each in prints)


def test_the_settings_may_allow_a_variable() -> None:
    """By its name or a pattern, and no more than that."""
    assert made('{"JAVA_OPTS": "-X"}', variables=Variables(allowed=("java_*",))) == {
        "JAVA_OPTS": "-X"
    }
    assert is_reserved("PATH", ("JAVA_*",))


@pytest.mark.parametrize("name", ["POSTGRES_USER", "GIT_TOKEN", "USER", "NODE_ENV", "PORT", "LDAP"])
def test_ordinary_variables_are_not_reserved(name: str) -> None:
    """Whatever they resemble."""
    assert not is_reserved(name, ())


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=4))
def test_an_object_is_variables_or_refused(members: Mapping[str, object]) -> None:
    """Nothing else comes out of one, whatever its members are called."""
    try:
        found = made(json.dumps(members))
    except Permanent:
        return
    assert found.keys() == members.keys()
    assert all(NAME.fullmatch(name) and not is_reserved(name, ()) for name in found)


def test_a_tag_keeps_its_changes_from_restarting_anything() -> None:
    """As in every other place, and whatever the other tags say."""
    place = placed("a", tags={"k8s-restart": "false", "k8s-key": "K"})
    assert isinstance(place, Placement)
    assert place.options.restart is False
