"""`python -m tests.model prove` runs many histories, `mutants` breaks the protocol in many ways."""

import argparse
import sys
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from tests.model.applications.machine import Explored as ExploredApplications
from tests.model.applications.machine import explore as explore_applications
from tests.model.applications.mutants import MUTANTS as APPLICATION_MUTANTS
from tests.model.applications.steps import rules_broken as application_rules_broken
from tests.model.interleavings import LARGE, SMALL
from tests.model.machine import Explored, explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.restarts.machine import Explored as ExploredRestarts
from tests.model.restarts.machine import explore as explore_restarts
from tests.model.restarts.mutants import MUTANTS as RESTART_MUTANTS
from tests.model.restarts.steps import rules_broken as restart_rules_broken
from tests.model.steps import rules_broken

type AnyExplored = Explored | ExploredRestarts | ExploredApplications

BATCH = 250
"""How many histories are drawn from one seed."""

PROOF = Path(__file__).parents[2] / "docs" / "proof.md"
START, END = "<!-- mutants -->\n", "<!-- /mutants -->\n"
APPLICATIONS_START, APPLICATIONS_END = "<!-- applications -->\n", "<!-- /applications -->\n"
RESTARTS_START, RESTARTS_END = "<!-- restarts -->\n", "<!-- /restarts -->\n"


