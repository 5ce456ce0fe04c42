"""The command that examines what the sync needs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

import click

from sync.cli.documents import Document, items, text
from sync.cli.exits import Exit
from sync.cli.options import request, vaults
from sync.cli.session import Blocks, Session, View
from sync.cli.tables import Style, Table, counted, printable

_MANY = 10  # vaults beyond which only what is not ok is shown
_NARROW = 20
_RESULTS = ("ok", "warning", "failed", "skipped")
_INDENT = " " * (2 + max(map(len, _RESULTS)) + 2)


@click.command()
@vaults
@click.option("--failures", is_flag=True, help="show only what is not ok")
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "failed"]),
    default="failed",
    help="what makes the exit code 1 (failed)",
)
@click.pass_obj
def doctor(session: Session, /, *, failures: bool, fail_on: str, **given: object) -> Exit:
    """Check settings, login, vaults, clusters and permissions.

    Also tells how each vault is set up: who decides on access, recovery, network, audit events.
    With an app it examines itself, with its own identity and settings; without one it is examined
    with your login and kubeconfig. Beyond ten vaults only what is not ok is shown; -o wide shows
    all. Changes nothing. The default is --all.
    """
    fields = request(given, every=True)
    asked = {name: value for name, value in fields.items() if name != "all"}
    document = session.ask("doctor", asked)
    worst = {"failed", "warning"} if fail_on == "warning" else {"failed"}
    view = View(lambda told: _code(told, worst), _blocks, _names)
    found = items(document, "checks")
    if failures and found:
        shown = [check for check in found if text(check, "result") != "ok"]
        document = {**document, "checks": shown}
        if session.tables and not shown:
            session.screen.answer(f"{counted(len(found), 'check')}: all ok\n")
            return Exit.IN_STEP
    return session.show(document, view)


def _level(check: Document) -> str:
    """Return ok, warning or failed; what was not checked counts as what its failure would mean."""
    result = text(check, "result")
    if result in {"ok", "warning"}:
        return result
    return "warning" if text(check, "severity") == "warning" else "failed"


def _code(document: Document, worst: set[str]) -> Exit:
    levels = {_level(check) for check in items(document, "checks")}
    return Exit.FAILED if levels & worst else Exit.IN_STEP


def _names(document: Document) -> Sequence[str]:
    return [f"{text(each, 'about')}: {text(each, 'id')}" for each in items(document, "checks")]


def _blocks(document: Document, style: Style) -> Blocks:
    checks = items(document, "checks")
    vaults = {about for each in checks if (about := text(each, "about")).startswith("vault ")}
    shown = checks
    if len(vaults) > _MANY and not style.wide:
        shown = [check for check in checks if text(check, "result") != "ok"]
    if style.width is None or style.wide:
        headings = ("ABOUT", "CHECK", "RESULT", "WHY", "REMEDY", "LINK")
        fields = ("about", "id", "result", "sentence", "remedy", "link")
        rows = [[text(each, name) for name in fields] for each in shown]
        yield Table(headings, rows)
    elif shown:
        yield "".join(_grouped(shown, style))
    left = f" ({len(checks) - len(shown)} ok not shown)" if len(shown) < len(checks) else ""
    views = ", ".join(sorted({view for each in checks if (view := text(each, "view"))}))
    counts = Counter(text(check, "result") for check in checks)
    each = ", ".join(f"{counts[result]} {result}" for result in _RESULTS if counts[result])
    seen = f", as {views} sees it" if views else ""
    yield f"{counted(len(checks), 'check')}{seen}: {each}{left}\n"


def _grouped(checks: Sequence[Document], style: Style) -> Iterator[str]:
    """Yield a line per check under its subject; a remedy stays whole, so that it can be pasted.

    One command may mend several checks of a subject: the first of them shows it.
    """
    names = max(len(text(check, "id")) for check in checks)
    for about, group in groupby(checks, lambda check: text(check, "about")):
        yield f"{printable(about)}\n"
        shown: set[str] = set()
        for check in group:
            result = text(check, "result")
            name = printable(text(check, "id"))
            plain = f"  {result:<{len(_INDENT) - 4}}  {name:<{names}}  "
            head = plain.replace(result, style.paint(result), 1)
            room = max(_NARROW, (style.width or 0) - len(plain))
            told = wrap(printable(text(check, "sentence")), room, break_on_hyphens=False)
            yield head + f"\n{' ' * len(plain)}".join(told) + "\n"
            if (remedy := text(check, "remedy")) and remedy not in shown:
                shown.add(remedy)
                yield f"{_INDENT}$ {printable(remedy)}\n"
            if result != "ok" and (link := text(check, "link")):
                yield f"{_INDENT}{printable(link)}\n"
