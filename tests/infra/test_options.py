"""Bicep and Terraform take the same options, by the same names and with the same defaults."""

import re
from pathlib import Path

import hcl2
import pytest

from sync.settings.table import SETTINGS
from tests.infra.bicep_files import AZURE_CLI, MAIN, TYPES, Expression, declared
from tests.infra.deployments import snake

TERRAFORM = Path(__file__).parents[2] / "infra" / "terraform"
ONLY_TERRAFORM = {"vault_pattern", "package"}  # Bicep cannot search, nor send the code
ELSEWHERE = {
    "location": "deployment().location",
    "cloud": "environment().name",
    "resource_group_name": "'rg-${name}'",
    "projects_resource_group_name": "'rg-${name}-vaults'",
}


def blocks(file: str, kind: str) -> dict[str, dict[str, object]]:
    """Read the blocks of a kind by their name."""
    with (TERRAFORM / file).open() as source:
        document = hcl2.load(source)
    return {name.strip('"'): body for block in document[kind] for name, body in block.items()}


def plain(value: object) -> object:
    """Return a default as both languages mean it."""
    match value:
        case str():
            return value.strip('"')
        case list():
            return [plain(item) for item in value]
        case dict():
            return {
                snake(key.strip('"')): plain(item)
                for key, item in value.items()
                if not key.startswith("__")
            }
        case _:
            return value


BICEP = {snake(name): found for name, found in declared(MAIN, "param").items()}
VARIABLES = blocks("variables.tf", "variable")


def test_the_options_have_the_same_names() -> None:
    """Every parameter has its variable, and the other way round."""
    assert BICEP.keys() == VARIABLES.keys() - ONLY_TERRAFORM


@pytest.mark.parametrize("name", sorted(BICEP.keys() - ELSEWHERE.keys()))
def test_the_options_have_the_same_defaults(name: str) -> None:
    """What is left out means the same in both."""
    assert plain(VARIABLES[name].get("default")) == plain(BICEP[name].default)


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_defaults_that_only_bicep_can_compute(name: str) -> None:
    """Where the defaults differ, they do as is said here."""
    assert BICEP[name].default == Expression(ELSEWHERE[name])
    assert VARIABLES[name].get("default") is None


def test_authentication_takes_the_same_members() -> None:
    """The members of `authentication` have the same names, and the same ones may be left out."""
    (taken,) = re.findall(
        r"^type entraAuthentication = \{\n(.*?)^\}", TYPES.read_text(), re.MULTILINE | re.DOTALL
    )
    bicep = re.findall(r"^  (\w+): \S*?(\??)$", taken, re.MULTILINE)
    (taken,) = re.findall(
        r'^variable "authentication" \{.*?object\(\{\n(.*?)\}\)',
        (TERRAFORM / "variables.tf").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    terraform = re.findall(r"^    (\w+) += (optional)?", taken, re.MULTILINE)
    assert {snake(name): bool(optional) for name, optional in bicep} == {
        name: bool(optional) for name, optional in terraform
    }
    assert dict(bicep)["allowedApplications"] == "?"


def bicep_members(name: str) -> dict[str, bool]:
    """Return the members of a type of Bicep, spelt as Terraform does: which may be left out."""
    (taken,) = re.findall(
        rf"^type {name} = \{{\n(.*?)^\}}", TYPES.read_text(), re.MULTILINE | re.DOTALL
    )
    found = re.findall(r"^  (\w+): \S*?(\??)$", taken, re.MULTILINE)
    return {snake(member): bool(optional) for member, optional in found}


def listed(text: str) -> set[str]:
    """Return the words of a list in a validation."""
    return set(re.findall(r'"(\w+)"', text))


def test_projects_take_the_same_members() -> None:
    """The members of a project have the same names, and the same ones may be left out."""
    variables = (TERRAFORM / "variables.tf").read_text()
    ((known, needed),) = re.findall(
        r"setsubtract\(keys\(project\), \[(.*?)\]\).*?"
        r"setsubtract\(\[(.*?)\], keys\(project\)\)",
        variables,
        re.DOTALL,
    )
    members = bicep_members("project")
    assert listed(known) == members.keys()
    assert listed(needed) == {name for name, optional in members.items() if not optional}


def test_placements_take_the_same_members() -> None:
    """The members of a placement have the same names, and each may be left out."""
    variables = (TERRAFORM / "variables.tf").read_text()
    (known,) = re.findall(r"setsubtract\(keys\(place\), \[(.*?)\]\)", variables)
    members = bicep_members("placement")
    assert listed(known) == members.keys()
    assert all(members.values())


def test_vaults_take_the_same_members() -> None:
    """The members of a vault have the same names."""
    (taken,) = re.findall(
        r'^variable "vaults" \{.*?object\(\{\n(.*?)^  \}\)\)',
        (TERRAFORM / "variables.tf").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    found = re.findall(r"^    (\w+) += (optional)?", taken, re.MULTILINE)
    assert {name: bool(optional) for name, optional in found} == bicep_members("vault")


def test_both_let_the_same_azure_cli_in() -> None:
    """The application that both name first is the Azure CLI, with the same client id."""
    (first,) = re.findall(r'azure_cli = "(\S+)"', (TERRAFORM / "app.tf").read_text())
    assert first == AZURE_CLI


def test_the_outputs_have_the_same_names() -> None:
    """What one tells, the other tells."""
    told = {snake(name) for name in declared(MAIN, "output")}
    assert told == blocks("outputs.tf", "output").keys()


def test_every_setting_can_be_given_in_terraform() -> None:
    """The settings that Terraform lets through are those of the app."""
    (first, *_) = re.findall(
        r'variable "settings" \{.*?setsubtract\(keys\(var\.settings\), \[(.*?)\]',
        (TERRAFORM / "variables.tf").read_text(),
        re.DOTALL,
    )
    assert set(re.findall(r'"(\w+)"', first)) == {setting.name for setting in SETTINGS}


def test_terraform_takes_the_words_that_the_app_takes() -> None:
    """A setting of a few words is checked before anything is made, with the app's own default."""
    checked = re.findall(
        r'contains\(\[([^]]+)\], lookup\(var\.settings, "(\w+)", "([^"]+)"\)\)',
        (TERRAFORM / "variables.tf").read_text(),
    )
    found = {name: (re.findall(r'"([^"]+)"', words), default) for words, name, default in checked}
    assert found == {
        setting.name: (list(setting.words), setting.words[0])
        for setting in SETTINGS
        if setting.words
    }
