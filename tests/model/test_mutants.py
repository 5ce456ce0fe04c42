"""The model bites: each way of breaking the protocol breaks a rule, in a history that keeps it."""

import pytest

from tests.model.mutants import MUTANTS, Mutant
from tests.model.steps import rules_broken


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_is_caught(mutant: Mutant) -> None:
    """A history that keeps all rules breaks the one that is named with the mutant."""
    assert rules_broken(mutant.killer) == set()
    with mutant.alive():
        assert mutant.rule in rules_broken(mutant.killer)
