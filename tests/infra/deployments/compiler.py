"""Runs the Bicep compiler, which also evaluates a deployment offline."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest

from tests.infra.bicep_files import FOLDER, Expression, Value
from tests.infra.deployments import LOCATION, OWN, TENANT


@dataclass(frozen=True, slots=True)
class Predicted:
    """A resource that a deployment would make, as the compiler tells of it."""

    id: str
    type: str
    name: str
    body: dict[str, Value]

    @property
    def properties(self) -> dict[str, Value]:
        """Return its properties, which may be none."""
        found = self.body.get("properties", {})
        assert isinstance(found, dict)
        return found


class Snapshot(TypedDict):
    """A deployment, evaluated."""

    predictedResources: list[dict[str, Value]]
    diagnostics: list[str]


def compiler(*words: str, cwd: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    """Run the Bicep compiler; skips where there is none."""
    program = os.environ.get("BICEP") or shutil.which("bicep")
    if program is None:
        pytest.skip("set BICEP to the Bicep compiler, or have bicep on the PATH")
    return subprocess.run(  # noqa: S603 - the compiler and our own words
        [program, *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def literal(value: Value) -> str:
    """Spell a value as Bicep does."""
    match value:
        case None:
            return "null"
        case Expression():
            return value.text
        case bool() | int():
            return str(value).lower()
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
            return f"'{escaped}'"
        case list():
            return "[\n" + "".join(f"{literal(each)}\n" for each in value) + "]"
        case dict():
            fields = (f"{literal(name)}: {literal(each)}\n" for name, each in value.items())
            return "{\n" + "".join(fields) + "}"


def evaluated(file: Path, folder: Path, parameters: str) -> subprocess.CompletedProcess[str]:
    """Evaluate a deployment offline, into a file beside the parameters in the folder."""
    given = folder / f"{file.stem}.bicepparam"
    given.write_text(f"using '{os.path.relpath(file, folder)}'\n{parameters}\n")
    place = ("--subscription-id", OWN, "--tenant-id", TENANT, "--location", LOCATION)
    return compiler("snapshot", given.name, *place, "--mode", "overwrite", cwd=folder)


def predicted(file: Path, folder: Path, parameters: str) -> list[Predicted]:
    """Return what a deployment would make, with nothing to complain of."""
    done = evaluated(file, folder, parameters)
    assert done.returncode == 0, done.stdout + done.stderr
    snapshot: Snapshot = json.loads((folder / f"{file.stem}.snapshot.json").read_text())
    assert snapshot["diagnostics"] == []
    return [
        Predicted(str(each.pop("id")), str(each.pop("type")), str(each.pop("name")), each)
        for each in snapshot["predictedResources"]
    ]
