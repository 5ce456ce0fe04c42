"""`make fuzz`: coverage-guided fuzzing of every target, each in a process of its own."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

_MEGABYTES = 1024
_EXECUTIONS = re.compile(r"stat::number_of_executed_units: +(\d+)")
_KEPT_BYTES = 4096
_CRASH = "crash-"


def main() -> int:
    """Fuzz the targets that are named, or all; 1 where one of them fell over an input."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets; all without")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add what was found to the corpus")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        _fuzz_here(asked.inside)
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - not before it is instrumented

    names = asked.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no such targets: {' '.join(unknown)}; there are {' '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        sys.exit("Atheris is not installed: it has wheels for Linux on x86-64 only.")
    fallen = [name for name in names if not _fuzz(name, asked.seconds, keep=asked.keep)]
    return 1 if fallen else 0


def _fuzz(name: str, seconds: int, *, keep: bool) -> bool:
    """Fuzz one target in a process of its own; tell whether it held."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - as above

    target = TARGETS[name]
    target.corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found, seeds = Path(folder, "found"), Path(folder, "seeds")
        for path in (found, seeds):
            path.mkdir()
        for number, seed in enumerate(target.seeds):
            (seeds / str(number)).write_bytes(seed)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={target.longest}",
            f"-rss_limit_mb={_MEGABYTES}",
            "-timeout=60",
            "-print_final_stats=1",
            f"-artifact_prefix={target.corpus}/",
        ]
        code, log = _run(name, [*options, str(found), str(seeds), str(target.corpus)], folder)
        executions = _EXECUTIONS.search(log)
        count = executions[1] if executions else "?"
        print(f"{name:16} {count:>9} inputs in {seconds} s: {'fell' if code else 'held'}")
        if code:
            print(log[-4000:])
            print(f"The input is in {target.corpus}, and make test replays it.")
        elif keep:
            _keep(name, [found, seeds, target.corpus], folder)
        return code == 0


def _keep(name: str, sources: Sequence[Path], folder: str) -> None:
    """Make the target's corpus the least set of small inputs that reaches what was reached."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - as above

    target, least = TARGETS[name], Path(folder, "least")
    least.mkdir()
    _run(name, ["-merge=1", f"-max_len={_KEPT_BYTES}", str(least), *map(str, sources)], folder)
    ranked = sorted(least.iterdir(), key=lambda path: path.stat().st_size)
    for path in ranked[:24]:
        (target.corpus / path.name).write_bytes(path.read_bytes())


def _run(name: str, options: Sequence[str], folder: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-m", "tests.fuzz", "--inside", name, *options],
        env=os.environ | {"TMPDIR": folder},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def _fuzz_here(arguments: Sequence[str]) -> None:
    """Run libFuzzer in this process, which it ends."""
    atheris = importlib.import_module("atheris")  # whose types are nowhere
    with atheris.instrument_imports(include=["sync"]):
        from tests.fuzz.target import check  # noqa: PLC0415 - instrumented here
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - likewise
    warnings.simplefilter("ignore")
    target = TARGETS[arguments[0]]
    atheris.Setup([sys.argv[0], *arguments[1:]], lambda given: check(target, given))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
