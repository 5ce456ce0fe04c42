"""The look before vaults are made: what it asks, what it tells, and what it exits with."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.vault_names import Finding, Json, LookError, look, read_names
from tests.infra.bicep_files import FOLDER

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "rg-kvsync-vaults"
ROOT = f"/subscriptions/{SUBSCRIPTION}"
SERVICE = f"{ROOT}/providers/Microsoft.KeyVault"
PROJECTS: Json = [
    {"name": "shop", "stage": "dev", "region": "weu", "numbers": [1, 2]},
    {"name": "shop", "stage": "prod", "region": "neu", "numbers": [1]},
]
NAMES = ["weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2", "neu-DS-AKV-shop-prod-1"]


@dataclass(slots=True)
class Azure:
    """Resource Manager with a group, vaults, deleted vaults, and names that others have."""

    groups: list[str] = field(default_factory=lambda: [GROUP])
    vaults: dict[str, str] = field(default_factory=dict)  # group by name
    deleted: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: Mapping[str, str] | None) -> Json:
        """Answer a request; a list has one item a page."""
        place, _, query = path.partition("?")
        match method, place.removeprefix(ROOT):
            case "GET", "/resourcegroups":
                assert "api-version=2024-11-01" in query
                return self._page(path, [{"name": name} for name in self.groups])
            case "GET", "/providers/Microsoft.KeyVault/vaults":
                self._current(query)
                return self._page(
                    path,
                    [
                        {
                            "name": name,
                            "id": f"{ROOT}/resourceGroups/{group}/providers/"
                            f"Microsoft.KeyVault/vaults/{name}",
                        }
                        for name, group in self.vaults.items()
                    ],
                )
            case "GET", "/providers/Microsoft.KeyVault/deletedVaults":
                self._current(query)
                return self._page(path, [self._tomb(name) for name in self.deleted])
            case "POST", "/providers/Microsoft.KeyVault/checkNameAvailability":
                self._current(query)
                assert body is not None
                assert body["type"] == "Microsoft.KeyVault/vaults"
                if body["name"] in self.taken:
                    return {"nameAvailable": False, "reason": "AlreadyExists", "message": "…"}
                return {"nameAvailable": True}
            case _:
                raise AssertionError(path)

    @staticmethod
    def _current(query: str) -> None:
        assert "api-version=2026-02-01" in query

    @staticmethod
    def _tomb(name: str) -> dict[str, Json]:
        return {
            "name": name,
            "properties": {
                "location": "westeurope",
                "scheduledPurgeDate": "2027-01-31T10:00:00Z",
                "purgeProtectionEnabled": True,
            },
        }

    @staticmethod
    def _page(path: str, items: list[dict[str, Json]]) -> Json:
        number = int(path.rpartition("skiptoken=")[2]) if "skiptoken=" in path else 0
        page: dict[str, Json] = {"value": [*items[number : number + 1]]}
        if number + 1 < len(items):
            start = path.partition("&$skiptoken=")[0]
            page["nextLink"] = f"https://management.azure.com:443{start}&$skiptoken={number + 1}"
        return page


def found(azure: Azure, names: list[str] | None = None) -> dict[str, Finding]:
    """Look for the names, and return what is found of each."""
    findings = list(look(NAMES if names is None else names, SUBSCRIPTION, GROUP, azure))
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PROJECTS),
        json.dumps(json.dumps(PROJECTS)),
        json.dumps({"parameters": {"projects": {"value": PROJECTS}}}),
        json.dumps(
            {"parametersJson": json.dumps({"parameters": {"projects": {"value": PROJECTS}}})}
        ),
    ],
    ids=["list", "console", "parameters", "build-params"],
)
def test_projects_are_read_as_both_languages_print_them(text: str) -> None:
    """A list, as a console quotes it, and a parameters file as the compiler prints it."""
    assert read_names(text) == NAMES


def test_a_file_without_projects_makes_nothing() -> None:
    """Where the parameter is left out there is nothing to look at."""
    assert read_names(json.dumps({"parameters": {"name": {"value": "kvsync"}}})) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("3", "list of objects"),
        ("{}", "neither a list"),
        ('{"parameters": {"projects": {"reference": {}}}}', "no value"),
        ('[{"name": "shop", "stage": "dev", "numbers": [1]}]', "Project 1 lacks"),
        ('["shop"]', "Project 1 lacks"),
    ],
    ids=["broken", "deep", "number", "object", "reference", "region", "text"],
)
def test_anything_else_is_refused(text: str, told: str) -> None:
    """What holds no projects is told, and by its place."""
    with pytest.raises(LookError, match=told):
        read_names(text)


def test_free_names_do_not_block() -> None:
    """A name that nobody has can be made."""
    findings = found(Azure())
    assert list(findings) == NAMES
    assert {finding.text for finding in findings.values()} == {"is free"}
    assert not any(finding.blocks for finding in findings.values())


def test_what_exists_stays() -> None:
    """A vault of ours, in whatever case, is left as it is; on a later page as well."""
    azure = Azure(vaults={"other": "rg", NAMES[0].upper(): GROUP.upper()}, taken=[NAMES[0]])
    finding = found(azure)[NAMES[0]]
    assert finding == Finding(NAMES[0], "exists, and stays as it is")


def test_a_vault_of_another_group_blocks() -> None:
    """A second vault of that name cannot be made, and the first is served by another list."""
    finding = found(Azure(vaults={NAMES[0]: "rg-shop"}))[NAMES[0]]
    assert finding.blocks
    assert "/resourceGroups/rg-shop/" in finding.text
    assert "vaults" in finding.text


def test_a_deleted_vault_blocks_and_is_not_recovered() -> None:
    """Its date and the command are told; whether to run it is left to a person."""
    azure = Azure(deleted=["other", NAMES[1].lower()], taken=[NAMES[1]])
    finding = found(azure)[NAMES[1]]
    assert finding.blocks
    assert "2027-01-31T10:00:00Z" in finding.text
    assert f"az keyvault recover --name {NAMES[1]} --location westeurope" in finding.text


def test_a_name_that_others_have_blocks() -> None:
    """Names are global: a vault that cannot be seen has it."""
    findings = found(Azure(taken=[NAMES[2]]))
    assert [name for name, finding in findings.items() if finding.blocks] == [NAMES[2]]
    assert "another number" in findings[NAMES[2]].text


def test_what_the_templates_refuse_blocks_here_too() -> None:
    """A name that is too long, and one that two projects make, without asking for either."""
    findings = list(
        look(["weu-DS-AKV-somethinglong-dev-1", "a", "A"], SUBSCRIPTION, GROUP, Azure())
    )
    assert [(finding.name, finding.blocks) for finding in findings] == [
        ("weu-DS-AKV-somethinglong-dev-1", True),
        ("a", False),
        ("A", True),
    ]


def test_a_missing_group_blocks() -> None:
    """The group of the vaults is made by a person, and the command is told."""
    finding = found(Azure(groups=["rg-a", "rg-b"]))[GROUP]
    assert finding.blocks
    assert f"az group create --name {GROUP}" in finding.text


def test_an_answer_that_is_none_is_an_error() -> None:
    """A broken answer is no leave to go on."""
    with pytest.raises(LookError, match="no list"):
        list(look(NAMES, SUBSCRIPTION, GROUP, lambda *_: {"error": {}}))


# Answers by the words of its command line, as az does.
AZ = """#!{python}
import json, sys
words = sys.argv[1:]
if words[:2] == ["account", "show"]:
    print(json.dumps({{"id": "{subscription}"}}))
