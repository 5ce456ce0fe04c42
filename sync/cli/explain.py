"""The command that shows where each secret goes, or why it does not."""

from collections.abc import Iterator, Mapping, Sequence

import click

from sync.cli.documents import Document, items, place, text, words
from sync.cli.exits import Exit
from sync.cli.options import request, secret, vault, watching
from sync.cli.session import Blocks, Session, View
from sync.cli.tables import Row, Style, Table, joined, moment, total


@click.command()
@vault(required=True)
@secret
@watching
@click.pass_obj
def explain(session: Session, /, *, watch: bool, interval: float, **given: object) -> Exit:
    """Show where each secret of a vault goes, or why it does not.

    For each secret, or only for SECRET, the Secrets it goes to, under which keys and from which
    version, or why it is not there and when the timer tries next. Reads the vault and the cluster
    as resync does, and writes nothing. VAULT need not be among the known vaults.
    """
    fields = request(given)
    return session.repeat(
        lambda: session.ask("explain", fields),
        View(code, _blocks, _names, _complaints),
        interval if watch else None,
    )


def code(document: Document) -> Exit:
    """Return the exit code of an explanation."""
    states = {text(each, "state") for each in items(document, "secrets")}
    if "failed" in states or items(document, "unknown"):
        return Exit.FAILED
    return Exit.OUT_OF_STEP if "waiting" in states else Exit.IN_STEP


def _blocks(document: Document, style: Style) -> Blocks:
    told = items(document, "secrets")
    headings: Row = ("NAME", "SECRET", "KEYS", "VERSION", "STATE", "WHY")
    if style.wide:
        headings = (*headings[:-1], "TYPE", headings[-1])
    several = len({place(each) for each in told}) > 1
    yield Table(headings, [_row(each, style, several=several) for each in told])
    yield Table(
        ("NAME", "KEY", "READ BY", "RESTARTS", "CHANGED", "RUNS WITH"),
        [_reader(each, reader) for each in told for reader in items(each, "readers")],
    )
    unknown = items(document, "unknown")
    rows = [(place(each), text(each, "reason"), text(each, "message")) for each in unknown]
    yield Table(("SECRET", "REASON", "WHY"), rows)
    yield total("secret", (text(each, "state") for each in told))


def _reader(told: Document, reader: Document) -> Row:
    """Return what is told of a workload that reads a key."""
    runs: Mapping[object, str] = {True: "this change", False: "an older one"}
    return (
        text(told, "name"),
        f"{text(reader, 'secret')}/{text(reader, 'key')}",
        f"{text(reader, 'kind')}/{text(reader, 'name')}",
        "yes" if reader.get("restarts") else "no",
        moment(text(reader, "changed")) or "not counted",
        runs.get(reader.get("current"), "not known"),
    )


def _row(told: Document, style: Style, *, several: bool) -> Row:
    """Return what is told of one secret; of `several` targets with the namespace."""
    space = place(told).rpartition("/")[0] if several else ""
    at = f"{space}/" if space else ""
    # A secret that goes nowhere is left out of a target, and that one is named.
    places = ", ".join(at + secret for secret in words(told, "secrets")) or (space and place(told))
    keys = ", ".join(words(told, "keys"))
    kind = [text(told, "type") or "Opaque"] if style.wide else []
    name, version, state = (text(told, field) for field in ("name", "version", "state"))
    return (name, places, keys, version, state, *kind, why(told))


def why(told: Document) -> str:
    """Return why a secret is not in step, and when the timer tries next; empty if it is."""
    reason, message = text(told, "reason"), text(told, "message")
    due = moment(text(told, "due"))
    if not reason and text(told, "state") == "waiting":
        reason = "it is not written yet" + ("" if due else ": resync writes it")
    said = f"{reason}: {message}" if message else reason
    warned = " ".join(f"{text(w, 'reason')}: {text(w, 'message')}" for w in items(told, "warnings"))
    said = joined((said, warned)) if warned else said
    if said.endswith("."):
        return f"{said} The timer tries at {due}." if due else said
    return joined((said, f"the timer tries at {due}" if due else ""))


def _names(document: Document) -> Sequence[str]:
    return [text(each, "name") for each in items(document, "secrets")]


def _complaints(document: Document) -> Iterator[str]:
    for each in items(document, "secrets"):
        if text(each, "state") == "failed":
            told = f"{text(each, 'reason')}: {text(each, 'message')}"
            yield f"{text(document, 'vault')}/{text(each, 'name')}: {told}"
    for each in items(document, "unknown"):
        told = f"{text(each, 'reason')}: {text(each, 'message')}"
        yield f"{text(document, 'vault')} in {place(each)}: {told}"
