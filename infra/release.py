"""Makes a release: what it consists of, with its SHA-256 sums; and bumps the version.

`python -m infra.release build` puts into `dist/release` the app's zip and its bill of materials,
the command line's wheel, the ARM template and `SHA256SUMS`. `python -m infra.release bump 1.2.3`
writes a new version everywhere that has it.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from infra.package import ROOT, SBOM, PackageError, build
from infra.sbom import SbomError

RELEASE = ROOT / "dist" / "release"
SUMS = "SHA256SUMS"
TEMPLATE = "keyvault-sync.json"
CHANGELOG = Path("CHANGELOG.md")
PROJECT = Path("pyproject.toml")
ANSWERED = Path("sync/http_api/openapi.py")

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_UNRELEASED = "## Unreleased\n"
_ASSIGNMENTS = {
    PROJECT: re.compile(r'^version = "(?P<version>[^"]+)"$', re.MULTILINE),
    ANSWERED: re.compile(r'^VERSION = "(?P<version>[^"]+)"$', re.MULTILINE),
}


class ReleaseError(Exception):
    """A release cannot be made; the message says what to do."""


def version(root: Path = ROOT) -> str:
    """Return the project's version."""
    with (root / PROJECT).open("rb") as file:
        found: str = tomllib.load(file)["project"]["version"]
    return found


def bump(wanted: str, day: str, root: Path = ROOT) -> None:
    """Write a new version and its day into the files that have them; raises ReleaseError.

    Nothing is written if anything is wrong.
    """
    if not _VERSION.fullmatch(wanted):
        raise ReleaseError(f"{wanted!r} is no version of the form 1.2.3.")
    if _parts(wanted) <= _parts(version(root)):
        raise ReleaseError(f"{wanted} is not later than {version(root)}, which is the version now.")
    texts: dict[Path, str] = {}
    for file, assignment in _ASSIGNMENTS.items():
        before = (root / file).read_text("utf-8")
        texts[file], count = assignment.subn(
            lambda found: found[0].replace(found["version"], wanted), before
        )
        if count != 1:
            raise ReleaseError(f"{file} does not have the version once, in a line of its own.")
    changes = (root / CHANGELOG).read_text("utf-8")
    if changes.count(_UNRELEASED) != 1:
        raise ReleaseError(f"{CHANGELOG} does not have the heading {_UNRELEASED.strip()!r} once.")
    texts[CHANGELOG] = changes.replace(_UNRELEASED, f"{_UNRELEASED}\n## {wanted} - {day}\n")
    for file, text in texts.items():
        (root / file).write_text(text, "utf-8")


def make(folder: Path, *, template: bool = True, tag: str | None = None) -> list[Path]:
    """Make the files of a release in the folder anew; return them, the sums last.

    Raises ReleaseError, also for a tag of another version, PackageError or SbomError.
    """
    if tag is not None and tag != f"v{version()}":
        raise ReleaseError(f"Tag {tag!r} is not that of version {version()}.")
    compiler = _bicep() if template else None
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    archive = build(ROOT / "dist")
    for built in (archive, archive.with_name(SBOM)):
        shutil.copyfile(built, folder / built.name)
    uv = (sys.executable, "-m", "uv")
    _run(*uv, "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(folder))
    (folder / ".gitignore").unlink(missing_ok=True)
    if compiler is not None:
        source = ROOT / "infra" / "bicep" / "main.bicep"
        _run(compiler, "build", str(source), "--outfile", str(folder / TEMPLATE))
    files = sorted(folder.iterdir())
    (folder / SUMS).write_text(sums(files), "utf-8")
    return [*files, folder / SUMS]


def sums(files: Iterable[Path]) -> str:
    """Return the SHA-256 sums as `sha256sum --check` reads them."""
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)


def _bicep() -> str:
    """Return the Bicep compiler; raises ReleaseError if there is none."""
    found = os.environ.get("BICEP") or shutil.which("bicep")
    if not found:
        raise ReleaseError(
            "The Bicep compiler is neither named by BICEP nor on the PATH: install it, or leave "
            "the template out with --no-template."
        )
    return found


def _parts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise ReleaseError(f"{Path(command[0]).name} failed.\n{done.stdout}{done.stderr}")


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked; return the exit code."""
    parser = argparse.ArgumentParser("infra.release", description="Make a release.")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help=f"make {RELEASE.relative_to(ROOT)}")
    building.add_argument("--tag", help="fail unless this tag is that of the version, as v1.2.3")
    building.add_argument(
        "--no-template", action="store_true", help="without the ARM template, which Bicep compiles"
    )
    bumping = commands.add_parser("bump", help="write a new version everywhere")
    bumping.add_argument("version", help="as 1.2.3")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "bump":
            bump(asked.version, datetime.now(UTC).date().isoformat())
            _run(sys.executable, "-m", "uv", "lock", "--quiet")
            _run(sys.executable, "-m", "tests.docs")
            sys.stdout.write(f"The version is {version()} now. Read the diff, and commit it.\n")
            return 0
        for file in make(RELEASE, template=not asked.no_template, tag=asked.tag):
            sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    except (ReleaseError, PackageError, SbomError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
