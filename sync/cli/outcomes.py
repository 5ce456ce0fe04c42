"""Shows outcomes: a row for each vault, each change, each secret left out, each thing to see to."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sync.cli.documents import (
    Document,
    items,
    number,
    place,
    text,
    told_apart,
    vaults_or_targets,
    words,
)
from sync.cli.exits import Exit
from sync.cli.session import Blocks, View
from sync.cli.tables import NONE, Row, Style, Table, counted, joined, moment, named, total

_ACTIONS = ("create", "update", "repair", "release", "remove")


def _code(document: Document) -> Exit:
    code = Exit.IN_STEP
    for outcome in items(document, "outcomes"):
        if text(outcome, "outcome") == "failed" or items(outcome, "refused"):
            return Exit.FAILED
        if text(outcome, "outcome") == "planned" and items(outcome, "changes"):
            code = Exit.OUT_OF_STEP
    return code


def _blocks(document: Document, style: Style) -> Blocks:
    outcomes = items(document, "outcomes")
    headings = ("VAULT", "SECRET", "RESULT", "KEYS", "NOTES")
    yield Table(headings, [_row(outcome, style) for outcome in outcomes])
    what, outcomes = vaults_or_targets(outcomes), told_apart(outcomes)
    changes = [
        (text(outcome, "vault"), _key(change), text(change, "action"), *_version(change))
        for outcome in outcomes
        for change in items(outcome, "changes")
    ]
    if any(why for *_, why in changes):
        yield Table(("VAULT", "KEY", "CHANGE", "VERSION", "WHY"), changes)
    else:
        rows = [row[:-1] for row in changes]
        yield Table(("VAULT", "KEY", "CHANGE", "VERSION"), rows, folds=False)
    out = [
        (text(outcome, "vault"), text(each, "secret"), text(each, "why"))
        for outcome in outcomes
        for each in items(outcome, "left_out")
    ]
    yield Table(("VAULT", "LEFT OUT", "WHY"), out)
    seen_to = [row for outcome in outcomes for row in to_see_to(outcome)]
    yield Table(("VAULT", "NAME", "REASON", "WHY"), seen_to)
    restarts = [_restart(each) for each in items(document, "restarts")]
    yield Table(("NAMESPACE", "WORKLOAD", "RESTART", "KEYS", "WHY"), restarts)
    yield total(what, map(_verdict, outcomes))


def to_see_to(outcome: Document) -> Iterator[Row]:
    """Yield what is wrong with a vault: each refused secret, why it failed, each warning."""
    vault, refused = text(outcome, "vault"), items(outcome, "refused")
    for each in refused:
        yield (vault, text(each, "secret"), text(each, "reason"), text(each, "message"))
    said = {text(each, "message") for each in refused}
    if (message := text(outcome, "message")) and message not in said:
        yield (vault, NONE, text(outcome, "reason"), message)
    for warning in items(outcome, "warnings"):
        reason, message = text(warning, "reason"), text(warning, "message")
        yield (vault, text(warning, "secret") or NONE, f"warning {reason}", message)


def _restart(told: Document) -> Row:
    """Return what came of one workload, or why those of a namespace are not known."""
    kind, name, reason = (text(told, field) for field in ("kind", "name", "reason"))
    return (
        text(told, "namespace"),
        f"{kind}/{name}" if name else NONE,
        reason or "restarted",
        ", ".join(words(told, "keys")),
        text(told, "message"),
    )


def _complaints(document: Document) -> Iterator[str]:
    for outcome in told_apart(items(document, "outcomes")):
        for vault, name, reason, why in to_see_to(outcome):
            subject = vault if name == NONE else f"{vault}/{name}"
            yield f"{subject}: {reason}: {why}"
    for each in items(document, "restarts"):
        if reason := text(each, "reason"):
            yield f"{text(each, 'namespace')}: {reason}: {text(each, 'message')}"


def _names(document: Document) -> Sequence[str]:
    outcomes = items(document, "outcomes")
    return list(dict.fromkeys(text(outcome, "vault") for outcome in outcomes))


def _verdict(outcome: Document) -> str:
    if text(outcome, "outcome") == "failed" or items(outcome, "refused"):
        return "failed"
    if not items(outcome, "changes"):
        return "in step"
    return "out of step" if text(outcome, "outcome") == "planned" else "changed"


def _row(outcome: Document, style: Style) -> Row:
    acts = Counter(text(change, "action") for change in items(outcome, "changes"))
    refused = items(outcome, "refused")
    warnings, left_out = len(items(outcome, "warnings")), len(items(outcome, "left_out"))
    notes = [
        text(outcome, "reason"),
        counted(len(refused), "refused secret") if refused else "",
        ", ".join(f"{act} {count}" for act, count in sorted(acts.items(), key=_order)),
        named("expired", words(outcome, "expired"), style),
        counted(warnings, "warning") if warnings else "",
        f"{left_out} left out" if left_out else "",
    ]
    keys = str(number(outcome, "keys")) if "keys" in outcome else NONE
    return (text(outcome, "vault"), place(outcome), _verdict(outcome), keys, joined(notes))


def _order(act: tuple[str, int]) -> tuple[int, str]:
    word, _ = act
    return (_ACTIONS.index(word) if word in _ACTIONS else len(_ACTIONS), word)


def _key(change: Document) -> str:
    secret = text(change, "secret")
    return f"{secret}/{text(change, 'key')}" if secret else text(change, "key")


def _version(change: Document) -> Row:
    """Return the version, and why it goes."""
    why, updated = text(change, "why"), moment(text(change, "updated"))
    return (text(change, "version"), f"{why}; of {updated}" if why and updated else why)


OUTCOMES = View(_code, _blocks, _names, _complaints)
