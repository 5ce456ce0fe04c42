"""The bill of materials: valid, true to what is deployed, and under licences that are allowed."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.licences import ALLOWED, PAGE, Licensed, licensed, page
from infra.package import APP, ROOT, SBOM, SITE_PACKAGES, ZIP
from infra.sbom import Lock, SbomError, bill

REQUIREMENT = re.compile(r"^([\w.-]+)==([\w.]+)((?:.*\\\n)*.*)$", re.MULTILINE)

type Node = dict[str, Node] | list[Node] | str


@pytest.fixture(scope="session")
def text(dist: Path) -> str:
    """Return the bill that was built with the package."""
    return (dist / SBOM).read_text()


def components(text: str) -> list[dict[str, Node]]:
    """Return the components of a bill."""
    found: list[dict[str, Node]] = json.loads(text)["components"]
    return found


def required() -> dict[str, tuple[str, set[str]]]:
    """Return version and accepted hashes of each line of requirements.txt, by name."""
    lines = REQUIREMENT.findall((ROOT / "requirements.txt").read_text())
    return {
        name: (version, set(re.findall(r"sha256:(\w+)", rest))) for name, version, rest in lines
    }


def test_the_bill_is_cyclonedx(text: str) -> None:
    """It fits the schema of CycloneDX 1.6, strictly."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["specVersion"] == "1.6"


def test_the_bill_lists_what_is_required_and_nothing_else(text: str) -> None:
    """Name, version and purl are requirements.txt's, the hash is that of one wheel it accepts."""
    wanted = required()
    listed = {str(each["name"]): each for each in components(text)}
    assert listed.keys() == wanted.keys()
    for name, (version, accepted) in wanted.items():
        assert listed[name]["version"] == version
        assert listed[name]["purl"] == f"pkg:pypi/{name}@{version}"
        wheels = [[{"alg": "SHA-256", "content": digest}] for digest in accepted]
        assert listed[name]["hashes"] in wheels, name


def test_the_bill_is_of_this_very_package(text: str, dist: Path) -> None:
    """It names the app, and the zip beside it by its hash."""
    app = json.loads(text)["metadata"]["component"]
    digest = sha256((dist / ZIP).read_bytes()).hexdigest()
    assert (app["name"], app["type"]) == ("keyvault-sync", "application")
    assert app["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_each_dependency_has_somebody_who_needs_it(text: str) -> None:
    """From the app one gets to every component: none is there without a reason."""
    needs = {each["ref"]: each.get("dependsOn", []) for each in json.loads(text)["dependencies"]}
    reached: set[str] = set()
    ahead = ["keyvault-sync"]
    while ahead:
        ref = ahead.pop()
        if ref not in reached:
            reached.add(ref)
            ahead += needs[ref]
    assert reached == {"keyvault-sync"} | {str(each["bom-ref"]) for each in components(text)}


def test_what_the_lock_does_not_explain_has_no_bill(dist: Path, tmp_path: Path) -> None:
    """A package that is not in the lock, or another wheel of one that is, ends the build."""
    lock = Lock.read(ROOT / "uv.lock")
    folder = tmp_path / "site-packages"
    metadata = folder / "tenacity-9.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Name: tenacity\nVersion: 9\nLicense-Expression: MIT\n")
    (metadata / "WHEEL").write_text("Tag: cp27-none-win32\n")
    with pytest.raises(SbomError, match="0 wheels for the tenacity"):
        bill(folder, lock, dist / ZIP)
    (metadata / "METADATA").write_text("Name: stowaway\nVersion: 9\nLicense-Expression: MIT\n")
    with pytest.raises(SbomError, match="0 wheels for the stowaway"):
        bill(folder, lock, dist / ZIP)


def test_a_licence_that_is_not_named_ends_the_build(dist: Path, tmp_path: Path) -> None:
    """A text in place of a licence's name has to be read by a person first."""
    lock = Lock.read(ROOT / "uv.lock")
    metadata = tmp_path / "tenacity-9.dist-info"
    metadata.mkdir()
    (metadata / "WHEEL").write_text("Tag: py3-none-any\n")
    for said in ("", "License: You may do as you like, but not on Sundays.\n"):
        (metadata / "METADATA").write_text(f"Name: tenacity\nVersion: 9\n{said}")
        with pytest.raises(SbomError, match="name no licence"):
            bill(tmp_path, lock, dist / ZIP)


def test_every_licence_is_allowed(text: str) -> None:
    """Whatever is deployed is under a licence of the list."""
    assert [each for each in licensed(text) if not each.allowed] == []


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR SSPL-1.0", False),
        ("MIT AND SSPL-1.0 OR GPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_has_to_be_on_the_list(licence: str, *, allowed: bool) -> None:
    """Of alternatives one has to be on it, of parts all; no licence is none that is allowed."""
    assert Licensed("some", "1", licence).allowed is allowed


def test_the_page_of_licences_is_up_to_date(text: str) -> None:
    """docs/licences.md is what `make licences` writes of this bill."""
    assert PAGE.read_text() == page(licensed(text))
    assert {each.licence for each in licensed(text) if " " not in each.licence} <= ALLOWED


def test_every_licences_text_is_deployed(dist: Path) -> None:
    """Each dependency brings its licence's text along, as a file or in its metadata."""
    for folder in (dist / APP / SITE_PACKAGES).glob("*.dist-info"):
        files = {path.name.lower() for path in folder.rglob("*") if path.is_file()}
        metadata = (folder / "METADATA").read_text()
        assert (
            any(re.search(r"licen|copying|notice", name) for name in files)
            or "Redistribution and use" in metadata
        ), folder.name
