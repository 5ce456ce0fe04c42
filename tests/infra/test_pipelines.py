"""The example pipelines: valid, alike, without a secret, and true to what the project has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra import publish, subscribe
from infra.package import ROOT, SBOM, ZIP
from infra.release import SUMS
from tests.infra.bicep_files import MAIN, declared

PIPELINES = ROOT / "infra" / "pipelines"
GITHUB = ("github-bicep.yml", "github-terraform.yml")
RELEASE = "github-release.yml"
AZURE = ("azure-pipelines-bicep.yml", "azure-pipelines-terraform.yml")
# The schema knows the tasks that Azure Pipelines brings along; one of the same shape stands in.
STAND_IN = {"TerraformInstaller@1": "GoTool@0", "terraformVersion": "version"}

type Node = dict[str, Node] | list[Node] | str


def load(name: str) -> Node:
    """Parse a pipeline; every scalar is a string, also the key `on`."""
    text = (PIPELINES / name).read_text()
    document: Node = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes no objects
    return document


def without(node: Node, keys: set[str]) -> Node:
    """Drop the keys wherever they are."""
    if isinstance(node, dict):
        return {key: without(value, keys) for key, value in node.items() if key not in keys}
    if isinstance(node, list):
        return [without(value, keys) for value in node]
    return node


def every(node: Node, key: str) -> list[Node]:
    """Return the values of the key wherever it is."""
    found: list[Node] = []
    if isinstance(node, dict):
        found = [value for name, value in node.items() if name == key]
        for value in node.values():
            found += every(value, key)
    elif isinstance(node, list):
        for value in node:
            found += every(value, key)
    return found


def steps(node: Node) -> list[dict[str, Node]]:
    """Return the steps of all jobs."""
    lists = [value for value in every(node, "steps") if isinstance(value, list)]
    return [step for steps in lists for step in steps if isinstance(step, dict)]


def validated(schema: str, file: Path) -> str:
    """Return what a vendored schema finds wrong."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and files
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema),
            *("--regex-variant", "nonunicode", file),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode else ""


def test_there_is_a_pipeline_for_each_place_and_language() -> None:
    """The tests below see every file of the folder."""
    assert {path.name for path in PIPELINES.iterdir()} == {*GITHUB, *AZURE, RELEASE}


@pytest.mark.parametrize("name", [*GITHUB, RELEASE])
@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_github_accepts_its_pipelines(name: str, schema: str) -> None:
    """They are workflows, and no job of them runs for ever."""
    assert validated(schema, PIPELINES / name) == ""


@pytest.mark.parametrize("name", AZURE)
def test_azure_pipelines_accepts_its_pipelines(name: str, tmp_path: Path) -> None:
    """They are pipelines; of Terraform's installer, from the marketplace, the shape is checked."""
    file = tmp_path / name
    text = (PIPELINES / name).read_text()
    for task, other in STAND_IN.items():
        text = text.replace(task, other)
    file.write_text(text)
    assert validated("vendor.azure-pipelines", file) == ""


@pytest.mark.parametrize("names", [GITHUB, AZURE], ids=["github", "azure"])
def test_the_languages_differ_in_steps_and_settings_alone(names: tuple[str, str]) -> None:
    """Triggers, order, rights, approvals and guards of Bicep and Terraform are the same."""
    bicep, terraform = (without(load(name), {"steps", "env", "variables"}) for name in names)
    assert bicep == terraform


@pytest.mark.parametrize("name", [*GITHUB, *AZURE, RELEASE])
def test_pipelines_keep_no_secret(name: str) -> None:
    """Azure trusts the pipeline by federation: nothing is read from a secret or looks like one."""
    text = (PIPELINES / name).read_text()
    assert not re.search(
        r"secrets\.|client[-_]?secret|password|sas[-_]token|access[-_]key|\bcreds\b|publish-profile",
        text,
        re.IGNORECASE,
    )


@pytest.mark.parametrize("name", GITHUB)
def test_github_jobs_have_the_least_rights(name: str) -> None:
    """By default none; Azure's token only in the jobs that log in, each in an environment."""
    workflow = load(name)
    assert isinstance(workflow, dict)
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert isinstance(jobs, dict)
    for key, job in jobs.items():
        assert isinstance(job, dict)
        token = {"id-token": "write"} if "environment" in job else {}
        assert job["permissions"] == {"contents": "read", **token}, key
    checkouts = [step for step in steps(workflow) if "actions/checkout" in str(step.get("uses"))]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": "false"}] * len(jobs)


@pytest.mark.parametrize("name", [*GITHUB, RELEASE])
def test_github_actions_are_pinned(name: str) -> None:
    """Every action is named by its commit, which no one can move."""
    uses = every(load(name), "uses")
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", str(use))] == []


@pytest.mark.parametrize("name", [*GITHUB, *AZURE])
def test_only_main_is_deployed_one_at_a_time_after_the_checks(name: str) -> None:
    """The deployment waits for the checks, an approval, and the one before it."""
    pipeline = load(name)
    assert isinstance(pipeline, dict)
    if name in GITHUB:
        jobs = pipeline["jobs"]
        assert isinstance(jobs, dict)
        deploy, main = jobs["deploy"], "github.ref == 'refs/heads/main'"
        guard = {"needs": "check", "concurrency": "keyvault-sync-production"}
        condition = "if"
    else:
        stages = pipeline["stages"]
        assert isinstance(stages, list)
        deploy, main = stages[-1], "eq(variables['Build.SourceBranch'], 'refs/heads/main')"
        guard = {"dependsOn": "check", "lockBehavior": "sequential"}
        condition = "condition"
    assert isinstance(deploy, dict)
    assert main in str(deploy[condition])
    assert guard.items() <= deploy.items()
    assert every(deploy, "environment")


