"""The command that shows what the Secrets hold."""

from collections.abc import Iterator, Sequence

import click

from sync.cli.documents import (
    Document,
    child,
    items,
    number,
    place,
    text,
    told_apart,
    vaults_or_targets,
    words,
)
from sync.cli.exits import Exit
from sync.cli.options import request, vaults, watching
from sync.cli.session import Blocks, Session, View
from sync.cli.tables import NONE, Row, Style, Table, joined, moment, named, total

_IN_STEP = {"converged", "empty"}


@click.command()
@vaults
@watching
@click.pass_obj
def status(session: Session, /, *, watch: bool, interval: float, **given: object) -> Exit:
    """Show what the Secrets hold, and what is refused since when.

    Also shows which keys somebody changed in the cluster. It reads the cluster only; for what is
    newer in a vault use plan. With VAULT it also shows each key. The default is --all.
    """
    fields = request(given, every=True)
    asked = {name: value for name, value in fields.items() if name != "all"}
    return session.repeat(
        lambda: session.ask("status", asked),
        View(_code, _keys_too if "vault" in fields else _blocks, _names, _complaints),
        interval if watch else None,
    )


def _code(document: Document) -> Exit:
    told = items(document, "vaults")
    if any(_unreadable(each) or items(each, "refused") or child(each, "failure") for each in told):
        return Exit.FAILED
    in_step = all(text(each, "state") in _IN_STEP for each in told)
    return Exit.IN_STEP if in_step else Exit.OUT_OF_STEP


def _unreadable(status: Document) -> bool:
    others = items(status, "others")
    return "unknown" in {text(status, "state"), *(text(other, "state") for other in others)}


def _blocks(document: Document, style: Style) -> Blocks:
    told = items(document, "vaults")
    headings = ("VAULT", "SECRET", "STATE", "KEYS", "WRITTEN", "NOTES")
    yield Table(headings, [_row(each, style) for each in told])
    wrong = [row for each in told_apart(told) for row in _to_see_to(each)]
    yield Table(("VAULT", "NAME", "REASON", "SINCE", "WHY"), wrong)
    yield total(vaults_or_targets(told), (text(each, "state") for each in told))


def _keys_too(document: Document, style: Style) -> Blocks:
    first, *rest = _blocks(document, style)
    yield first
    several = len(items(document, "vaults")) > 1
    rows = [
        (f"{place(each)}/{key}" if several else key, *more)
        for each in items(document, "vaults")
        for key, *more in _key_rows(each)
    ]
    if any(notes for *_, notes in rows):
        yield Table(("KEY", "VERSION", "UPDATED", "STATE", "NOTES"), rows)
    else:
        plain = [row[:-1] for row in rows]
        yield Table(("KEY", "VERSION", "UPDATED", "STATE"), plain, folds=False)
    yield from rest


def _names(document: Document) -> Sequence[str]:
    return list(dict.fromkeys(text(each, "vault") for each in items(document, "vaults")))


def _row(status: Document, style: Style) -> Row:
    parts = _parts(status)
    due = moment(text(status, "due"))
    notes = [
        text(status, "reason"),
        named("also", [f"{_of(each)} {text(each, 'state')}" for each in _others(status)], style),
        named(
            "out of step", [at + k for at, part in parts for k in words(part, "out_of_step")], style
        ),
        named(
            "not ours", [at + k for at, part in parts for k in words(part, "foreign_keys")], style
        ),
        f"due {due}" if due else "",
    ]
    keys = str(len({key for key, *_ in _key_rows(status)})) if "secrets" in status else NONE
    written = moment(text(status, "written"))
    head = (text(status, "vault"), place(status), text(status, "state"))
    return (*head, keys, written, joined(notes))


def _to_see_to(status: Document) -> Iterator[Row]:
    """Yield what is wrong with a vault, each with its reason and since when."""
    vault = text(status, "vault")
    for each in items(status, "refused"):
        since = moment(text(each, "since"))
        why = text(each, "message") or "keyvault-sync explain says why"
        yield (vault, text(each, "secret"), text(each, "reason"), since, why)
    if more := number(status, "unnamed"):
        yield (vault, NONE, NONE, NONE, f"{more} more are refused; explain names them")
    if failure := child(status, "failure"):
        why = text(failure, "message") or "keyvault-sync plan says why"
        yield (vault, NONE, text(failure, "reason"), moment(text(failure, "since")), why)
    if message := text(status, "message"):
        yield (vault, NONE, text(status, "reason"), NONE, message)
    for other in _others(status):
        if message := text(other, "message"):
            yield (vault, _of(other), text(other, "reason"), NONE, message)


def _complaints(document: Document) -> Iterator[str]:
    for each in told_apart(items(document, "vaults")):
        for vault, name, reason, _, why in _to_see_to(each):
            yield f"{vault if name == NONE else f'{vault}/{name}'}: {reason}: {why}"


def _others(status: Document) -> Sequence[Document]:
    return items(status, "others")


def _of(status: Document) -> str:
    return text(child(status, "target"), "secret")


def _parts(status: Document) -> Sequence[tuple[str, Document]]:
    """Return the readable Secrets, each with the prefix for its keys."""
    others = (other for other in _others(status) if "secrets" in other)
    return [("", status), *((f"{_of(other)}/", other) for other in others)]


def _key_rows(status: Document) -> Iterator[Row]:
    for at, part in _parts(status):
        for held in items(part, "secrets"):
            for key in words(held, "keys"):
                version = text(held, "version")
                away = not version or key in words(part, "out_of_step")
                due = moment(text(held, "due"))
                state = "out of step" if away else "in step"
                notes = (*words(held, "warnings"), f"due {due}" if due else "")
                yield (at + key, version, moment(text(held, "updated")), state, joined(notes))
