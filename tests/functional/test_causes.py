"""Each cause for which a secret does not arrive is named by every view, with no blank cell."""

from collections.abc import Mapping

import pytest

from local.host_process import HostProcess
from local.stack import Stack
from tests.functional.causes import matrix
from tests.functional.causes.staged import CAUSES, Cause
from tests.functional.causes.views import VIEWS
from tests.functional.world import World

type Rows = Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def rows(stack: Stack, host: HostProcess) -> Rows:
    """Stage every cause, once for all tests."""
    return matrix.run(stack, World.of(stack, host))


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_each_view_names_the_cause(rows: Rows, cause: Cause) -> None:
    """Whoever looks where they are used to look finds the cause there."""
    row = rows[cause.name]
    unnamed = {view: row[view] for view in VIEWS if cause.expected(view) not in row[view]}
    assert unnamed == {}


def test_the_page_shows_what_was_seen(rows: Rows) -> None:
    """docs/operate.md has the table of this very run."""
    assert matrix.PAGE.read_text("utf-8") == matrix.rewritten(rows)
