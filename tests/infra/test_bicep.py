"""Holds the Bicep files to their grammar, their types and their options."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync.settings.clusters import read_clusters
from sync.settings.table import SETTINGS
from tests.infra.bicep_files import (
    FOLDER,
    MAIN,
    MODULES,
    NAMING,
    PARAMETERS,
    TYPES,
    Expression,
    Value,
    assignments,
    declarations,
    declared,
    syntax_errors,
)

ROOT = FOLDER.parents[1]

CHECKER = "BICEP_TYPES_CHECK"
TABLES = "BICEP_TYPES"

# What not every copy of the tables has: private DNS zones, and roles at a namespace.
WITHOUT_TABLES = {
    "no api version 2024-06-01 of Microsoft.Network",
    "no api version 2022-04-01 of Microsoft.ContainerService",
}


def names(path: Path) -> str:
    """Name a case by its file."""
    return path.name


@pytest.mark.parametrize("path", [*MODULES, *PARAMETERS], ids=names)
def test_files_parse(path: Path) -> None:
    """Every file fits the grammar."""
    assert syntax_errors(path) == []


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_all_is_described(path: Path) -> None:
    """Every parameter, output, type and property says what it is."""
    undescribed = [
        found.name
        for found in declarations(path)
        if not any(
            isinstance(text, str) and text for text in found.decorators.get("description", [])
        )
    ]
    assert undescribed == []


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_types_say_what_is_in_them(path: Path) -> None:
    """No parameter or output is a bare object or array."""
    bare = [d.name for d in declarations(path) if d.type.rstrip("?") in ("object", "array")]
    assert bare == []


def test_types_fit_the_published_tables() -> None:
    """Resource types, their properties and enumerations are those that Azure publishes."""
    checker, tables = os.environ.get(CHECKER), os.environ.get(TABLES)
    if not checker or not tables:
        pytest.skip(
            f"set {CHECKER} to a script that takes the folder `generated` of "
            f"Azure/bicep-types-az and Bicep files, and {TABLES} to that folder"
        )
    files = [str(path) for path in MODULES if path != NAMING]  # which has no resources
    done = subprocess.run(  # noqa: S603 - the script that the caller named
        [sys.executable, checker, tables, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    functions = re.findall(r"^func (\w+)", NAMING.read_text(), re.MULTILINE)
    imported = {f"undeclared name {name}" for name in (*declared(TYPES, "type"), *functions)}
    findings = [
        line
        for line in done.stdout.splitlines()
        if (message := line.split(": ", 1)[1]) not in imported
        and message.partition(";")[0] not in WITHOUT_TABLES
    ]
    assert findings == []


DEFAULTS = {
    "name": "kvsync",
    "location": Expression("deployment().location"),
    "cloud": Expression("environment().name"),
    "resourceGroupName": Expression("'rg-${name}'"),
    "tags": {},
    "vaults": {},
    "projects": [],
    "projectsResourceGroupName": Expression("'rg-${name}-vaults'"),
    "placementsFile": "",
    "clusters": [],
    "azureRbacNamespaces": [],
    "credentialSecrets": [],
    "inspectVaults": False,
    "settings": {},
    "network": None,
    "zoneRedundant": False,
    "alwaysReady": 0,
    "perInstanceConcurrency": 200,
    "maximumInstances": 40,
    "instanceMemory": 2048,
    "alertReceivers": {"emails": [], "actionGroupIds": []},
    "alertAfter": "PT30M",
    "authentication": None,
    "exampleVault": "",
}


def test_options_and_defaults() -> None:
    """The options are these, with these defaults."""
    assert {d.name: d.default for d in declared(MAIN, "param").values()} == DEFAULTS


@pytest.mark.parametrize(
    ("option", "limits"),
    [
        ("name", {"minLength": [3], "maxLength": [11]}),
        ("alwaysReady", {"minValue": [0]}),
        ("perInstanceConcurrency", {"minValue": [1], "maxValue": [1000]}),
        ("maximumInstances", {"minValue": [1], "maxValue": [1000]}),
        ("instanceMemory", {"allowed": [[512, 2048, 4096]]}),
        ("exampleVault", {"maxLength": [24]}),
    ],
)
def test_limits(option: str, limits: dict[str, list[Value]]) -> None:
    """What Azure would refuse is refused before anything is made."""
    decorators = declared(MAIN, "param")[option].decorators
    assert {name: decorators[name] for name in decorators if name != "description"} == limits


def test_settings_are_those_of_the_app() -> None:
    """The settings' type is sealed, and takes the names and the words that the app takes."""
    assert "sealed" in declared(TYPES, "type")["syncSettings"].decorators
    properties = declared(TYPES, "property")
    taken = {name: found.type for name, found in properties.items() if name.startswith("SYNC_")}
    assert taken == {
        setting.name: f"({' | '.join(map(repr, map(str, setting.words)))})?"
        if setting.words
        else "string?"
        for setting in SETTINGS
    }


def test_cluster_fields_are_those_of_the_app() -> None:
    """A field of the clusters' type is one that the app reads, and the app reads no other."""
    declared_type = declared(TYPES, "type")["cluster"]
    fields = set(re.findall(r"^  (\w+): ", declared_type.type, re.MULTILINE))
    with pytest.raises(ValueError, match="unknown field") as refused:
        read_clusters(json.dumps([{"name": "a", "bogus": 1}]))
    assert fields == set(refused.value.args[0].partition("known are ")[2].split(", "))
    assert "sealed" in declared_type.decorators


def test_concurrency_is_the_hosts() -> None:
    """An instance is not sent more events than the host takes at once."""
    host = json.loads((ROOT / "host.json").read_text())
    assert DEFAULTS["perInstanceConcurrency"] == host["extensions"]["http"]["maxConcurrentRequests"]


def test_nothing_queues_at_the_host() -> None:
    """What an instance cannot take at once is refused at once: Event Grid brings it again."""
    http = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]
    assert http["maxOutstandingRequests"] == http["maxConcurrentRequests"]


def test_outputs() -> None:
    """The outputs are these, and none is a key, a connection string or a secret."""
    assert set(declared(MAIN, "output")) == {
        "functionAppName",
        "functionAppId",
        "resourceGroupName",
        "identityPrincipalId",
        "identityClientId",
        "storageAccountId",
        "deadLetterContainerUrl",
        "vaults",
        "portalAddresses",
        "resyncUrl",
        "topics",
    }


def test_parameters_file_gives_options() -> None:
    """The parameters file assigns options only, besides azd's environment."""
    given = set(assignments(FOLDER / "main.bicepparam")) - {"environmentName"}
    assert given <= set(DEFAULTS)


def test_linter_finds_are_errors() -> None:
    """Every rule of the linter that is configured stops the build."""
    rules = json.loads((FOLDER / "bicepconfig.json").read_text())["analyzers"]["core"]["rules"]
    assert {rule["level"] for rule in rules.values()} == {"error"}
