"""docs/proof.md says of the model what its code says."""

import re

from tests.model.__main__ import END, PROOF, START
from tests.model.mutants import MUTANTS
from tests.model.watch import RULES


def test_the_doc_lists_every_mutant_and_rule() -> None:
    """The table of mutants and the tables of rules are the code's own lists."""
    text = PROOF.read_text("utf-8")
    table = text.partition(START)[2].partition(END)[0]
    listed = [tuple(line.split(" | ")[:3]) for line in table.splitlines()[2:]]
    assert listed == [(f"| {each.name}", each.breaks, each.rule) for each in MUTANTS]
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == RULES.keys()
