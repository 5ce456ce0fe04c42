"""Terraform runs the commands that wait, applied on a server of our own, without providers."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from infra.package import ROOT
from tests.infra.azure_server import APP, STORAGE, AzureServer, Fault, azure_server, topic
from tests.infra.deployments.terraform import PROVIDERS, terraform
from tests.infra.terraform_files import FOLDER

STEPS = {"app.tf": ("code",), "events.tf": ("subscription", "unsubscription")}

# What stands in for the resources of Azure; a topic that the vault has already is taken off later.
LOCALS = f"""
variable "package" {{ default = "package.zip" }}
variable "existing" {{ default = true }}
locals {{
  site            = "{APP}"
  storage         = "{STORAGE}"
  vaults          = {{ a = {{ name = "A" }}, b = {{ name = "B" }} }}
  existing_topics = {{ for key in ["a"] : key => "{topic("")}${{key}}" if var.existing }}
  topics = {{
    for key in concat(keys(local.existing_topics), ["b"]) :
    key => {{ id = "{topic("")}${{key}}", principal_id = key }}
  }}
}}
"""


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    """Serve Azure, with an az that is logged in."""
    (tmp_path / "az").mkdir()
    with azure_server(tmp_path / "az", monkeypatch) as server:
        yield server


@pytest.fixture
def apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what applies the steps alone, over the same state, and returns what it printed."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on the PATH")
    monkeypatch.delenv(PROVIDERS, raising=False)
    folder = tmp_path / "infra" / "terraform"
    folder.mkdir(parents=True)
    for file in (ROOT / "infra").glob("*.py"):
        shutil.copy(file, tmp_path / "infra")
    text = "\n".join(_step(file, name) for file, names in STEPS.items() for name in names)
    for resource, local in (("site", "site"), ("storage", "storage")):
        text = text.replace(f"azapi_resource.{resource}.id", f"local.{local}")
    text = re.sub(r"(azapi_update_resource|azurerm_role_assignment)\.\w+,?", "", text)
    (folder / "main.tf").write_text(text + LOCALS)
    (folder / "package.zip").write_bytes(b"first")
    assert terraform("init", "-no-color", cwd=folder).returncode == 0

    def run(**variables: str) -> str:
        given: Mapping[str, str] = {f"TF_VAR_{name}": value for name, value in variables.items()}
        words = ("apply", "-auto-approve", "-no-color")
        done = terraform(*words, cwd=folder, environment={**os.environ, **given})
        return done.stdout + done.stderr

    return run


def _step(file: str, name: str) -> str:
    (found,) = re.findall(
        rf'^resource "terraform_data" "{name}" \{{.*?^\}}',
        (FOLDER / file).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return str(found)


def test_the_code_is_sent_and_then_the_topics_are_subscribed_to(
    azure: AzureServer, apply: Callable[..., str], tmp_path: Path
) -> None:
    """New code touches no subscription; a given topic loses ours when it is taken off."""
    azure.deployments = [[(200, {"status": 4})], [(200, {"status": 4})]]
    apply()
    assert azure.packages == [b"first"]
    assert azure.subscriptions.keys() == {topic("a"), topic("b")}
    (tmp_path / "infra/terraform/package.zip").write_bytes(b"second")
    apply()
    assert azure.packages == [b"first", b"second"]
    assert len(azure.puts) == 2
    apply(existing="false")
    assert azure.subscriptions.keys() == {topic("b")}


def test_an_apply_goes_on_where_one_failed(azure: AzureServer, apply: Callable[..., str]) -> None:
    """What Azure said is in the output, and the next apply makes only what is missing."""
    azure.deployments = [[(200, {"status": 4})]]
    azure.faults[topic("a")] = [Fault("AuthorizationFailed", polled=True)]
    assert "A: FAILED. AuthorizationFailed: As the test wants it." in apply()
    apply()
    assert azure.packages == [b"first"]
    assert sorted(azure.puts) == [topic("a"), topic("a"), topic("b")]
