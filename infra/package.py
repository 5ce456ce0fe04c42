"""Builds what is deployed: the app with its locked dependencies, as a folder and as a zip of it.

The modules that the app imports are there with their byte code, by `infra/bytecode.py`.

Beside the zip stands its bill of materials, by `infra/sbom.py`. The same commit gives the same
folder, and with the same zlib the same zip and bill, on any machine and day. A table of placements,
if one is named, lies beside `host.json`, under its own name.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from infra.bytecode import BytecodeError, compile_imported
from infra.sbom import Lock, SbomError, bill
from sync.settings.placements import read_entries

ROOT = Path(__file__).parents[1]
FILES = ("function_app.py", "host.json", "requirements.txt")
PACKAGE = "sync"
COMMAND_LINE = (Path("sync/cli"), Path("sync/__main__.py"))  # not deployed: nothing there runs it
SITE_PACKAGES = Path(".python_packages/lib/site-packages")  # where Azure's Python worker looks
APP = "app"
ZIP = "keyvault-sync.zip"
SBOM = "keyvault-sync.cdx.json"

# The platform of Azure Functions' Python 3.13, whatever machine builds for it.
TARGET = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.13")

# What an installer notes for itself: it names the installer and hashes scripts with local paths.
INSTALLER_NOTES = ("INSTALLER", "RECORD", "REQUESTED")

EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no time before it
REGULAR_FILE = 0o100644 << 16
UNIX = 3


class PackageError(Exception):
    """The dependencies cannot be had, in uv's words, or the table of placements is none."""


def build(dist: Path, placements: Path | None = None) -> Path:
    """Make `app`, `keyvault-sync.zip` and its bill in the folder anew; return the zip."""
    if placements is not None:
        _check_placements(placements)
    app, archive, materials = dist / APP, dist / ZIP, dist / SBOM
    for former in (archive, materials):
        former.unlink(missing_ok=True)
    _remove(app)
    for file in own_files():
        (app / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, app / file)
    if placements is not None:
        shutil.copyfile(placements, app / placements.name)
    _install(app / SITE_PACKAGES)
    compile_imported(app, app / SITE_PACKAGES)
    _zip(app, archive)
    lock = Lock.read(ROOT / "uv.lock")
    materials.write_text(bill(app / SITE_PACKAGES, lock, archive), encoding="utf-8")
    return archive


def own_files() -> Iterator[Path]:
    """Name what comes from the project, relative to its root."""
    yield from map(Path, FILES)
    for module in (ROOT / PACKAGE).rglob("*.py"):
        name = module.relative_to(ROOT)
        if not any(name.is_relative_to(left) for left in COMMAND_LINE):
            yield name


def _check_placements(file: Path) -> None:
    """Refuse what the app could not find or read."""
    if not file.name.endswith(".json") or file.name in FILES:
        raise PackageError(
            f"The table of placements is a file NAME.json of yours, not {file.name}."
        )
    try:
        read_entries(file.name, file.parent)
    except ValueError as error:
        raise PackageError(
            f"{file} is not what the app can read: {'; '.join(error.args)}."
        ) from error


def _install(site_packages: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet"),
            *("--python", sys.executable, *TARGET, "--target", str(site_packages)),
            *("--only-binary", ":all:", "--require-hashes", "--requirements", "requirements.txt"),
            *("--no-compile-bytecode", "--link-mode", "copy"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackageError(f"The dependencies cannot be installed.\n{done.stderr}")
    (site_packages / ".lock").unlink(missing_ok=True)
    _remove(site_packages / "bin")
    for name in INSTALLER_NOTES:
        for note in site_packages.glob(f"*.dist-info/{name}"):
            note.unlink()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _zip(folder: Path, archive: Path) -> None:
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in names:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.create_system, entry.external_attr = UNIX, REGULAR_FILE
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, (folder / name).read_bytes())


def main() -> None:
    """Build into `dist/` and tell what came out."""
    parser = argparse.ArgumentParser("infra.package", description="Build what is deployed.")
    parser.add_argument(
        "--placements",
        type=Path,
        metavar="FILE.json",
        help="the table of placements that SYNC_PLACEMENTS names, to put into the package",
    )
    try:
        archive = build(ROOT / "dist", parser.parse_args().placements)
    except (PackageError, BytecodeError, SbomError) as error:
        sys.exit(str(error))
    content = archive.read_bytes()
    megabytes = len(content) / 1_000_000
    digest = hashlib.sha256(content).hexdigest()
    sys.stdout.write(f"{archive.relative_to(ROOT)}  {megabytes:.1f} MB  sha256:{digest}\n")


if __name__ == "__main__":
    main()
