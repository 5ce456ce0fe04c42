"""Who calls: only what App Service authentication says of Microsoft Entra's principals counts."""

from collections.abc import Mapping

import pytest

from sync.http_api.principal import UnknownCaller, entra_principal
from sync.settings.environment import platform_authenticates

OBJECT_ID = "0f0e0d0c-0b0a-4908-8706-050403020100"


def headers(principal: str = OBJECT_ID, provider: str = "aad") -> dict[str, str]:
    """Return what the platform adds to a request."""
    return {"x-ms-client-principal-id": principal, "x-ms-client-principal-idp": provider}


def test_an_entra_principal_is_named_by_its_object_id() -> None:
    """The object id comes back in lower case."""
    assert entra_principal(headers(OBJECT_ID.upper())) == OBJECT_ID


@pytest.mark.parametrize(
    "given",
    [
        {},
        headers(provider=""),
        headers(provider="google"),
        headers(""),
        headers("someone@example.com"),
        headers(f"{OBJECT_ID}\nERROR forged"),
        headers(f"{OBJECT_ID},{OBJECT_ID}"),
        headers(f"{{{OBJECT_ID}}}"),
        headers(OBJECT_ID.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}")),
    ],
    ids=["none", "no idp", "other", "empty", "name", "forged", "two", "braces", "digits"],
)
def test_nobody_else_is_known(given: Mapping[str, str]) -> None:
    """Other providers' callers and what is no object id are refused, and not quoted."""
    with pytest.raises(UnknownCaller) as refused:
        entra_principal(given)
    assert "az account get-access-token" in refused.value.message
    assert OBJECT_ID not in refused.value.message


@pytest.mark.parametrize(
    ("environment", "authenticates"),
    [
        ({}, False),
        ({"WEBSITE_AUTH_ENABLED": ""}, False),
        ({"WEBSITE_AUTH_ENABLED": "False"}, False),
        ({"WEBSITE_AUTH_ENABLED": "1"}, False),
        ({"WEBSITE_AUTH_ENABLED": "True"}, True),
        ({"WEBSITE_AUTH_ENABLED": "true"}, True),
    ],
    ids=str,
)
def test_only_the_platforms_word_makes_headers_count(
    environment: Mapping[str, str], *, authenticates: bool
) -> None:
    """Anything but true leaves the function key in force."""
    assert platform_authenticates(environment) is authenticates
