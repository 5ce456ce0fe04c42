"""The deployment package: what is in it, that it is reproducible, and that it runs."""

import importlib.util
import json
import marshal
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.bytecode import WWWROOT, BytecodeError, compile_imported
from infra.package import (
    APP,
    FILES,
    PACKAGE,
    ROOT,
    SBOM,
    SITE_PACKAGES,
    ZIP,
    PackageError,
    build,
)

if TYPE_CHECKING:
    from types import CodeType

DEPENDENCIES = f"{SITE_PACKAGES}/"
RUNTIME = ("azure_functions_runtime", "azurefunctions", "local")
ELF_X86_64 = 0x3E
CHECKED_HASH = 0b11
LONG_AGO = 1_000_000_000  # epoch seconds

# Indexes the folder with nothing else on the path than the standard library and the folders given.
_INDEX = """
import asyncio, importlib, json, pkgutil, sys
from pathlib import Path
app, *folders = sys.argv[1:]
sys.path += folders
from local.functions_host.worker import Worker
worker = asyncio.run(Worker.index(Path(app)))
import sync
for module in pkgutil.walk_packages(sync.__path__, "sync."):
    importlib.import_module(module.name)
print(json.dumps([sync.__file__, *worker.functions]))
"""


@pytest.fixture(scope="session")
def names(dist: Path) -> list[str]:
    """Return the names in the zip."""
    with zipfile.ZipFile(dist / ZIP) as zipped:
        return zipped.namelist()


def own(names: Iterable[str]) -> set[str]:
    """Leave the dependencies out, and byte code."""
    return {
        name for name in names if not name.startswith(DEPENDENCIES) and not name.endswith(".pyc")
    }


def modules() -> set[str]:
    """Name every file of the app's package, modules or not, without the command line."""
    files = (path for path in (ROOT / PACKAGE).rglob("*") if path.is_file())
    names = {
        path.relative_to(ROOT).as_posix() for path in files if path.parent.name != "__pycache__"
    }
    return {name for name in names - {"sync/__main__.py"} if not name.startswith("sync/cli/")}


def pinned() -> set[str]:
    """Return NAME-VERSION of every requirement, as a dist-info folder spells it."""
    pins = re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    return {f"{re.sub('[-.]+', '_', name)}-{version}" for name, version in pins}


def test_the_package_holds_the_app_and_its_dependencies(names: list[str]) -> None:
    """Beside the dependencies there is exactly what runs: the triggers, two settings, `sync`."""
    assert own(names) == {"function_app.py", "host.json", "requirements.txt"} | modules()


def test_the_dependencies_are_the_locked_ones(names: list[str]) -> None:
    """Every pinned version is in, with the metadata that has its licence, and no other."""
    metadata = {name.removeprefix(DEPENDENCIES) for name in names if name.endswith("/METADATA")}
    assert metadata == {f"{pin}.dist-info/METADATA" for pin in pinned()}


def test_nothing_of_the_builder_is_in_the_package(dist: Path) -> None:
    """No scripts or installer's notes, and no file that has a path of this machine."""
    app = dist / APP
    unwanted = {"bin", ".lock", "INSTALLER", "RECORD", "REQUESTED"}
    paths = [str(path).encode() for path in (ROOT, dist, Path(sys.prefix))]
    for file in (path for path in app.rglob("*") if path.is_file()):
        assert not unwanted & set(file.relative_to(app).parts), file
        content = file.read_bytes()
        assert not any(path in content for path in paths), file


def test_byte_code_is_that_of_its_module(dist: Path) -> None:
    """It is checked by the module's hash, so that an edited module counts, and names Azure's path.

    https://peps.python.org/pep-0552/
    """
    app = dist / APP
    compiled = sorted(app.rglob("*.pyc"))
    for path in compiled:
        content, module = path.read_bytes(), path.parents[1] / f"{path.name.partition('.')[0]}.py"
        assert content[:4] == importlib.util.MAGIC_NUMBER, path
        assert int.from_bytes(content[4:8], "little") == CHECKED_HASH, path
        assert content[8:16] == importlib.util.source_hash(module.read_bytes()), path
        code: CodeType = marshal.loads(content[16:])  # noqa: S302 - what we have just compiled
        assert code.co_filename == f"{WWWROOT}/{module.relative_to(app)}", path
    modules = (path.relative_to(app) for path in app.rglob("*.py"))
    mine = {path for path in modules if not path.is_relative_to(SITE_PACKAGES)}
    has = {path.parents[1].relative_to(app) / path.name.partition(".")[0] for path in compiled}
    assert {path for path in mine if path.with_suffix("") not in has} == set()


