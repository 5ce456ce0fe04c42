"""The commands over the container of the dead letters."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import click
from click.decorators import FC

from sync.cli.dead_letters.container import ContainerError, ContainerUrlError, container_url
from sync.cli.dead_letters.letters import Letter
from sync.cli.dead_letters.search import Found, Search, document_of, find
from sync.cli.dead_letters.views import LISTED, SHOWN
from sync.cli.documents import Document, is_refusal, items, text, words
from sync.cli.exits import Exit
from sync.cli.no_answers import NoAnswer, refusal
from sync.cli.options import filled, vault_argument
from sync.cli.ordered import Commands
from sync.cli.outcomes import OUTCOMES
from sync.cli.session import WRITES, Session
from sync.cli.sources import Fields
from sync.cli.tables import counted

CONTAINER = "KEYVAULT_SYNC_DEAD_LETTERS"
_NOT_THERE = frozenset(NoAnswer) - {NoAnswer.APP_TOO_SLOW}
"""For these no further vault is asked for: each would meet the same."""


@click.group("dead-letters", cls=Commands)
def dead_letters() -> None:
    """Show and replay the events that Event Grid gave up on.

    Reads the container of the dead letters with your own Azure login, also if an app is chosen: you
    need the role Storage Blob Data Reader on it. Changes and deletes nothing in it.
    """


def _reading(command: FC) -> FC:
    """Take where the container is, and how far back to look."""
    for each in (
        click.option(
            "--days",
            type=click.FloatRange(min=0, min_open=True, max=3650),
            default=7.0,
            metavar="N",
            help="open the blobs of the last N days (7)",
        ),
        click.option(
            "--prefix",
            default="",
            metavar="TEXT",
            help="only blobs whose names begin so, in any case; for a container that others share",
        ),
        click.option(
            "--container",
            metavar="URL",
            callback=filled,
            help=f"the container, https://ACCOUNT.blob.core.windows.net/NAME; else {CONTAINER}",
        ),
    ):
        command = each(command)
    return command


@dead_letters.command("list")
@vault_argument(required=False)
@_reading
@click.pass_obj
def list_letters(
    session: Session, /, *, container: str | None, vault: str | None, prefix: str, days: float
) -> Exit:
    """List the dead letters of the last days, of all vaults or of VAULT.

    The newest are first. An event is in the container once for each time that it was given up on;
    what was replayed stays there. Exit code 1: an event or a blob cannot be read.
    """
    try:
        found = _found(session, container, Search(days, prefix, vault or ""))
    except ContainerError as error:
        return session.show(refusal(error.reason, error.message), LISTED)
    return session.show(document_of(found), LISTED)


@dead_letters.command("show")
@click.argument("letter", metavar="ID", callback=filled)
@_reading
@click.pass_obj
def show_letter(
    session: Session, /, *, container: str | None, letter: str, prefix: str, days: float
) -> Exit:
    """Show all that is known of the dead letter of an event's ID."""
    try:
        found = _found(session, container, Search(days, prefix, ids=(letter,)))
    except ContainerError as error:
        return session.show(refusal(error.reason, error.message), SHOWN)
    if missing := _missing(found, (letter,), days):
        return session.show(missing, SHOWN)
    return session.show({**document_of(found), "unreadable": []}, SHOWN)


@dead_letters.command("replay")
@vault_argument(required=False)
@click.option(
    "--id", "ids", multiple=True, metavar="ID", help="that of this event; may be repeated"
)
@click.option("--all", "every", is_flag=True, help="those of every vault")
@click.option("--dry-run", is_flag=True, help="show what would be written, and write nothing")
@_reading
@click.pass_obj
def replay(session: Session, /, **given: object) -> Exit:
    """Resync the vaults whose new versions were given up on.

    Delivers no event again: asks for a resync of each vault, or of the one secret that its dead
    letters name, as resync does, of the app or with your own rights. It reads what the vault holds
    now, so it may be repeated. Dead letters of an expiry ask for nothing. Events that were dropped
    are not in the container: after an outage resync --all.
    """
    search, container = _replayed(given)
    try:
        found = _found(session, container, search)
    except ContainerError as error:
        return session.show(refusal(error.reason, error.message), OUTCOMES)
    if missing := _missing(found, search.ids, search.days):
        return session.show(missing, OUTCOMES)
    for line in _told(found):
        session.screen.say(line)
    route = "plan" if given["dry_run"] else "resync"
    if route == "resync":
        session.parting = WRITES
    outcomes = list(_outcomes(session, route, resyncs(found.letters)))
    code = session.show({"outcomes": outcomes}, OUTCOMES)
    return Exit.FAILED if found.unreadable else code


