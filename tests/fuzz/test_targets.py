"""Every target holds up to its corpus, to its seeds, and to what Hypothesis makes of them."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.channels import check_hidden
from tests.fuzz.target import CORPUS, Spilled, Target, check
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


def _refused(given: bytes) -> None:
    raise ValueError(given.decode())


@pytest.mark.parametrize(
    ("target", "told", "spilled"),
    [
        (Target("result", bytes.decode, (b"",), quotes=True), f"{PLANTED}{'x' * 99}", False),
        (Target("result", bytes.decode, (PLANTED.encode(),), quotes=True), PLANTED, True),
        (Target("result", bytes.decode, (b"",)), PLANTED, True),
        (Target("refusal", _refused, (b"",), (ValueError,), quotes=True), f"'{PLANTED}'", False),
        (Target("refusal", _refused, (b"",), (ValueError,), quotes=True), f"a {PLANTED}", True),
        (
            Target("refusal", _refused, (b"",), (ValueError,), quotes=True),
            f"'{PLANTED}{'x' * 99}'",
            True,
        ),
        (TARGETS["settings"], f"SYNC_INCLUDE=tag:{PLANTED}{'x' * 99}=y", False),
        (TARGETS["settings"], f'SYNC_CLUSTERS=[{{"name": "{PLANTED}"}}]', False),
        (TARGETS["clusters"], f'[{{"name": "a", "kubeconfig": "{PLANTED}{"x" * 99}"}}]', False),
    ],
    ids=[
        "a name in a result",
        "a seed's value",
        "a result without names",
        "a name in a refusal",
        "a value in a refusal",
        "too long for a name",
        "a pattern",
        "a cluster's name",
        "a path",
    ],
)
def test_a_value_may_be_told_as_a_name_alone(target: Target, told: str, *, spilled: bool) -> None:
    """What chance puts in a name's place is no value that was told; all else is."""
    with pytest.raises(Spilled) if spilled else nullcontext():
        check(target, told.encode())


def test_a_kubeconfig_that_is_shown_is_found() -> None:
    """What is read of settings is searched once all that they may show is out of it."""
    with pytest.raises(Spilled):
        check_hidden("settings", lambda: f"'{PLANTED}{'x' * 99}'")


@pytest.mark.parametrize("target", TARGETS.values(), ids=ids)
def test_a_value_is_planted_in_each_target(target: Target) -> None:
    """Where none is, none could be told."""
    assert any(PLANTED.encode() in seed for seed in target.seeds)


def test_each_folder_of_the_corpus_has_a_target() -> None:
    """A target that is renamed takes its corpus along."""
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= TARGETS.keys()
