"""The arithmetic and the verdicts of the benchmarks."""

from bench.timing import HEADINGS, Count, Ratio, Times, table


def test_the_tail_is_all_but_the_slowest_twentieth() -> None:
    """Of a hundred times the 95th is the tail; of a few, the longest."""
    assert Times(range(100, 0, -1)).tail == 95
    assert Times([3, 1, 2]).tail == 3


def test_a_ratio_is_that_of_the_medians() -> None:
    """One outlier on either side leaves the ratio as it is."""
    ratio = Ratio("event", Times([3, 3, 90]), Times([2, 2, 0.1]), at_most=1.5)
    assert ratio.value == 1.5
    assert ratio.row()[-1] == "ok"


def test_a_ratio_above_its_aim_is_missed() -> None:
    """Whoever reads the table sees at once what is too slow."""
    assert Ratio("event", Times([3.1]), Times([2]), at_most=1.5).row()[-1] == "MISSED"


def test_a_count_holds_only_if_each_repeat_does() -> None:
    """One repeat out of the range is enough to miss."""
    assert Count("lists", [4, 4, 4], 4, 4).held
    assert not Count("lists", [4, 5, 4], 4, 4).held
    assert not Count("gets", [499], 500, 550).held


def test_equal_counts_are_told_once() -> None:
    """The table shows what was different, not how often it was the same."""
    assert Count("writes", [9, 7, 9], 0, 15).row() == ("writes", "7, 9", "<= 15", "ok")


def test_a_table_is_aligned() -> None:
    """Names begin and figures end in one column."""
    lines = table(HEADINGS, [Ratio("a", Times([1]), Times([1])).row()]).splitlines()
    assert lines[0].index("floor ms") + len("floor ms") == lines[1].index("1000.00") + 7
