"""Holds azure.yaml to the files it names and to the order of its steps."""

import re
from typing import TypedDict

import yaml

from infra import publish, subscribe
from tests.infra.bicep_files import FOLDER, MAIN, Expression, assignments, declared, resources

ROOT = FOLDER.parents[1]


class Infra(TypedDict):
    """The section infra."""

    provider: str
    path: str
    module: str


class Project(TypedDict):
    """What azure.yaml holds, as far as the tests ask for it."""

    infra: Infra
    hooks: dict[str, dict[str, str]]
    workflows: dict[str, list[dict[str, str]]]


PROJECT: Project = yaml.safe_load((ROOT / "azure.yaml").read_text())
HOOK = PROJECT["hooks"]["postprovision"]


def test_the_infrastructure_is_a_file() -> None:
    """The Bicep file is there, and beside it the parameters that azd takes first."""
    assert PROJECT["infra"]["provider"] == "bicep"
    file = ROOT / PROJECT["infra"]["path"] / PROJECT["infra"]["module"]
    assert file.with_suffix(".bicep") == MAIN
    assert file.with_suffix(".bicepparam").is_file()


def test_code_and_events_follow_the_infrastructure() -> None:
    """All there is to `azd up` is the infrastructure, after which each step stops at a failure."""
    assert PROJECT["workflows"]["up"] == [{"azd": "provision"}]
    assert HOOK["shell"] == "sh"
    first, *steps = HOOK["run"].splitlines()
    assert first == "set -eu"
    commands = ("make package", f".venv/bin/python -m {publish.__name__} ")
    order = (*commands, f".venv/bin/python -m {subscribe.__name__} ")
    assert len(steps) == len(order)
    assert all(step.startswith(word) for step, word in zip(steps, order, strict=True))


def test_the_steps_take_outputs() -> None:
    """Each is an output, which azd hands on as an environment variable of its name."""
    taken = set(re.findall(r'"\$(\w+)"', HOOK["run"]))
    assert taken == {"functionAppId", "storageAccountId", "topics"}
    assert taken <= declared(MAIN, "output").keys()


def test_azd_finds_the_group_by_its_tag() -> None:
    """The resource group has the name of azd's environment as a tag."""
    [group] = [made for made in resources(MAIN) if made.type.startswith("Microsoft.Resources/")]
    assert group.body["tags"] == Expression("tags")
    given = assignments(FOLDER / "main.bicepparam")["tags"]
    assert isinstance(given, Expression)
    assert "'azd-env-name': environmentName" in given.text
