"""`python -m tests.model prove` runs many histories, `mutants` breaks the protocol in many ways."""

import argparse
import sys
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from tests.model.applications.machine import explore as explore_applications
from tests.model.applications.mutants import MUTANTS as APPLICATION_MUTANTS
from tests.model.applications.steps import rules_broken as application_rules_broken
from tests.model.exploring import Explore, Explored
from tests.model.interleavings import LARGE, SMALL
from tests.model.machine import explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.restarts.machine import explore as explore_restarts
from tests.model.restarts.mutants import MUTANTS as RESTART_MUTANTS
from tests.model.restarts.steps import rules_broken as restart_rules_broken
from tests.model.steps import rules_broken

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
        what = "histories of applications"
        return explored(explore_applications, what, asked.histories, asked.seed, raw=asked.raw)
    if asked.command == "prove" and asked.restarts:
        what = "histories of workloads"
        return explored(explore_restarts, what, asked.histories, asked.seed, raw=asked.raw)
    if asked.command == "prove":
        return prove(asked.histories, asked.seed, raw=asked.raw, placed=asked.placed)
    return hunt(asked.histories, write=asked.write)


def prove(histories: int, seed: int, *, raw: bool = False, placed: bool = False) -> int:
    """Run histories of vaults as `explored` does, and every order of every scenario."""
    cpu = time.process_time()
    if explored(partial(explore, placed=placed), "histories", histories, seed, raw=raw):
        return 1
    for name, scenario in {**SMALL, **LARGE}.items():
        sys.stdout.write(f"{name}: {scenario.walk():,} orders, which is all\n")
        sys.stdout.flush()
    sys.stdout.write(f"{time.process_time() - cpu:,.0f} s of CPU\n")
    return 0


def explored(run: Explore, what: str, histories: int, seed: int, *, raw: bool = False) -> int:
    """Run so many histories, and say which one breaks a rule, as the code that repeats it."""
    began, done, calls = time.monotonic(), 0, 0
    while done < histories:
        found = run(min(BATCH, histories - done), shrink=not raw, seed=seed)
        done, calls = done + found.histories, calls + found.calls
        sys.stdout.write(f"seed {seed}: {found.histories} histories\n")
        if found.broken is not None:
            sys.stdout.write(f"{found.broken}\nrepeat((\n{_code(found)}){found.arguments})\n")
            return 1
        sys.stdout.flush()
        seed += 1
    sys.stdout.write(
        f"{done:,} {what}, {calls:,} remote calls, no rule broken, in "
        f"{time.monotonic() - began:,.0f} s\n"
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
    mutant: Mutant, caught: AbstractSet[str], found: Explored, histories: int
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


def _code(found: Explored) -> str:
    return "".join(f"    {step},\n" for step in found.steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
