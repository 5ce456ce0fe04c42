"""Stages every cause and asks every view; `python -m tests.functional.causes` writes the table."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.stack import Stack
from sync.core.reasons import Reason
from sync.doctor.checks import CHECKS
from tests.functional.causes.staged import CAUSES, SECRET, Cause
from tests.functional.causes.views import VIEWS, asked, logged, resynced
from tests.functional.world import Place, World
from tests.kit.app import log_size
from tests.leaks.dye import value

PAGE = Path(__file__).parents[3] / "docs" / "operate.md"
START, END = "<!-- causes: written by make operate -->\n", "<!-- end of causes -->\n"
_BEFORE, _CHANGED = 900.0, -300.0
"""When the vault was filled, and when the secret changed: in seconds before and from now."""

_WORD = re.compile(rf"\b(?:{'|'.join([*(reason.value for reason in Reason), *CHECKS])})\b")

type Row = Mapping[str, str]


def run(stack: Stack, world: World) -> Mapping[str, Row]:
    """Return what each view shows of each cause, by the cause's name."""
    return {cause.name: _row(stack, world, cause) for cause in CAUSES}


def table(rows: Mapping[str, Row]) -> str:
    """Return the table of the page."""

    def linked(cell: str) -> str:
        return _WORD.sub(lambda word: f"[`{word[0]}`](outcomes.md#{word[0].lower()})", cell)

    head = f"| cause | {' | '.join(VIEWS)} |\n|---|{'---|' * len(VIEWS)}\n"
    return head + "".join(
        f"| {name} | {' | '.join(linked(row[view]) for view in VIEWS)} |\n"
        for name, row in rows.items()
    )


def rewritten(rows: Mapping[str, Row]) -> str:
    """Return the page with its table made anew."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table(rows)}\n{END}{after}"


def _row(stack: Stack, world: World, cause: Cause) -> Row:
    place, since = _prepared(stack, world, cause), log_size(world.host)
    listed = [place] if cause.is_listed else []
    with world.app(*listed, **cause.settings(place)) as app:
        cause.arrange(place)
        place.clock.ahead = _CHANGED
        version = cause.change(place)
        if not cause.has_events:
            stack.resource_manager.remove_topic(place.vault.resource_id)
        elif version:
            app.deliver(place.event(SECRET, version))
        if not cause.is_waiting:
            app.fire()
        row = asked(app, place)
        app.fire()
        if cause.again is not None:
            cause.again(place)
        row["resync"] = resynced(app, place)
        row["log"] = logged(app.log(since), place)
        cause.after(place)
    return row


def _prepared(stack: Stack, world: World, cause: Cause) -> Place:
    """Make the vault and the namespace, and bring them in step where the cause comes later."""
    place = world.place(cause.vault, age=_BEFORE, silent=True, subscription=cause.subscription)
    stack.connect(place.vault)
    place.put("other", value())
    if not cause.is_new:
        place.put(SECRET, value())
        assert world.resync(place).status == 200
    return place


def write(rows: Mapping[str, Row]) -> None:
    """Write the page."""
    PAGE.write_text(rewritten(rows), "utf-8")


def blanks(rows: Mapping[str, Row]) -> Sequence[str]:
    """Return the cells that show nothing."""
    return [f"{name}: {view}" for name, row in rows.items() for view in VIEWS if not row.get(view)]
