"""`make fuzz`: coverage-guided fuzzing of every target, each in a process of its own."""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from tests.fuzz.keeping import keep
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

_MEGABYTES = 1024
_EXECUTIONS = re.compile(r"stat::number_of_executed_units: +(\d+)")
_TOLD = 4000


def main() -> int:
    """Fuzz the targets that are named, or all; 1 where one of them fell over an input."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all without")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add to the corpus what reaches more")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - TARGETS.keys():
        parser.error(f"no such targets: {' '.join(unknown)}; there are {' '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        sys.exit("Atheris is not installed: it has wheels for Linux on x86-64 only.")
    warnings.simplefilter("ignore")  # libraries warn of odd input
    targets = [TARGETS[name] for name in asked.targets or TARGETS]
    held = [_holds(target, asked.seconds, keeping=asked.keep) for target in targets]
    return 0 if all(held) else 1


def _holds(target: Target, seconds: int, *, keeping: bool) -> bool:
    """Fuzz one target for so long; an input that it falls over becomes part of its corpus."""
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
            "-timeout=60",  # of a busy machine; `check` has its own limit
            "-print_final_stats=1",
            f"-artifact_prefix={target.corpus}/",
        ]
        program = (sys.executable, "-m", "tests.fuzz.inside")
        done = subprocess.run(  # noqa: S603 - our own module
            [*program, target.name, *options, found, seeds, target.corpus],
            env=os.environ | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log, held = done.stdout.decode(errors="replace"), done.returncode == 0
        executions = _EXECUTIONS.search(log)
        count = int(executions[1]) if executions else 0
        print(f"{target.name:16} {count:>9,} inputs  {'held' if held else 'fell'}", flush=True)
        if not held:
            print(log[-_TOLD:])
            print(f"The input is in {target.corpus}, where make test replays it.")
        elif keeping:
            keep(target, found.iterdir())
    return held


if __name__ == "__main__":
    sys.exit(main())
