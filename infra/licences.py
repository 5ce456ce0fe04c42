"""Lists the licences of what is deployed, from its bill of materials, and which are allowed."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NotRequired, TypedDict

from infra.package import ROOT, SBOM, PackageError, build
from infra.sbom import SbomError

PAGE = ROOT / "docs" / "licences.md"

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
    }
)
"""Licences under which a dependency may be deployed unchanged with code of any licence."""

_HEAD = (
    "# Licences of what is deployed\n\n"
    "Made by `make licences` from the bill of materials of the package. A test holds this page\n"
    "to it, and each licence to the list in `infra/licences.py`: one that is not there, or that a\n"
    "dependency's metadata do not name, fails. The texts are in the package, in each dependency's\n"
    "`dist-info` folder.\n\n"
    "Not deployed: the picture `docs/demo.svg` contains some characters of Source Code Pro,\n"
    "© Adobe, under the SIL Open Font License 1.1. The project itself: [LICENSE](../LICENSE).\n\n"
    "| dependency | version | licence (SPDX) |\n|---|---|---|\n"
)


class _Licence(TypedDict):
    id: NotRequired[str]
    name: NotRequired[str]


class _Choice(TypedDict):
    expression: NotRequired[str]
    license: NotRequired[_Licence]


class _Component(TypedDict):
    name: str
    version: str
    licenses: NotRequired[list[_Choice]]


@dataclass(frozen=True, slots=True)
class Licensed:
    """A dependency and its licence, an SPDX expression; empty where the bill names none."""

    name: str
    version: str
    licence: str

    @property
    def allowed(self) -> bool:
        """Tell whether it may be deployed: of alternatives one has to be allowed, else all."""
        return any(
            all(part in ALLOWED for part in either.split(" AND "))
            for either in self.licence.split(" OR ")
        )


def licensed(text: str) -> Sequence[Licensed]:
    """Read a bill of materials in CycloneDX's JSON."""
    components: list[_Component] = json.loads(text)["components"]
    return [Licensed(c["name"], c["version"], _licence(c.get("licenses", []))) for c in components]


def page(found: Sequence[Licensed]) -> str:
    """Return the page of the documentation."""
    rows = (f"| {each.name} | {each.version} | {each.licence} |\n" for each in found)
    return _HEAD + "".join(rows)


def _licence(choices: Sequence[_Choice]) -> str:
    if len(choices) != 1:
        return ""
    (choice,) = choices
    return choice.get("expression") or choice.get("license", {}).get("id", "")


def main() -> None:
    """Write the page anew; leave with 1 where a licence is not allowed."""
    with TemporaryDirectory() as folder:
        try:
            build(Path(folder))
        except (PackageError, SbomError) as error:
            sys.exit(str(error))
        found = licensed((Path(folder) / SBOM).read_text(encoding="utf-8"))
    PAGE.write_text(page(found), encoding="utf-8")
    refused = [f"{each.name} ({each.licence or 'none'})" for each in found if not each.allowed]
    if refused:
        sys.exit(f"Not among the licences of infra/licences.py: {', '.join(refused)}.")


if __name__ == "__main__":
    main()