elif "{fails}" in " ".join(words):
    sys.exit("ERROR: Forbidden")
elif "checkNameAvailability" in words[words.index("--url") + 1]:
    name = json.loads(words[words.index("--body") + 1])["name"]
    print(json.dumps({{"nameAvailable": name != "{taken}", "reason": "AlreadyExists"}}))
else:
    groups = [{{"name": "{group}"}}] if "resourcegroups" in " ".join(words) else []
    print(json.dumps({{"value": groups}}))
"""


def run(
    folder: Path, given: str, *, taken: str = "", fails: str = "nothing", with_az: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the program with an `az` of our own, or with none."""
    if with_az:
        az = folder / "az"
        az.write_text(
            AZ.format(
                python=sys.executable,
                subscription=SUBSCRIPTION,
                group=GROUP,
                taken=taken,
                fails=fails,
            )
        )
        az.chmod(0o755)
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "infra.vault_names", "--group", GROUP],
        cwd=FOLDER.parents[1],
        env={**os.environ, "PATH": str(folder)},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_tells_each_name(tmp_path: Path) -> None:
    """A line for each, and an exit code that a pipeline stops at."""
    done = run(tmp_path, json.dumps(PROJECTS), taken=NAMES[1])
    assert done.stderr == ""
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", NAMES[0]],
        ["BLOCKED", NAMES[1]],
        ["ok", NAMES[2]],
    ]
    assert done.returncode == 1
    assert run(tmp_path, json.dumps(PROJECTS)).returncode == 0


@pytest.mark.parametrize(
    ("given", "fails", "with_az", "told"),
    [
        (json.dumps(PROJECTS), "deletedVaults", True, "Forbidden"),
        (json.dumps(PROJECTS), "nothing", False, "az is not on the PATH"),
        ("{", "nothing", True, "not JSON"),
    ],
    ids=["forbidden", "no-az", "broken"],
)
def test_what_could_not_be_seen_is_no_leave(
    tmp_path: Path, given: str, fails: str, told: str, *, with_az: bool
) -> None:
    """Where it cannot look, the program says why and exits with 2."""
    done = run(tmp_path, given, fails=fails, with_az=with_az)
    assert done.returncode == 2
    assert told in done.stderr