def _replayed(given: Mapping[str, object]) -> tuple[Search, str | None]:
    vault, ids, every = given["vault"], given["ids"], bool(given["every"])
    assert isinstance(ids, tuple)
    if bool(vault) + bool(ids) + every != 1 or not all(map(str.strip, ids)):
        raise click.UsageError("Say which dead letters: one of VAULT, --id, or --all.")
    days, prefix, container = given["days"], given["prefix"], given["container"]
    assert isinstance(days, float)
    search = Search(days, str(prefix), str(vault or ""), ids)
    return search, None if container is None else str(container)


def resyncs(letters: Sequence[Letter]) -> Iterator[Fields]:
    """Yield a request for each vault, which names the secret if only one has new versions."""
    secrets: dict[str, dict[str, str]] = {}
    for letter in letters:
        if letter.changes:
            secrets.setdefault(letter.vault, {}).setdefault(letter.secret.lower(), letter.secret)
    for vault, names in sorted(secrets.items()):
        first, *others = names.values()
        yield {"vault": vault} if others else {"vault": vault, "secret": first}


def _outcomes(session: Session, route: str, requests: Iterator[Fields]) -> Iterator[Document]:
    """Yield the outcomes; a refused vault is one that failed, and so is each without an answer."""
    answer: Document = {}
    for fields in requests:
        if text(answer, "reason") not in _NOT_THERE:
            answer = session.ask(route, fields)
        if is_refusal(answer):
            message = text(answer, "message") or " ".join(words(answer, "faults"))
            reason = text(answer, "reason")
            yield {**fields, "outcome": "failed", "reason": reason, "message": message}
        else:
            yield from items(answer, "outcomes")


def _told(found: Found) -> Iterator[str]:
    """Yield what a replay leaves out."""
    expiries = sum(not letter.changes for letter in found.letters)
    if expiries:
        yield f"{counted(expiries, 'dead letter')} of an expiry: nothing to resync."
    for each in found.unreadable:
        yield f"{each.blob}: {each.reason}: {each.message} If its vault is not known: resync --all."
    if found.older:
        yield f"{counted(found.older, 'older blob')} not opened: --days says how far back to look."


def _missing(found: Found, ids: Sequence[str], days: float) -> Document:
    """Return a refusal if an id was not found, else nothing."""
    known = {letter.id.lower() for letter in found.letters}
    absent = [each for each in ids if each.lower() not in known]
    if not absent:
        return {}
    return refusal(
        NoAnswer.DEAD_LETTER_MISSING,
        f"No dead letter of the last {days:g} days has the id {absent[0]}: 'keyvault-sync "
        "dead-letters list' shows them, with --days those of a longer time.",
    )


def _found(session: Session, container: str | None, search: Search) -> Found:
    text = container or os.environ.get(CONTAINER, "").strip()
    if not text:
        raise click.UsageError(
            f"Neither --container nor {CONTAINER} names the container of the dead letters. It is "
            "the output deadLetterContainerUrl (Bicep) or dead_letter_container_url (Terraform)."
        )
    try:
        url = container_url(text)
    except ContainerUrlError as error:
        raise click.UsageError(
            f"--container or {CONTAINER} is no URL of a container: {error}."
        ) from error
    session.screen.say(f"Container {url}, with your own Azure login.")
    opened = session.container_at(url, verbose=bool(session.given.get("verbose")))
    return find(opened, search, datetime.now(UTC), session.screen)
