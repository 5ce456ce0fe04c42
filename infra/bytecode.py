"""Compiles the modules that the app imports, so that a cold start need not.

A module's byte code is checked against the module by its hash, which costs an import next to
nothing: what is edited on the host is compiled anew. The same modules give the same bytes: they are
compiled in sorted order, in one process with a fixed hash seed, by Python 3.13 and no other.
"""

import os
import subprocess
import sys
from pathlib import Path

VERSION = (3, 13)
WWWROOT = "/home/site/wwwroot"  # where Azure has the app; tracebacks name it

# Imports the app, and what its functions import only when they are called.
_FIND = """
import ast, importlib, pkgutil, sys
from pathlib import Path
app, site = sys.argv[1:]
sys.path[:0] = [app, site]
sys.dont_write_bytecode = True
import function_app, sync
for found in pkgutil.walk_packages(sync.__path__, "sync."):
    importlib.import_module(found.name)
for path in sorted(Path(app, "sync").rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and node.col_offset:
            importlib.import_module(node.module)
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None)
    if file and file.endswith(".py") and Path(file).is_relative_to(app):
        print(Path(file).relative_to(app).as_posix())
"""

_COMPILE = """
import py_compile, sys
app, root, *names = sys.argv[1:]
for name in names:
    py_compile.compile(
        f"{app}/{name}", dfile=f"{root}/{name}", doraise=True, optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )
"""


class BytecodeError(Exception):
    """The modules cannot be compiled as Azure's Python would, or cannot be imported."""


def compile_imported(app: Path, site_packages: Path) -> int:
    """Compile what the app imports in place; return how many modules that are.

    `site_packages` lies in the folder `app`. Raises BytecodeError.
    """
    if sys.version_info[:2] != VERSION:
        raise BytecodeError(
            f"The package needs byte code of Python {VERSION[0]}.{VERSION[1]}, and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}: run make package, which finds it."
        )
    names = sorted(set(_run(_FIND, str(app), str(site_packages)).split()))
    _run(_COMPILE, str(app), WWWROOT, *names)
    return len(names)


def _run(script: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name == "PATH"}
    done = subprocess.run(  # noqa: S603 - our own interpreter and scripts
        [sys.executable, "-S", "-c", script, *arguments],
        env={**environment, "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BytecodeError(f"The package's modules cannot be compiled.\n{done.stderr}")
    return done.stdout