def test_another_python_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure would not take its byte code."""
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(BytecodeError, match=r"byte code of Python 3\.13, and this is 3\.14"):
        compile_imported(tmp_path, tmp_path)


def test_compiled_modules_are_for_azure(dist: Path, names: list[str]) -> None:
    """Whatever machine builds, the compiled modules are for Linux on x86_64."""
    compiled = [name for name in names if ".so" in Path(name).suffixes]
    assert compiled
    for name in compiled:
        header = (dist / APP / name).read_bytes()[:20]
        assert header[:4] == b"\x7fELF", name
        assert header[18] == ELF_X86_64, name


def test_the_zip_is_the_folder(dist: Path) -> None:
    """Who deploys the folder and who deploys the zip deploy the same files."""
    app = dist / APP
    folder = {p.relative_to(app).as_posix(): p.read_bytes() for p in app.rglob("*") if p.is_file()}
    with zipfile.ZipFile(dist / ZIP) as zipped:
        assert folder == {name: zipped.read(name) for name in zipped.namelist()}


def test_two_clones_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    """Neither the folder, its times, the day, the locale nor the builder's umask is in it."""
    clone = tmp_path / "elsewhere"
    for name in (*FILES, "uv.lock", PACKAGE, "infra"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, clone / name)
    for path in (path for path in clone.rglob("*") if path.is_file()):
        os.utime(path, (LONG_AGO, LONG_AGO))
    elsewhere = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1", "PYTHONPATH": ""}
    subprocess.run(
        [sys.executable, "-m", "infra.package"],
        cwd=clone,
        env={**os.environ, **elsewhere},
        umask=0o077,
        capture_output=True,
        check=True,
    )
    for file in (ZIP, SBOM):
        assert (clone / "dist" / file).read_bytes() == (dist / file).read_bytes(), file


def test_the_builder_runs_nothing_without_a_hash() -> None:
    """Whatever is installed to build, test and deploy is pinned, the build's own backend too."""
    installs = re.findall(r"pip install(?:.*\\\n)*.*", (ROOT / "Makefile").read_text())
    assert installs
    assert all("--require-hashes" in each for each in installs)
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    files = [file for each in packages for file in (*each.get("wheels", ()), each.get("sdist", ()))]
    assert all(file["hash"].startswith("sha256:") for file in files if file)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["no-build-isolation-package"] == [project["project"]["name"]]
    assert set(project["build-system"]["requires"]) <= {each["name"] for each in packages}


