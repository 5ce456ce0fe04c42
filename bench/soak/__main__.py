"""Runs the soak and prints what came of it: `python -m bench.soak --seconds 3600`."""

import argparse
import csv
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench.soak import changes, shapes
from bench.soak.estate import plots
from bench.soak.judgement import judge
from bench.soak.leaking import KINDS, leaking_app
from bench.soak.load import TIMER_FUNCTION, Load
from bench.soak.run import Run
from bench.soak.told import Told
from bench.soak.trouble import Trouble
from bench.soak.verdicts import Verdict
from local.host_process import HostProcess
from local.stack import ROOT, local_stack

_VAULTS = 16
_LEAST_SECONDS = 240  # a rotation of the faults to warm up, and enough after it for a trend
_ONE_HEAP = {
    "GLIBC_TUNABLES": ":".join(
        f"glibc.malloc.{limit}" for limit in ("arena_max=1", "tcache_count=0", "mxfast=0")
    )
}
"""Otherwise each of some 76 threads keeps freed memory for itself, in a cache and in one of many
arenas, more of it for an hour: what grows without them is in use.
https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html"""
_INTERRUPTED, _STOPPED = 130, 143  # as a shell says of what SIGINT or SIGTERM ended


def main() -> int:
    """Soak; return 0 where every verdict held."""
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    options.samples.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="keyvault-sync-soak-") as folder:
            reached = _soak(Path(folder), options)
    except KeyboardInterrupt:
        print("Interrupted: nothing is left running.", file=sys.stderr)
        return _INTERRUPTED
    print("\n".join(["", *(verdict.line() for verdict in reached)]))
    print(f"The samples are in {options.samples}, the app's log is beside them.")
    return 0 if all(verdict.held for verdict in reached) else 1


def _soak(folder: Path, options: argparse.Namespace) -> list[Verdict]:
    with local_stack(folder) as stack:
        made = plots(stack, _VAULTS)
        for plot in made:
            for name in shapes.NAMES:
                changes.new_version(plot, name, calm=False)
        app = leaking_app(options.leak, folder) if options.leak else ROOT
        names = [plot.vault.name for plot in made]
        environment = stack.app_environment(names, **_ONE_HEAP, **stack.public_trust())
        with HostProcess(app, environment, folder / "host.log", timer=False) as host:
            host.fire(TIMER_FUNCTION)
            stack.subscribe(host)
            load, told = Load(made, host), Told(host.log)
            run = Run(stack, host, made, load, told, Trouble(stack, made), options.seconds)
            try:
                run.soak()
                reached = list(judge(run))
                done = ", ".join(f"{count:,} {kind}" for kind, count in sorted(load.done.items()))
                print(f"\n{run.now:.0f} s in all: {done}; {told.size:,} bytes of log")
            finally:
                _write(run, options.samples)
                shutil.copy(host.log, options.samples.with_suffix(".log"))
    return reached


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long, 3600 by default")
    parser.add_argument(
        "--samples",
        type=Path,
        default=Path(".local") / "soak.csv",
        help="CSV to write",
    )
    parser.add_argument("--leak", choices=KINDS, help="build one in, to see it found")
    options = parser.parse_args()
    if options.seconds < _LEAST_SECONDS:
        parser.error(f"--seconds is at least {_LEAST_SECONDS}")
    return options


def _write(run: Run, path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        kinds = sorted({kind for moment in run.moments for kind in moment.seen.descriptors})
        rows.writerow(("seconds", "resident", "anonymous", "threads", *kinds, "oldest", "phase"))
        for moment in run.moments:
            seen = moment.seen
            open_ = [seen.descriptors.get(kind, 0) for kind in kinds]
            figures = (seen.resident, seen.anonymous, seen.threads, *open_)
            rows.writerow((f"{moment.at:.1f}", *figures, f"{moment.oldest:.1f}", moment.phase))


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_STOPPED)


if __name__ == "__main__":
    sys.exit(main())
