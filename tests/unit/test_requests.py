"""What a resync request may say."""

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.app.requests import (
    MAX_BODY_LENGTH,
    Resync,
    parse_doctor,
    parse_explain,
    parse_plan,
    parse_resync,
    parse_status,
)
from sync.core.errors import Malformed
from sync.http_api.request_body import whole_body
from tests.kit.errors import raises

VAULT = "weu-ds-akv-shop-dev-1"


@pytest.mark.parametrize(
    ("body", "resync"),
    [
        ({"vault": f" {VAULT} "}, Resync(vault=VAULT)),
        ({"project": "shop", "stage": "dev"}, Resync(project="shop", stage="dev")),
        ({"all": True}, Resync()),
        (
            {"vault": VAULT, "secret": "db-Key", "dry_run": True, "removals": True},
            Resync(vault=VAULT, secret="db-Key", dry_run=True, removals=True),
        ),
        ({"all": True, "dry_run": False, "removals": False}, Resync()),
        ({"all": True, "takeover": True}, Resync(takeover=True)),
        ({"all": True, "refetch": True}, Resync(refetch=True)),
        (
            {"vault": VAULT, "takeover_from": " WEU-ds-akv-Gone-dev-1 "},
            Resync(vault=VAULT, takeover_from="weu-ds-akv-gone-dev-1"),
        ),
    ],
    ids=["vault", "project", "all", "options", "defaults", "takeover", "refetch", "from"],
)
def test_each_choice_is_read(body: object, resync: Resync) -> None:
    """A vault, a project's stage or all, with the options."""
    assert parse_resync(json.dumps(body).encode()) == resync


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"all"',
        b"{}",
        b"{",
        b"\xff\xfe\xff",
        b"[" * 10_000,
        b'{"all": NaN}',
        b'{"all": true, "all": true}',
        b"1" * 5000,
        b'{"all": true}' + b" " * MAX_BODY_LENGTH,
        b'{"all": false}',
        b'{"all": 1}',
        b'{"all": "true"}',
        b'{"vault": ""}',
        b'{"vault": "  "}',
        b'{"vault": null}',
        b'{"vault": 7}',
        b'{"vault": ["x"]}',
        b'{"vault": "x", "all": true}',
        b'{"vault": "x", "project": "p", "stage": "s"}',
        b'{"project": "p"}',
        b'{"stage": "s"}',
        b'{"project": "p", "stage": null}',
        b'{"dry_run": true}',
        b'{"all": true, "dry_run": "true"}',
        b'{"all": true, "dry_run": null}',
        b'{"all": true, "removals": 1}',
        b'{"all": true, "force": true}',
        b'{"all": true, "takeover_from": "weu-ds-akv-gone-dev-1"}',
        b'{"vault": "weu-ds-akv-shop-dev-1", "takeover_from": true}',
        b'{"vault": "weu-ds-akv-shop-dev-1", "takeover_from": "evil.example/"}',
        b'{"vault": "weu-ds-akv-shop-dev-1", "takeover_from": "a--b"}',
        '{"vault": "weu-ds-akv-shop-dev-1", "takeover_from": "weu-ds-a\u212av-x"}'.encode(),
        b'{"all": true, "secret": "a/b"}',
        b'{"all": true, "secret": ""}',
        b'{"all": true, "secret": null}',
        b'{"all": true, "dryrun": true}',
        b'{"all": true, "value": "x"}',
        b'{"all": true, "dry_run": true, "dry_run": false}',
    ],
    ids=range(41),
)
def test_anything_else_is_malformed(body: bytes) -> None:
    """What is not exactly one choice with well-formed options is refused with the form to send."""
    with raises(Malformed, "RequestMalformed"):
        parse_resync(body)


def test_a_refusal_quotes_no_value() -> None:
    """A refusal names the field and never what was in it, which may have been pasted by mistake."""
    planted = "pl4nted"
    bodies: list[dict[str, object]] = [
        {"vault": [planted]},
        {"all": planted},
        {"all": True, "secret": f"{planted}!"},
        {"all": True, "takeover": planted},
        {"vault": VAULT, "takeover_from": f"{planted}."},
        {"all": True, "extra": planted},
    ]
    for body in bodies:
        with pytest.raises(Malformed) as refused:
            parse_resync(json.dumps(body).encode())
        assert planted not in refused.value.message


@given(
    st.binary()
    | st.dictionaries(
        st.sampled_from(["vault", "project", "stage", "all", "secret", "dry_run", "removals", "x"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()),
    ).map(lambda fields: json.dumps(fields).encode())
)
def test_any_body_is_read_or_malformed(body: bytes) -> None:
    """No body raises anything but Malformed, and what is read names one choice."""
    try:
        resync = parse_resync(body)
    except Malformed:
        return
    assert (resync.project is None) == (resync.stage is None)
    assert resync.vault is None or resync.project is None


@pytest.mark.parametrize("parse", [parse_status, parse_explain, parse_plan, parse_doctor])
@pytest.mark.parametrize("name", ["Vault", "foo", "vaults", "a b"])
def test_an_unknown_parameter_is_refused(
    parse: Callable[[Mapping[str, str]], Resync], name: str
) -> None:
    """A parameter that nobody reads is not ignored: that would mean all vaults."""
    with pytest.raises(Malformed, match="known are ") as refused:
        parse({"vault": "v", name: "x"})
    assert (repr(name) in refused.value.message) == (" " not in name)


@pytest.mark.parametrize("parse", [parse_status, parse_explain, parse_plan, parse_doctor])
def test_the_hosts_own_parameters_are_left_alone(
    parse: Callable[[Mapping[str, str]], Resync],
) -> None:
    """The key that the host has checked, and its name, may be in the query."""
    assert parse({"vault": "v", "code": "k", "clientId": "c"}).vault == "v"


def test_a_status_is_of_one_choice() -> None:
    """A vault together with a stage means nothing."""
    with pytest.raises(Malformed, match="not both"):
        parse_status({"vault": "v", "project": "p", "stage": "dev"})


def test_a_body_that_the_host_lost_is_told_so() -> None:
    """What came in chunks or compressed is refused by what it is, and not as no JSON."""
    with pytest.raises(Malformed, match="in chunks"):
        whole_body({"transfer-encoding": "chunked"}, b"")
    with pytest.raises(Malformed, match="compressed"):
        whole_body({"content-encoding": "gzip"}, b"x")
    for headers in ({}, {"content-encoding": "identity"}, {"transfer-encoding": "chunked"}):
        assert whole_body(headers, b"{}") == b"{}"
