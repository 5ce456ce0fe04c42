"""Every target holds up to its corpus, to its seeds, and to what Hypothesis makes of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import CORPUS, Target, check
from tests.fuzz.targets import TARGETS, ids
from tests.leaks.dye import PLANTED

KEPT = [path for name in TARGETS for path in sorted((CORPUS / name).glob("*"))]

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries warn of odd input


def mutated(given: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Replace stretches of the input; an empty stretch inserts, an empty replacement removes."""
    for at, length, text in changes:
        start = at % (len(given) + 1)
        given = given[:start] + text + given[start + length :]
    return given


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return what is near the seeds, and what is not."""
    changes = st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 12), st.binary(max_size=12)), max_size=6
    )
    return (
        st.builds(mutated, st.sampled_from(target.seeds), changes)
        | st.binary(max_size=300)
        | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_corpus_is_read_or_refused(path: Path) -> None:
    """What once broke a parser, or led fuzzing somewhere, breaks nothing now."""
    check(TARGETS[path.parent.name], path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=ids)
def test_any_input_is_read_or_refused(target: Target) -> None:
    """Only stated errors come out, none of them tells the planted value, and none is late."""
    for seed in target.seeds:
        check(target, seed)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs(target))
    def any_input(sample: bytes) -> None:
        check(target, sample)

    any_input()


@pytest.mark.parametrize("target", TARGETS.values(), ids=ids)
def test_a_value_is_planted_in_each_target(target: Target) -> None:
    """Where none is, none could be told."""
    assert any(PLANTED.encode() in seed for seed in target.seeds)


def test_each_folder_of_the_corpus_has_a_target() -> None:
    """A target that is renamed takes its corpus along."""
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= TARGETS.keys()
