"""The threat model says what is tested: every threat is whole, and every test it names exists."""

import ast
import re
from functools import cache

from tests.unit.test_docs import ROOT

PAGE = "docs/security.md"
PARTS = ("Who", "Reaches", "Gains at most", "Control", "Not covered", "Tests")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def threats() -> dict[str, str]:
    """Return the text of each threat by its heading."""
    headed = re.split(r"^### (.+)$", (ROOT / PAGE).read_text(), flags=re.MULTILINE)
    return dict(zip(headed[1::2], headed[2::2], strict=True))


@cache
def functions(path: str) -> set[str]:
    """Return the names of a file's functions, those of classes too."""
    tree = ast.walk(ast.parse((ROOT / path).read_text()))
    return {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_is_whole() -> None:
    """Each says who, from where, what for, what stands against it, what does not, and the tests."""
    assert threats()
    for heading, text in threats().items():
        assert tuple(re.findall(r"^- \*\*(.+?)\*\*:\s", text, re.MULTILINE)) == PARTS, heading
        _, tests = text.split("- **Tests**:")
        assert NAMED.findall(tests), heading


def test_every_named_test_exists() -> None:
    """A control is not claimed by a test that was renamed or removed."""
    named = NAMED.findall((ROOT / PAGE).read_text())
    assert len(named) == len(re.findall(r"::test_", (ROOT / PAGE).read_text()))
    assert [f"{path}::{test}" for path, test in named if test not in functions(path)] == []


def test_every_threat_is_in_the_table() -> None:
    """The overview lists the threats in their order, each with a link that leads to it."""
    linked = re.findall(r"^\| \d+ \| \[.+?\]\(#(.+?)\)", (ROOT / PAGE).read_text(), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in threats()]
    assert linked == anchors
