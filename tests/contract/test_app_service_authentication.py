"""App Service authentication as the local host plays it, before an app that tells what it gets."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
import urllib3
from aiohttp import web

from local.functions_host.authentication import PRINCIPALS, Authentication
from local.serving import LOOPBACK, Servers

OPERATOR = {"id": "0f0e0d0c-0b0a-4908-8706-050403020100", "name": "operator@example.com"}
FORGED = {"x-ms-client-principal-id": "x", "X-MS-TOKEN-AAD-ID-TOKEN": "x", "x-kept": "x"}


@contextmanager
def platform(**rules: object) -> Iterator[str]:
    """Serve an app that answers with its request's headers and body; yield its address."""
    authentication = Authentication.of(
        {
            "WEBSITE_AUTH_ENABLED": "True",
            "WEBSITE_AUTH_V2_CONFIG_JSON": json.dumps({"globalValidation": rules}),
            PRINCIPALS: json.dumps({"token": OPERATOR}),
        }
    )
    assert authentication is not None

    async def echo(request: web.Request) -> web.Response:
        headers = {name.lower(): text for name, text in request.headers.items()}
        return web.json_response(headers | {"body": await request.text()})

    app = web.Application(middlewares=[authentication.admit])
    app.router.add_route("*", "/{path:.*}", echo)
    with Servers() as servers:
        yield f"http://{LOOPBACK}:{servers.serve(app)}"


def ask(url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Post to the app; return the status and what the app got."""
    answer = urllib3.request("POST", url, headers=headers, body="body", retries=False)
    got: dict[str, str] = json.loads(answer.data or "{}")
    return answer.status, got


def test_the_caller_is_told_by_the_platform_alone() -> None:
    """Headers of the platform's own names are taken from the client, and written anew."""
    with platform() as url:
        status, got = ask(f"{url}/api", {**FORGED, "Authorization": "Bearer token"})
    assert status == 200
    assert got["x-ms-client-principal-id"] == OPERATOR["id"]
    assert got["x-ms-client-principal-name"] == OPERATOR["name"]
    assert got["x-ms-client-principal-idp"] == "aad"
    assert "x-ms-token-aad-id-token" not in got
    assert (got["x-kept"], got["body"]) == ("x", "body")


@pytest.mark.parametrize("headers", [{}, FORGED, {"Authorization": "Bearer other"}], ids=str)
def test_strangers_pass_only_where_they_may(headers: Mapping[str, str]) -> None:
    """Without a known token it is 401, but for excluded paths or where anybody may pass."""
    with platform(requireAuthentication=True, excludedPaths=["/open"]) as url:
        assert ask(f"{url}/api", headers)[0] == 401
        assert ask(f"{url}/opened", headers)[0] == 401
        for path in ("/open", "/open/too"):
            status, got = ask(url + path, headers)
            assert status == 200
            assert not any(name.startswith("x-ms-") for name in got)
    with platform(unauthenticatedClientAction="AllowAnonymous") as url:
        status, got = ask(f"{url}/api", headers)
        assert status == 200
        assert not any(name.startswith("x-ms-") for name in got)


def test_it_is_off_unless_the_platform_says_so() -> None:
    """Without the variable there is no authentication, and so nothing is taken away."""
    assert Authentication.of({}) is None
    assert Authentication.of({"WEBSITE_AUTH_ENABLED": "False"}) is None
