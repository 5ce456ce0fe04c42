"""The documents say what the code does: settings, reasons, commands and routes."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sync.cli.group import cli
from sync.core.errors import (
    Conflict,
    Malformed,
    NotOurs,
    Permanent,
    SyncError,
    Transient,
    Unexpected,
)
from sync.core.groups import Group
from sync.core.outcomes import Notice
from sync.core.reasons import Reason
from sync.http_api.principal import UnknownCaller
from sync.settings.environment import SettingsError, read
from sync.settings.model import Setting
from sync.settings.table import SETTINGS
from tests.docs.pages import PAGES, rewritten

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CLASSES: Mapping[Group, set[type[SyncError | Notice]]] = {
    Group.TARGET: {Permanent},
    Group.VAULT_SECRET: {Permanent},
    Group.WARNING: {Notice},
    Group.WORKLOAD: {Permanent, Transient},
    Group.TRANSIENT: {Transient, Conflict},
    Group.ADOPTION: {Permanent, Conflict},
    Group.MALFORMED: {Malformed, SettingsError},
    Group.IGNORED: {NotOurs, UnknownCaller},
    Group.BUG: {Unexpected},
}
"""What the reasons of a group are said with."""


@pytest.mark.parametrize("page", PAGES)
def test_no_page_is_stale(page: str) -> None:
    """What `make docs` writes is what is there."""
    assert (ROOT / page).read_text() == rewritten(page), "stale: make docs"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_has_the_default_that_the_readme_shows(setting: Setting) -> None:
    """A default that is shown as a value is the one in force, and the row is a line of a screen."""
    for value in re.findall("^`([^`]+)`$", setting.default):
        assert read({setting.name: value}) == read({})
    (row,) = re.findall(
        rf"^\| `{setting.name}` .*$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert len(row) <= 100


def errors_by_reason() -> Iterator[tuple[Reason, str]]:
    """Return the reasons that the code gives to calls, with the names of what it calls."""
    for path in (ROOT / "sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id=called),
                    args=[ast.Attribute(value=ast.Name(id="Reason"), attr=name), *_],
                ):
                    yield Reason[name], called


def reasons() -> set[Reason]:
    """Return every reason that the code uses."""
    return {
        Reason[node.attr]
        for path in (*(ROOT / "sync").rglob("*.py"), ROOT / "function_app.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    }


def test_every_reason_is_used() -> None:
    """No reason is left in the enum that nothing raises."""
    assert reasons() == set(Reason)


def test_a_reason_is_raised_as_its_group_says() -> None:
    """Who reads under which heading a reason stands knows whether trying again may help."""
    known = {each.__name__ for classes in CLASSES.values() for each in classes}
    found = [(reason, called) for reason, called in errors_by_reason() if called in known]
    assert len({reason for reason, _ in found}) > 60
    for reason, called in found:
        assert called in {each.__name__ for each in CLASSES[reason.group]}, reason


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_told_in_sentences(reason: Reason) -> None:
    """What a reason means begins and ends as a sentence does."""
    assert re.fullmatch(r"[A-Z`].*\.", reason.meaning)


def test_commands_of_the_readme_parse() -> None:
    """What README tells to type after keyvault-sync is taken."""
    text = (ROOT / "README.md").read_text()
    typed = re.findall(r"`keyvault-sync ([^`]+)`", text)
    assert {words.split()[0] for words in typed} <= cli.commands.keys()
    assert len({words.split()[0] for words in typed}) > 5
    for words in typed:
        plain = words.replace("VAULT", "weu-ds-akv-shop-dev-1").replace("[SECRET]", "db-password")
        name, *rest = plain.split()
        cli.commands[name].make_context(name, rest)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, which GitHub makes of their words."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    counts = Counter(
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    )
    return {anchor for anchor, count in counts.items() if count == 1}


def links() -> Iterator[tuple[Path, Path, str]]:
    """Return each link inside the project: the document, the file that it names, and the anchor."""
    for document in DOCUMENTS:
        for file, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text()):
            yield document, document.parent / file if file else document, anchor


def test_links_lead_somewhere() -> None:
    """Every link inside the project names a file of it, and a heading that there is once."""
    for document, file, anchor in links():
        assert file.exists(), f"{document.name}: {file.name}"
        assert not anchor or anchor in anchors(file), f"{document.name}: {file.name}#{anchor}"


def test_every_reason_can_be_linked_to() -> None:
    """A reason's heading is its word alone, so that its anchor stays."""
    assert anchors(ROOT / "docs/outcomes.md") >= {reason.lower() for reason in Reason}


def test_prose_is_at_most_100_columns_wide() -> None:
    """A page can be read in an editor: only tables, code and what has no blank may be wider."""
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        code = False
        for number, line in enumerate(document.read_text().splitlines(), start=1):
            code ^= line.lstrip().startswith("```")
            bound = " " in re.sub("`[^`]*`", "", line.strip()).removeprefix("- ")
            wide = len(line) > 100 and bound and not code and not line.startswith("|")
            assert not wide, f"{document.name}:{number}"
