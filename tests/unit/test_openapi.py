"""The description of the HTTP API says what the code says."""

import ast
import json
import tomllib
from collections.abc import Iterator

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.specs.openapi.definitions import OPENAPI_31

from sync.app.requests import parse_explain, parse_resync, parse_status
from sync.core.errors import Malformed
from sync.core.reasons import Reason
from sync.http_api.openapi import MALFORMED, NONE_KNOWN, NOT_OURS
from sync.http_api.openapi_parts import UNKNOWN_CALLER
from sync.http_api.outcome_answers import REASONS, RESTARTS, WARNINGS
from tests.described import Node, at, document, media, named, schemas, validator, within
from tests.unit.test_docs import ROOT

OF_EVENTS = {"EventMalformed", "EventMismatch", "EventTypeIgnored", "NothingKnown"} | {
    "SecretExpired", "SecretNearExpiry", "SubscriptionNotAllowed", "SubscriptionsUnset",
    "CertificateExpired", "CertificateNearExpiry",
}  # fmt: skip
OF_ADOPTION = {"AdoptionRemoves", "NothingToAdopt", "SecretChanged"}

WORDS = st.text("aZ9- \t/\n\x1f\x85\N{LATIN SMALL LETTER U WITH DIAERESIS}", max_size=4)
VALUES: st.SearchStrategy[object] = st.sampled_from([" ", "a", True, False, None, 1, []]) | WORDS
BODIES = st.builds(
    lambda chosen, manner: chosen | manner,
    st.sampled_from(
        [("vault",), ("project", "stage"), ("all",), ("all", "vault"), ("stage",)]
    ).flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, VALUES))),
    st.dictionaries(
        st.sampled_from(["secret", "target", "dry_run", "takeover", "x"]), VALUES, max_size=2
    ),
)


def parameters(operation: Node) -> list[Node]:
    """Return an operation's parameters."""
    listed = operation.get("parameters", [])
    assert isinstance(listed, list)
    return listed


RESYNC = at(document(), "paths", "/api/resync", "post")
STATUS = at(document(), "paths", "/api/status", "get")
BODY = validator(at(media(at(RESYNC, "requestBody")), "schema"))
SECRET = validator(at(parameters(STATUS)[2], "schema"))


def test_every_reason_is_described() -> None:
    """What HTTP may answer is every reason of the code, but for those of events and of `adopt`."""
    described = {
        *REASONS,
        *WARNINGS,
        *RESTARTS,
        *MALFORMED,
        *NOT_OURS,
        *NONE_KNOWN,
        *UNKNOWN_CALLER,
    }
    assert described == {*Reason} - OF_EVENTS - OF_ADOPTION - {"SettingsWrong"}


@pytest.mark.parametrize("entra", [False, True])
def test_the_description_is_openapi(*, entra: bool) -> None:
    """The document is valid by the OpenAPI 3.1 specification's own schema."""
    jsonschema_rs.validator_for(OPENAPI_31).validate(document(entra=entra))


def routes() -> Iterator[tuple[str, str]]:
    """Read the HTTP triggers off the app: path and method."""
    for node in ast.walk(ast.parse((ROOT / "function_app.py").read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr="route"), args=[ast.Constant(value=str(route))]):
                (methods,) = (word.value for word in node.keywords if word.arg == "methods")
                for method in ast.literal_eval(methods):
                    yield f"/api/{route}", method.lower()


def operations() -> Iterator[tuple[str, str, Node]]:
    """Return what is described: path, method and operation."""
    for path, methods in within(at(document(), "paths")):
        for method, operation in within(methods):
            yield path, method, operation


def test_every_route_is_described() -> None:
    """The description has the routes of the app with their methods, and no others."""
    assert {(path, method) for path, method, _ in operations()} == set(routes())


def test_the_version_is_the_projects() -> None:
    """The description bears the version that the package has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert at(document(), "info")["version"] == project["version"]


@pytest.mark.parametrize("name", schemas())
def test_every_schema_is_closed_and_used(name: str) -> None:
    """Each schema is JSON Schema, names every field an answer may have, and is referred to."""
    schema = at(schemas(), name)
    jsonschema_rs.meta.validate(schema)
    assert schema["additionalProperties"] is False
    assert f'"#/components/schemas/{name}"' in json.dumps(document())
    assert not named(name).is_valid({"undescribed": 1})


def examples() -> Iterator[tuple[Node, object]]:
    """Return each example with the schema that it stands beside."""
    for _, _, operation in operations():
        answers = (answer for _, answer in within(at(operation, "responses")))
        for each in map(media, [*answers, at(operation, "requestBody")]):
            told = [example["value"] for _, example in within(at(each, "examples"))]
            told += [each["example"]] if "example" in each else []
            yield from ((at(each, "schema"), example) for example in told)
        for parameter in parameters(operation):
            if "example" in parameter:
                yield at(parameter, "schema"), parameter["example"]


def test_every_example_is_as_described() -> None:
    """An example is valid where it stands, and there is one of every kind of answer."""
    shown = list(examples())
    assert len(shown) > 10
    for schema, example in shown:
        validator(schema).validate(example)


@given(BODIES)
def test_the_description_takes_what_the_app_takes(fields: dict[str, object]) -> None:
    """A body is valid by the description exactly if the app does not refuse it as malformed."""
    described = BODY.is_valid(fields)
    try:
        parse_resync(json.dumps(fields).encode())
    except Malformed:
        assert not described
    else:
        assert described


@given(WORDS)
def test_the_description_takes_a_secret_as_the_app_does(secret: str) -> None:
    """The query's `secret` is valid by the description exactly if the app does not refuse it."""
    described = SECRET.is_valid(secret)
    try:
        parse_status({"vault": "v", "secret": secret})
    except Malformed:
        assert not described
    else:
        assert described


@pytest.mark.parametrize("vault", ["", " ", "v"])
def test_an_explanation_needs_a_vault(vault: str) -> None:
    """Its `vault` is required, and valid by the description exactly if the app takes it."""
    parameter = parameters(at(document(), "paths", "/api/explain", "get"))[0]
    assert (parameter["name"], parameter["required"]) == ("vault", True)
    if validator(at(parameter, "schema")).is_valid(vault):
        assert parse_explain({"vault": vault}).vault == vault
    else:
        for query in ({"vault": vault}, {}):
            with pytest.raises(Malformed, match="vault is missing"):
                parse_explain(query)


def test_what_is_empty_in_a_query_is_not_there() -> None:
    """Status goes by what is in the query, and one secret needs its vault."""
    assert parse_status({"vault": "", "secret": ""}) == parse_status({})
    assert parse_status({"vault": "v", "secret": " a "}).secret == "a"
    for query in ({"secret": "a"}, {"secret": "a", "vault": ""}, {"vault": "v", "secret": "a/b"}):
        with pytest.raises(Malformed, match="secret"):
            parse_status(query)


@pytest.mark.parametrize("entra", [False, True])
def test_each_door_is_described(*, entra: bool) -> None:
    """Callers are told to bring what the door asks for, and what a refusal is like there."""
    described = document(entra=entra)
    assert described["security"] == [{"caller": []}]
    caller = at(described, "components", "securitySchemes", "caller")
    assert caller.get("name", caller.get("scheme")) == ("bearer" if entra else "x-functions-key")
    for path, method in routes():
        answers = at(described, "paths", path, method, "responses")
        assert ("401" in answers) == (path != "/api/health")
        assert ("content" in at(answers, "401")) == (entra and path != "/api/health")
