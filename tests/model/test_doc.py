"""docs/proof.md says of the model what its code says."""

import re
from collections.abc import Iterable

from tests.model.__main__ import (
    APPLICATIONS_END,
    APPLICATIONS_START,
    END,
    PROOF,
    RESTARTS_END,
    RESTARTS_START,
    START,
)
from tests.model.applications.mutants import MUTANTS as APPLICATION_MUTANTS
from tests.model.applications.witness import RULES as APPLICATION_RULES
from tests.model.mutants import MUTANTS, Mutant
from tests.model.restarts.mutants import MUTANTS as RESTART_MUTANTS
from tests.model.restarts.witness import RULES as RESTART_RULES
from tests.model.watch import RULES


def test_the_doc_lists_every_mutant_and_rule() -> None:
    """The tables of mutants and the tables of rules are the code's own lists."""
    text = PROOF.read_text("utf-8")
    assert _listed(text, START, END) == _rows(MUTANTS)
    assert _listed(text, RESTARTS_START, RESTARTS_END) == _rows(RESTART_MUTANTS)
    assert _listed(text, APPLICATIONS_START, APPLICATIONS_END) == _rows(APPLICATION_MUTANTS)
    told = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(told) == sorted([*RULES, *RESTART_RULES, *APPLICATION_RULES])


def _listed(text: str, start: str, end: str) -> list[tuple[str, ...]]:
    table = text.partition(start)[2].partition(end)[0]
    return [tuple(line.split(" | ")[:3]) for line in table.splitlines()[2:]]


def _rows(mutants: Iterable[Mutant]) -> list[tuple[str, ...]]:
    return [(f"| {each.name}", each.breaks, each.rule) for each in mutants]
