"""The documents say what the code does: settings, reasons, commands and routes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sync.cli.arguments import parse
from sync.core.reasons import Reason
from sync.core.vault_names import DEFAULT_NAMESPACE
from sync.settings.environment import DEFAULT_DNS_SUFFIX, DEFAULT_SCHEDULE, NAMES, read

ROOT = Path(__file__).parents[2]


def rows(document: str) -> Iterator[list[str]]:
    """Return the cells of each table row."""
    for line in (ROOT / document).read_text().splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_readme_has_every_setting_and_its_default() -> None:
    """The settings table of README is the settings' own list, with the defaults in force."""
    table = {row[0].strip("`"): row[-1] for row in rows("README.md") if "`SYNC_" in row[0]}
    assert table.keys() == NAMES
    said = {name: re.findall("`([^`]+)`", default) for name, default in table.items()}
    assert said["SYNC_VAULT_DNS_SUFFIX"] == [DEFAULT_DNS_SUFFIX]
    assert said["SYNC_NAMESPACE"] == [DEFAULT_NAMESPACE]
    assert said["SYNC_SCHEDULE"] == [DEFAULT_SCHEDULE]
    assert said["SYNC_PRUNE"] == ["owned"]
    assert said["SYNC_DISCOVERY"] == ["none"]
    assert said["SYNC_KEY_STYLE"] == ["verbatim"]
    assert said["SYNC_STAGE_PREFIXES"] == ["none"]
    assert said["SYNC_CHAIN_ROOT"] == ["drop"]
    stated = {
        name: values[0] for name, values in said.items() if name != "SYNC_CLUSTERS" and values
    }
    assert read(stated) == read({})


def reasons() -> set[Reason]:
    """Return every reason that the code uses."""
    return {
        Reason[node.attr]
        for path in (ROOT / "sync").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    }


def test_every_reason_is_used() -> None:
    """No reason is left in the enum that nothing raises."""
    assert reasons() == set(Reason)


def test_every_reason_is_explained() -> None:
    """Each reason in the code has its row in docs/outcomes.md."""
    told = {word for row in rows("docs/outcomes.md") for word in re.findall("`(\\w+)`", row[0])}
    assert sorted({*Reason} - told) == []


def test_commands_of_the_readme_parse() -> None:
    """What README tells to type after keyvault-sync is taken."""
    text = (ROOT / "README.md").read_text()
    typed = re.findall(r"`keyvault-sync ([^`]+)`", text)
    assert {words.split()[0] for words in typed} == {
        "plan", "resync", "status", "explain", "doctor", "adopt",
    }  # fmt: skip
    for words in typed:
        plain = words.replace("VAULT", "weu-ds-akv-shop-dev-1").replace("[SECRET]", "db-password")
        parse(plain.split())


def test_links_lead_somewhere() -> None:
    """Every relative link of the documents names a file of the project."""
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_prose_is_at_most_100_columns_wide() -> None:
    """A page can be read in an editor: only tables, code and what has no blank may be wider."""
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        code = False
        for number, line in enumerate(document.read_text().splitlines(), start=1):
            code ^= line.lstrip().startswith("```")
            bound = " " in re.sub("`[^`]*`", "", line.strip()).removeprefix("- ")
            wide = len(line) > 100 and bound and not code and not line.startswith("|")
            assert not wide, f"{document.name}:{number}"
