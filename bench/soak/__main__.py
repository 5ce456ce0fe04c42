"""Runs the soak and prints the results: `python -m bench.soak --seconds 3600`."""

import argparse
import csv
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench.soak.checks import Verdict, judge
from bench.soak.faults import Trouble
from bench.soak.plots import plots
from bench.soak.run import Run
from bench.soak.samples import Log
from bench.soak.workload import Load
from local.host_process import HostProcess
from local.stack import ROOT, local_stack
from tests.kit.app import App

_VAULTS = 16
_LEAST_SECONDS = 240  # one rotation of the faults as warm-up, and enough time after it for a trend
_ONE_HEAP = {
    "GLIBC_TUNABLES": ":".join(
        f"glibc.malloc.{limit}" for limit in ("arena_max=1", "tcache_count=0", "mxfast=0")
    )
}
"""Otherwise each of some 76 threads keeps freed memory in its cache and in one of many arenas,
increasingly for an hour. With these settings, only memory in use grows.
https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html"""
_INTERRUPTED, _STOPPED = 130, 143  # a shell's codes after SIGINT and SIGTERM

_LEAKS = {
    "memory": (1, 'KEPT.append(payload + "x" * 8192)'),
    "descriptors": (10, "KEPT.append(socket.socket())"),
    "threads": (10, "threading.Thread(target=threading.Event().wait, daemon=True).start()"),
}
"""What an app with a leak does, and once per how many events."""

_LEAKING_APP = """
import importlib.util
import itertools
import socket
import sys
import threading

sys.path.append({root!r})
import sync.app.use_cases

KEPT = []
TURNS = itertools.count()
parse = sync.app.use_cases.parse


def leaking(payload, subscriptions):
    if next(TURNS) % {every} == 0:
        {leak}
    return parse(payload, subscriptions)


sync.app.use_cases.parse = leaking
spec = importlib.util.spec_from_file_location("real_function_app", {path!r})
real = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real)
app = real.app
"""


def main() -> int:
    """Run the soak; return 0 if every verdict held."""
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
        path = leaking_app(options.leak, folder) if options.leak else ROOT
        names = [plot.vault.name for plot in made]
        environment = stack.app_environment(names, **_ONE_HEAP, **stack.public_trust())
        with HostProcess(path, environment, folder / "host.log", timer=False) as host:
            app, log = App(host), Log(host.log)
            app.fire()
            stack.subscribe(host)
            load = Load(made, app)
            trouble = Trouble(stack, [plot.vault for plot in made])
            run = Run(stack, load, log, trouble, options.seconds)
            try:
                run.soak()
                reached = list(judge(run))
                done = ", ".join(f"{count:,} {kind}" for kind, count in sorted(load.done.items()))
                print(f"\n{run.now:.0f} s in all: {done}; {log.size:,} bytes of log")
            finally:
                _write(run, options.samples)
                shutil.copy(host.log, options.samples.with_suffix(".log"))
    return reached


def leaking_app(kind: str, folder: Path) -> Path:
    """Write the same app with a built-in leak, to test that the soak finds it."""
    every, leak = _LEAKS[kind]
    app = folder / "leaking"
    app.mkdir()
    shutil.copy(ROOT / "host.json", app)
    path = str(ROOT / "function_app.py")
    text = _LEAKING_APP.format(root=str(ROOT), path=path, leak=leak, every=every)
    (app / "function_app.py").write_text(text)
    return app


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long, 3600 by default")
    parser.add_argument(
        "--samples",
        type=Path,
        default=Path(".local") / "soak.csv",
        help="CSV to write",
    )
    parser.add_argument("--leak", choices=_LEAKS, help="build one in, to see it found")
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