def main(arguments: list[str]) -> int:
    """Do what is asked; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    commands = parser.add_subparsers(dest="command", required=True)
    proving = commands.add_parser("prove", help="run histories until one breaks a rule")
    proving.add_argument("--histories", type=int, default=10_000)
    proving.add_argument("--seed", type=int, default=1, help="the first batch's; then one more")
    proving.add_argument(
        "--raw", action="store_true", help="print the history that breaks as drawn"
    )
    proving.add_argument(
        "--placed", action="store_true", help="only histories of one vault with several targets"
    )
    proving.add_argument(
        "--restarts", action="store_true", help="only histories of workloads that are restarted"
    )
    proving.add_argument(
        "--applications", action="store_true", help="only histories of objects that list secrets"
    )
    hunting = commands.add_parser("mutants", help="break the protocol and see that it is caught")
    hunting.add_argument("--histories", type=int, default=500, help="the most for one mutant")
    hunting.add_argument("--write", action="store_true", help="put the table into docs/proof.md")
    asked = parser.parse_args(arguments)
    if asked.command == "prove" and asked.applications:
        return prove_applications(asked.histories, asked.seed, raw=asked.raw)
    if asked.command == "prove" and asked.restarts:
        return prove_restarts(asked.histories, asked.seed, raw=asked.raw)
    if asked.command == "prove":
        return prove(asked.histories, asked.seed, raw=asked.raw, placed=asked.placed)
    return hunt(asked.histories, write=asked.write)


def prove(histories: int, seed: int, *, raw: bool = False, placed: bool = False) -> int:
    """Run so many histories, and say which one breaks a rule, as the code that repeats it."""
    began, cpu = time.monotonic(), time.process_time()
    run, calls = 0, 0
    while run < histories:
        found = explore(BATCH, shrink=not raw, seed=seed, placed=placed)
        run, calls = run + found.histories, calls + found.calls
        sys.stdout.write(f"seed {seed}: {found.histories} histories\n")
        if found.broken is not None:
            sys.stdout.write(f"{found.broken}\nrepeat((\n{_code(found)}), vaults={found.vaults})\n")
            return 1
        sys.stdout.flush()
        seed += 1
    for name, scenario in {**SMALL, **LARGE}.items():
        sys.stdout.write(f"{name}: {scenario.walk():,} orders, which is all\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{run:,} histories, {calls:,} remote calls, no rule broken, in "
        f"{time.monotonic() - began:,.0f} s ({time.process_time() - cpu:,.0f} s of CPU)\n"
    )
    return 0


def prove_restarts(histories: int, seed: int, *, raw: bool = False) -> int:
    """Run so many histories of workloads, and say which one breaks a rule, as `prove` does."""
    began, run, calls = time.monotonic(), 0, 0
    while run < histories:
        found = explore_restarts(BATCH, shrink=not raw, seed=seed)
        run, calls = run + found.histories, calls + found.calls
        sys.stdout.write(f"seed {seed}: {found.histories} histories\n")
        if found.broken is not None:
            sys.stdout.write(
                f"{found.broken}\nrepeat((\n{_code(found)}), sees_pods={found.sees_pods})\n"
            )
            return 1
        sys.stdout.flush()
        seed += 1
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{run:,} histories of workloads, {calls:,} remote calls, no rule broken, in "
        f"{seconds:,.0f} s\n"
    )
    return 0


def prove_applications(histories: int, seed: int, *, raw: bool = False) -> int:
    """Run so many histories of applications, and say which one breaks a rule, as `prove` does."""
    began, run, calls = time.monotonic(), 0, 0
    while run < histories:
        found = explore_applications(min(BATCH, histories - run), shrink=not raw, seed=seed)
        run, calls = run + found.histories, calls + found.calls
        sys.stdout.write(f"seed {seed}: {found.histories} histories\n")
        if found.broken is not None:
            sys.stdout.write(f"{found.broken}\nrepeat((\n{_code(found)}))\n")
            return 1
        sys.stdout.flush()
        seed += 1
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{run:,} histories of applications, {calls:,} remote calls, no rule broken, in "
        f"{seconds:,.0f} s\n"
    )
    return 0


def hunt(histories: int, *, write: bool) -> int:
    """Run each mutant until it is caught; tell of each, and fail if one survives."""
    survivors = 0
    for start, end, mutants, found in (
        (START, END, MUTANTS, _hunted(histories)),
        (RESTARTS_START, RESTARTS_END, RESTART_MUTANTS, _hunted_restarts(histories)),
        (
            APPLICATIONS_START,
            APPLICATIONS_END,
            APPLICATION_MUTANTS,
            _hunted_applications(histories),
        ),
    ):
        rows = []
        for row in found:
            rows.append(row)
            sys.stdout.write(row)
            sys.stdout.flush()
        survivors += len(mutants) - len(rows)
        if write:
            before, _, rest = PROOF.read_text("utf-8").partition(start)
            _, _, after = rest.partition(end)
            PROOF.write_text(f"{before}{start}{table(rows)}{end}{after}", "utf-8")
    return int(survivors > 0)


def table(rows: list[str]) -> str:
    """Return the table of what was broken and what caught it."""
    head = "| mutant | what is broken | by its own history | by random histories |\n"
    return f"{head}|---|---|---|---|\n{''.join(rows)}"


def _hunted(histories: int) -> Iterator[str]:
    for mutant in MUTANTS:
        with mutant.alive():
            caught = rules_broken(mutant.killer)
            found = explore(histories, shrink=False)
        yield from _row(mutant, caught, found, histories)


def _hunted_restarts(histories: int) -> Iterator[str]:
    for mutant in RESTART_MUTANTS:
        with mutant.alive():
            caught = restart_rules_broken(mutant.killer, sees_pods=mutant.sees_pods)
            found = explore_restarts(histories, shrink=False)
        yield from _row(mutant, caught, found, histories)


def _hunted_applications(histories: int) -> Iterator[str]:
    for mutant in APPLICATION_MUTANTS:
        with mutant.alive():
            caught = application_rules_broken(mutant.killer)
            found = explore_applications(histories, shrink=False)
        yield from _row(mutant, caught, found, histories)


def _row(
    mutant: Mutant, caught: AbstractSet[str], found: AnyExplored, histories: int
) -> Iterator[str]:
    if mutant.rule not in caught:
        sys.stdout.write(f"{mutant.name} survives its own history\n")
        return
    at_random = (
        f"{found.broken.rule}, after {found.histories}"
        if found.broken is not None
        else f"not within {histories}"
    )
    yield f"| {mutant.name} | {mutant.breaks} | {mutant.rule} | {at_random} |\n"


def _code(found: AnyExplored) -> str:
    return "".join(f"    {step},\n" for step in found.steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
