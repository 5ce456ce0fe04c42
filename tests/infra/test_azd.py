"""Holds azure.yaml to the files it names and to the order of its steps."""

from typing import TypedDict

import yaml

from infra import package
from tests.infra.bicep_files import FOLDER, MAIN, Expression, assignments, resources

ROOT = FOLDER.parents[1]


class Layer(TypedDict):
    """A part of the infrastructure that azd provisions by itself."""

    name: str
    path: str
    module: str


class Infra(TypedDict):
    """The section infra."""

    provider: str
    layers: list[Layer]


class Service(TypedDict):
    """What azd deploys."""

    host: str
    language: str
    project: str
    dist: str
    remoteBuild: bool
    hooks: dict[str, dict[str, str]]


class Project(TypedDict):
    """What azure.yaml holds, as far as the tests ask for it."""

    infra: Infra
    services: dict[str, Service]
    workflows: dict[str, list[dict[str, str]]]


PROJECT: Project = yaml.safe_load((ROOT / "azure.yaml").read_text())


def test_layers_are_files() -> None:
    """Each layer has a Bicep file, and beside it the parameters that azd takes first."""
    assert PROJECT["infra"]["provider"] == "bicep"
    for layer in PROJECT["infra"]["layers"]:
        file = ROOT / layer["path"] / layer["module"]
        assert file.with_suffix(".bicep").is_file()
        assert file.with_suffix(".bicepparam").is_file()


def test_events_come_after_the_code() -> None:
    """The code follows the app's layer and precedes the events' layer; nothing is left out."""
    [service] = PROJECT["services"]
    app, events = (layer["name"] for layer in PROJECT["infra"]["layers"])
    assert PROJECT["workflows"]["up"] == [
        {"azd": f"provision {app}"},
        {"azd": f"deploy {service}"},
        {"azd": f"provision {events}"},
    ]


def test_what_is_deployed_is_what_is_packaged() -> None:
    """The service is the folder that `make package` leaves, and Azure builds nothing."""
    [service] = PROJECT["services"].values()
    assert service["host"] == "function"
    assert service["project"] == "."
    assert service["dist"] == f"dist/{package.APP}"
    assert service["remoteBuild"] is False
    assert service["hooks"]["prepackage"] == {"shell": "sh", "run": "make package"}
    assert "\npackage:" in (ROOT / "Makefile").read_text()


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
