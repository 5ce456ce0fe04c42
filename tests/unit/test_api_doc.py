"""What the documents say of the HTTP API is what the app describes and takes."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from sync.app.requests import parse_resync
from sync.http_api.openapi import MALFORMED, NONE_KNOWN, NOT_OURS
from sync.http_api.openapi_parts import UNKNOWN_CALLER
from tests.described import at, document, media, named, schemas, validator, within
from tests.unit.test_docs import ROOT

PAGE = (ROOT / "docs/api.md").read_text()
SAID = [
    *(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "infra").rglob("*.yml"),
    *(ROOT / "infra").rglob("*.yaml"),
    ROOT / "local/standing/printed.py",
]


def curls(path: Path) -> Iterator[list[str]]:
    """Return the curl commands of a document that call the app."""
    text = path.read_text().replace("{{", "{").replace("}}", "}").replace("\\\\\n", "\\\n")
    for command in re.findall(r"curl (?:\\\n|[^\n`])*?/api/(?:\\\n|[^\n`])*", text):
        yield shlex.split(command.replace("\\\n", " "))


def test_every_curl_line_is_valid() -> None:
    """Each curl line that calls the app has a described route, a header for its door and a body."""
    found = [words for path in SAID for words in curls(path)]
    assert len(found) >= 4
    for words in found:
        (url,) = (word for word in words if "/api/" in word)
        route = "/api/" + url.partition("/api/")[2].partition("?")[0]
        method = words[words.index("-X") + 1].lower() if "-X" in words else "get"
        assert at(document(), "paths", route, method), words
        if route != "/api/health":
            assert any(word.startswith(("x-functions-key: ", "Authorization: ")) for word in words)
        if method == "post":
            body = words[words.index("-d") + 1]
            parse_resync(body.encode())
            schema = at(media(at(document(), "paths", route, method, "requestBody")), "schema")
            validator(schema).validate(json.loads(body))


def test_every_route_that_is_said_exists() -> None:
    """What the documents call by method and path is described, and so is each query parameter."""
    for path in SAID:
        for method, route, query in re.findall(
            r"\b(GET|POST) +(/api/[\w.]+)(?:[ \[]*\?([\w=&]+))?", path.read_text()
        ):
            operation = at(document(), "paths", route, method.lower())
            assert operation, f"{path.name}: {method} {route}"
            listed = operation.get("parameters", [])
            assert isinstance(listed, list)
            asked = {part.partition("=")[0] for part in query.split("&") if part}
            assert asked <= {parameter["name"] for parameter in listed}


def test_the_readmes_body_is_the_descriptions() -> None:
    """The one line of README on what resync takes names every field, and no other."""
    (line,) = re.findall(r"^POST /api/resync .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    forms = (at(schemas(), name, "properties") for name in schemas() if name.startswith("Resync"))
    assert set(re.findall(r'"(\w+)"', line)) == {field for form in forms for field in form}


def test_the_page_shows_an_answer_of_every_status() -> None:
    """Each status of each route has its row, and each JSON block is one that the app answers."""
    answers = [
        answer
        for _, methods in within(at(document(), "paths"))
        for _, operation in within(methods)
        for answer in within(at(operation, "responses"))
    ]
    rows = [row for row in PAGE.splitlines() if re.match(r"\| \d{3} \|", row)]
    assert [row.split(" ")[1] for row in rows] == [status for status, _ in answers]
    shown = [media(answer)["example"] for _, answer in answers if "example" in media(answer)]
    blocks = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert [json.loads(block) for block in blocks] == shown


def test_the_page_has_the_reasons_of_whole_refusals() -> None:
    """The reasons of answers that looked at no vault are on the page."""
    for reason in (*MALFORMED, *NOT_OURS, *NONE_KNOWN, *UNKNOWN_CALLER, "SettingsWrong"):
        assert reason in PAGE or reason.lower() in PAGE
    assert named("SettingsFault").is_valid({"reason": "SettingsWrong", "faults": []})
