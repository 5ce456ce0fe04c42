"""The model of workloads: histories keep every rule, what broke one does no more, mutants do."""

from collections.abc import Sequence

import pytest

from tests.model.restarts.machine import explore
from tests.model.restarts.mutants import MUTANTS, RestartMutant
from tests.model.restarts.readers import Form
from tests.model.restarts.steps import Deploy, Look, repeat, rules_broken
from tests.model.steps import Remove, Set, Step, Tick

KEPT: dict[str, tuple[Step, ...]] = {
    # The Secret was deleted and made anew with another value before the workload remembered any
    # count: its pods were taken to have waited for a key that was new.
    "made-anew-before-a-first-look": (
        Set(0, "a"),
        Look(),
        Tick(10),
        Deploy("w", "DaemonSet", Form.ENV),
        Tick(10),
        Set(0, "a"),
        Remove(0, ""),
    ),
}


def test_histories_keep_every_rule() -> None:
    """Whatever happens, no restart is missed, none is without a cause, and none comes twice."""
    found = explore(25)
    assert found.broken is None, found


@pytest.mark.parametrize("steps", KEPT.values(), ids=KEPT.keys())
def test_what_once_broke_a_rule_keeps_all_of_them(steps: Sequence[Step]) -> None:
    """A history that found a defect breaks no rule any more."""
    repeat(steps)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_restart_is_caught(mutant: RestartMutant) -> None:
    """Its history breaks its rule with the mutant, and none without."""
    assert not rules_broken(mutant.killer, sees_pods=mutant.sees_pods)
    with mutant.alive():
        assert mutant.rule in rules_broken(mutant.killer, sees_pods=mutant.sees_pods)
