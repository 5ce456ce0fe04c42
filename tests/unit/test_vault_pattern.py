"""The pattern of the vaults' names: which are taken, and which a name could keep busy."""

import pytest

from sync.core.vault_names import DEFAULT_PATTERN
from sync.settings.environment import SettingsError, read
from sync.settings.vault_pattern import vault_pattern

REST = r"-(?P<project>[a-z]+)-(?P<stage>[a-z]+)-(?P<number>\d+)"
ANOTHER_ORDER = (
    r"kv-(?P<project>[a-z0-9]+(?:-[a-z0-9]+)*)-(?P<stage>dev|test|prod)-"
    r"(?P<region>[a-z]{3,5})-?(?P<number>[1-9]\d?)"
)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (DEFAULT_PATTERN, "weu-ds-akv-shop-x-dev-1"),
        (f"kv-(?P<region>[a-z]{{2,4}}){REST}", "kv-weu-shop-dev-1"),
        (r"(?P<region>.*)-(?P<project>.*)-(?P<stage>.*)-(?P<number>.*)", "weu-shop-dev-1"),
        (ANOTHER_ORDER, "kv-shop-x-dev-weu1"),
        (rf"(?=.{{9,}}$)(?P<region>we|ne|(?:us)){REST}", "ne-shop-dev-1"),
        (rf"(?P<region>(?>a+)b*+){REST}", "aab-shop-dev-1"),
        (rf"(?x) (?P<region> a+ ) {REST} # theirs", "aa-shop-dev-1"),
        (rf"(?P<region>[a-z])\1?{REST}", "aa-shop-dev-1"),
    ],
    ids=["default", "prefix", "wide", "another order", "look", "atomic", "verbose", "reference"],
)
def test_a_pattern_of_somebody_elses_names_is_taken(pattern: str, name: str) -> None:
    """What people name vaults by is matched as `re` does."""
    assert vault_pattern(pattern).fullmatch(name)


@pytest.mark.parametrize(
    "region",
    [
        "(a+)+",
        "(?:a*)*b",
        "(?:a|a)*",
        "(?:[a-z]+|[0-9]+)*",
        "(?:a?){24}a{24}",
        "(((a*)*)*)*",
        "(?>(?:a+)+)",
        "(?:a|ab)*?c",
        "a*" * 12,
        "a(?=(?:[a-z]+)+-)",
        "a(?<!(?:a|a)(?:a|a))(?:a+)+",
        "(a)(?(2)b|c)",
    ],
)
def test_a_pattern_that_a_name_could_keep_busy_is_refused(region: str) -> None:
    """An outsider chooses names: no name may hold up the process, which matches one at a time."""
    with pytest.raises(SettingsError) as refused:
        read({"SYNC_VAULT_PATTERN": f"(?P<region>{region}){REST}"})
    (fault,) = refused.value.faults
    assert fault.startswith("SYNC_VAULT_PATTERN is wrong: it can match a name in too many ways")
    assert region not in fault
