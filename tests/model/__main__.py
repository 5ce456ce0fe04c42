"""`python -m tests.model prove` runs many histories, `mutants` breaks the protocol in many ways."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.model.interleavings import LARGE, SMALL
from tests.model.machine import Explored, explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.steps import rules_broken

BATCH = 250
"""How many histories are drawn from one seed."""

PROOF = Path(__file__).parents[2] / "docs" / "proof.md"
START, END = "<!-- mutants -->\n", "<!-- /mutants -->\n"


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
    hunting = commands.add_parser("mutants", help="break the protocol and see that it is caught")
    hunting.add_argument("--histories", type=int, default=500, help="the most for one mutant")
    hunting.add_argument("--write", action="store_true", help="put the table into docs/proof.md")
    asked = parser.parse_args(arguments)
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


def hunt(histories: int, *, write: bool) -> int:
    """Run each mutant until it is caught; tell of each, and fail if one survives."""
    rows = []
    for row in _hunted(histories):
        rows.append(row)
        sys.stdout.write(row)
        sys.stdout.flush()
    if write:
        before, _, rest = PROOF.read_text("utf-8").partition(START)
        _, _, after = rest.partition(END)
        PROOF.write_text(f"{before}{START}{table(rows)}{END}{after}", "utf-8")
    return int(len(rows) < len(MUTANTS))


def table(rows: list[str]) -> str:
    """Return the table of what was broken and what caught it."""
    head = "| mutant | what is broken | by its own history | by random histories |\n"
    return f"{head}|---|---|---|---|\n{''.join(rows)}"


def _hunted(histories: int) -> Iterator[str]:
    for mutant in MUTANTS:
        with mutant.alive():
            caught = rules_broken(mutant.killer)
            found = explore(histories, shrink=False)
        if mutant.rule not in caught:
            sys.stdout.write(f"{mutant.name} survives its own history\n")
            continue
        yield _row(mutant, found, histories)


def _row(mutant: Mutant, found: Explored, histories: int) -> str:
    at_random = (
        f"{found.broken.rule}, after {found.histories}"
        if found.broken is not None
        else f"not within {histories}"
    )
    return f"| {mutant.name} | {mutant.breaks} | {mutant.rule} | {at_random} |\n"


def _code(found: Explored) -> str:
    return "".join(f"    {step},\n" for step in found.steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
