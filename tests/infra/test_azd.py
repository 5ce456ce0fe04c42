"""Holds azure.yaml to the files it names and to the order of its steps."""

import re
from typing import TypedDict

import yaml

from infra import package, publish, subscribe
from tests.infra.bicep_files import FOLDER, MAIN, Expression, assignments, declared, resources

ROOT = FOLDER.parents[1]


class Infra(TypedDict):
    """The section infra."""

    provider: str
    path: str
    module: str


class Service(TypedDict):
    """What azd deploys."""

    host: str
    project: str
    dist: str
    remoteBuild: bool
    hooks: dict[str, dict[str, str]]


class Project(TypedDict):
    """What azure.yaml holds, as far as the tests ask for it."""

    infra: Infra
    services: dict[str, Service]


PROJECT: Project = yaml.safe_load((ROOT / "azure.yaml").read_text())
[SERVICE] = PROJECT["services"].values()


def test_the_infrastructure_is_a_file() -> None:
    """The Bicep file is there, and beside it the parameters that azd takes first."""
    assert PROJECT["infra"]["provider"] == "bicep"
    file = ROOT / PROJECT["infra"]["path"] / PROJECT["infra"]["module"]
    assert file.with_suffix(".bicep") == MAIN
    assert file.with_suffix(".bicepparam").is_file()


def test_what_is_deployed_is_what_is_packaged() -> None:
    """The service is the folder that `make package` leaves, and Azure builds nothing."""
    assert SERVICE["host"] == "function"
    assert SERVICE["project"] == "."
    assert SERVICE["dist"] == f"dist/{package.APP}"
    assert SERVICE["remoteBuild"] is False
    assert SERVICE["hooks"]["prepackage"] == {"shell": "sh", "run": "make package"}
    assert "\npackage:" in (ROOT / "Makefile").read_text()


def test_azd_waits_before_the_code_and_subscribes_after_it() -> None:
    """The hooks are the commands of all ways of deploying."""
    hooks = {"predeploy": publish, "postdeploy": subscribe}
    for name, command in hooks.items():
        hook = SERVICE["hooks"][name]
        assert hook["shell"] == "sh"
        assert hook["run"].startswith(f".venv/bin/python -m {command.__name__} ")


def test_the_hooks_take_outputs() -> None:
    """Each is an output, which azd hands on as an environment variable of its name."""
    runs = " ".join(hook["run"] for hook in SERVICE["hooks"].values())
    taken = set(re.findall(r'"\$(\w+)"', runs))
    assert taken == {"functionAppId", "storageAccountId", "topics"}
    assert taken <= declared(MAIN, "output").keys()


def test_azd_finds_the_app_by_its_tags() -> None:
    """The site has the service's name as tag, and the group that of azd's environment."""
    [service] = PROJECT["services"]
    [site] = [
        made
        for made in resources(*FOLDER.rglob("app.bicep"))
        if made.type.startswith("Microsoft.Web/sites@")
    ]
    [group] = [made for made in resources(MAIN) if made.type.startswith("Microsoft.Resources/")]
    tags = site.body["tags"]
    assert isinstance(tags, Expression)
    assert f"'azd-service-name': '{service}'" in tags.text
    assert group.body["tags"] == Expression("tags")
    given = assignments(FOLDER / "main.bicepparam")["tags"]
    assert isinstance(given, Expression)
    assert "'azd-env-name': environmentName" in given.text