def test_without_the_dependencies_there_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no package can be fetched the build says so and leaves no older zip to deploy."""
    for file in (ZIP, SBOM):
        (tmp_path / file).write_bytes(b"older")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(PackageError, match="network was disabled"):
        build(tmp_path)
    assert not (tmp_path / ZIP).exists()
    assert not (tmp_path / SBOM).exists()


def test_a_table_of_placements_goes_in(dist: Path, tmp_path: Path) -> None:
    """It lies where the app looks for it, as it is, and changes nothing else."""
    table = tmp_path / "our-placements.json"
    table.write_bytes(b'\xef\xbb\xbf[{"vault": "myapp-kv", "project": "myapp", "stage": "dev"}]')
    archive = build(tmp_path / "dist", table)
    with zipfile.ZipFile(archive) as zipped, zipfile.ZipFile(dist / ZIP) as without:
        assert set(zipped.namelist()) - set(without.namelist()) == {table.name}
        assert zipped.read(table.name) == table.read_bytes()
        assert all(zipped.read(name) == without.read(name) for name in without.namelist())
    assert (tmp_path / "dist" / APP / table.name).read_bytes() == table.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("host.json", b'[{"vault": "a"}]', "NAME.json"),
        ("placements.yaml", b'[{"vault": "a"}]', "NAME.json"),
        ("placements.json", None, "name of a readable file"),
        ("placements.json", b"[", "is not JSON"),
        ("placements.json", b"[\xff]", "readable file of UTF-8"),
        ("placements.json", b"[" * 100_000, "is not JSON"),
        ("placements.json", b"{}", "JSON list"),
        ("placements.json", b"[]", "at least one"),
        ("placements.json", b'[{"vault": "abc"}, {"project": "a"}]', "entry 2 lacks a vault"),
    ],
    ids=["host", "yaml", "missing", "broken", "latin", "deep", "object", "empty", "no-vault"],
)
def test_a_table_that_the_app_could_not_read_is_refused(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    """Nothing is built with it, and nothing that was is removed."""
    (tmp_path / ZIP).write_bytes(b"older")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PackageError, match=told):
        build(tmp_path, tmp_path / name)
    assert (tmp_path / ZIP).read_bytes() == b"older"


def test_the_package_runs(dist: Path, tmp_path: Path) -> None:
    """Microsoft's runtime library finds the functions with nothing else installed."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the package is for Linux on x86_64")
    app, runtime = tmp_path / "wwwroot", tmp_path / "runtime"
    with zipfile.ZipFile(dist / ZIP) as zipped:
        zipped.extractall(app)
    runtime.mkdir()
    for name in RUNTIME:
        (runtime / name).symlink_to(location(name))
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-I", "-S", "-c", _INDEX, app, app / SITE_PACKAGES, runtime],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    package, *functions = json.loads(done.stdout)
    assert Path(package).is_relative_to(app)
    contract = {"health", "key_vault_event", "reconcile_drift", "resync", "status"}
    assert set(functions) == contract | {"doctor", "explain", "openapi", "plan", "version"}


def location(package: str) -> str:
    """Return the folder of a package of this environment."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return next(iter(spec.submodule_search_locations))


# What lies in a project's folder sooner or later and must not be deployed.
LITTER = {
    ".env",
    ".azure/dev/.env",
    "dist/app/function_app.py",
    "infra/terraform/terraform.tfstate",
    "kubeconfig",
    "local.settings.json",
    "tests/function_app.py",
    "tests/sync/app.py",
    "vaults.tfvars",
}


def candidates() -> set[str]:
    """Name the files of the project and what may lie beside them; no bytecode."""
    return LITTER | {path.relative_to(ROOT).as_posix() for path in project_files()}


def project_files() -> Iterator[Path]:
    """Walk the project; skip what tools keep in folders of their own."""
    for folder, folders, files in ROOT.walk():
        folders[:] = [f for f in folders if f != "__pycache__" and not f.startswith(".")]
        yield from (folder / file for file in files if file != ".git")  # of a worktree


def test_publishing_the_folder_takes_the_same_files(tmp_path: Path) -> None:
    """By git's rules, as azd and editors read it, `.funcignore` lets through what is packaged."""
    for name in candidates():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
    for command in (
        ["git", "init", "--quiet"],
        ["git", "ls-files", "--others", f"--exclude-from={ROOT / '.funcignore'}"],
    ):
        done = subprocess.run(  # noqa: S603 - fixed commands
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
    assert set(done.stdout.splitlines()) == set(FILES) | modules()


def test_core_tools_publish_the_same_files() -> None:
    """By the Core Tools' simpler rules too, `.funcignore` lets through what is packaged.

    There a line is a prefix that ends at a word's end, `*` is anything but a slash, and a file that
    a `!` names is in whatever other lines say
    (Azure/azure-functions-core-tools, src/Cli/func/Common/GitIgnoreParser.cs).
    """
    text = (ROOT / ".funcignore").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    def named_by(lines: Iterable[str], name: str) -> bool:
        patterns = (re.escape(line.lstrip("/")).replace(r"\*", "[^/]+") for line in lines)
        return any(re.match(rf"{pattern}\b", name, re.ASCII) for pattern in patterns)

    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    ignored = [line for line in lines if not line.startswith("!")]
    published = {
        name for name in candidates() if named_by(kept, name) or not named_by(ignored, name)
    }
    assert published == set(FILES) | modules()