@pytest.mark.parametrize("name", [*GITHUB, *AZURE, RELEASE])
def test_pipelines_name_what_there_is(name: str) -> None:
    """Targets of make and paths of the project exist; the package is the one that is built."""
    text = (PIPELINES / name).read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake (\w+)", re.sub(r"(?m)^#.*", "", text)))
    assert {"audit", "check", "release" if name == RELEASE else "package"} <= targets
    assert [t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []
    generated = {"infra/terraform/backend_override.tf"}
    paths = set(re.findall(r"\binfra/[\w./-]*\w", text)) - generated
    assert bool(paths) is (name != RELEASE)
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    built = {f"dist/{ZIP}", f"dist/{SBOM}", "dist/release"}
    assert set(re.findall(r"dist/[\w.-]+", text)) <= built


@pytest.mark.parametrize("name", [*GITHUB, *AZURE])
def test_what_is_deployed_is_audited_and_its_bill_kept(name: str) -> None:
    """Nothing with a known vulnerability is deployed, and whoever asks later finds what was."""
    check, deploy = re.split(r"(?m)^.*\bdeploy:?$", (PIPELINES / name).read_text(), maxsplit=1)
    assert re.search(r"make audit$", check, re.MULTILINE)
    assert 0 <= deploy.find("make package") < deploy.find(f"dist/{SBOM}")


@pytest.mark.parametrize("name", [*GITHUB, *AZURE])
def test_pipelines_explain_their_variables(name: str) -> None:
    """Whatever somebody must fill in is in the comment at the head."""
    text = (PIPELINES / name).read_text()
    if name in GITHUB:
        named = set(re.findall(r"vars\.(\w+)", text))
    else:
        [variables] = every(load(name), "variables")
        assert isinstance(variables, dict)
        named = {variable for variable in variables if not variable.isupper()}
    head, _ = text.split("\n\n", 1)
    assert named
    assert [variable for variable in named if not re.search(rf"\b{variable}\b", head)] == []


@pytest.mark.parametrize("name", ["github-bicep.yml", "azure-pipelines-bicep.yml"])
def test_bicep_is_followed_by_the_code_and_then_the_events(name: str) -> None:
    """Event Grid refuses a subscription to a function that is not there yet."""
    _, deploy = (PIPELINES / name).read_text().rsplit("deploy:", 1)
    order = (
        "make package",
        "main.bicepparam",
        f"-m {publish.__name__} ",
        f"-m {subscribe.__name__} ",
    )
    positions = [deploy.index(word) for word in order]
    assert positions == sorted(positions)
    taken = set(re.findall(r'--\w+ "\$([a-z]\w+)"', deploy))
    assert taken == {"functionAppId", "storageAccountId", "topics"}
    assert taken <= declared(MAIN, "output").keys()


def test_a_release_is_of_its_tag_and_attested_before_it_is_published() -> None:
    """It waits for the checks; only the job that publishes may write, and it deploys nothing."""
    workflow = load(RELEASE)
    assert isinstance(workflow, dict)
    assert (workflow["permissions"], workflow["on"]) == ({}, {"push": {"tags": ["v*"]}})
    jobs = workflow["jobs"]
    assert isinstance(jobs, dict)
    check, publish = jobs["check"], jobs["release"]
    assert isinstance(check, dict)
    assert isinstance(publish, dict)
    assert check["permissions"] == {"contents": "read"}
    rights = {"contents": "write", "id-token": "write", "attestations": "write"}
    assert (publish["permissions"], publish["needs"]) == (rights, "check")
    text = (PIPELINES / RELEASE).read_text()
    order = ('make release TAG="$GITHUB_REF_NAME"', "attest-build-provenance", "gh release create")
    positions = [text.index(word) for word in order]
    assert positions == sorted(positions)
    assert f"dist/release/{SUMS}" in text
    assert "az deployment" not in text


@pytest.mark.parametrize("name", ["github-bicep.yml", "azure-pipelines-bicep.yml"])
def test_bicep_is_checked_by_its_compiler(name: str) -> None:
    """One release of the compiler builds, lints and formats all, and the tests get it too."""
    check, _ = (PIPELINES / name).read_text().rsplit("deploy:", 1)
    for word in ("lint", "build", "build-params", "format"):
        assert f'"$bicep" {word} ' in check
    position = check.index("git diff --exit-code")
    assert (
        check.index("format --pattern")
        < position
        < check.index("BICEP")
        < check.index("make check")
    )


def test_one_release_of_the_bicep_compiler_is_installed() -> None:
    """It is the same wherever one is installed, and no later one by surprise."""
    installed = [
        words
        for path in PIPELINES.iterdir()
        for words in re.findall(r"az bicep install(.*)$", path.read_text(), re.MULTILINE)
    ]
    assert installed == [' --version "v$(cat .bicep-version)"'] * 3
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", (ROOT / ".bicep-version").read_text())
