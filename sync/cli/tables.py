"""Formats outcomes and statuses as tables for a terminal: names, versions, times, no values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from textwrap import wrap

from sync.app.explain import Explained
from sync.app.outcomes import key_of
from sync.app.takeover import Adoption
from sync.core.errors import SyncError
from sync.core.model import Action, Change, Converged, Failed, Ignored, Outcome, Target
from sync.doctor.checks import Check, Verdict
from sync.http_api.answers import Other, Status, StatusUnknown

type Row = Sequence[str]

_GAP = "  "
_NARROW = 20  # characters left to the last column before others wrap
_NARROWEST = 8  # characters left to any column, however narrow the terminal
_NAMED = 5  # how many keys a cell shows
_NONE = "-"


def table(headings: Row, rows: Iterable[Row], width: int) -> str:
    """Align the columns; wraps what is too wide, without cutting it, in the last column first."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = width - len(_GAP) * (len(widths) - 1)
    widths[-1] = max(min(widths[-1], _NARROW), widths[-1] - max(0, sum(widths) - room))
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return "".join(_folded(line, widths) for line in lines)


def outcomes_text(outcomes: Sequence[Outcome], width: int) -> str:
    """Format a resync or a plan: a row per vault, then a row per change, then the total."""
    parts = [table(("VAULT", "SECRET", "RESULT", "KEYS", "NOTES"), map(_row, outcomes), width)]
    changes = [
        (_vault(outcome), key_of(change), change.action.value, change.version or _NONE)
        for outcome in outcomes
        for change in _changes(outcome)
    ]
    if changes:
        parts.append(table(("VAULT", "KEY", "CHANGE", "VERSION"), changes, width))
    parts.append(_sum("vault", map(_verdict, outcomes)))
    return "\n".join(parts)


def statuses_text(told: Sequence[Status | StatusUnknown], width: int, *, keys: bool) -> str:
    """Format the Secrets' status: a row per vault, then per key if requested, then the total."""
    headings = ("VAULT", "SECRET", "STATE", "KEYS", "WRITTEN", "NOTES")
    parts = [table(headings, map(_status_row, told), width)]
    rows = [row for status in told for row in _key_rows(status)] if keys else []
    if rows:
        parts.append(table(("KEY", "VERSION", "UPDATED", "STATE"), rows, width))
    parts.append(_sum("vault", (status.state for status in told)))
    return "\n".join(parts)


def adoption_text(adoption: Adoption, width: int) -> str:
    """Format an adoption: the Secret's former owner, then a row per key, then the total."""
    former = adoption.former
    had = f"{former.holder} ({former.sign})" if former else "nobody"
    place = _place(adoption.target)
    whole = (adoption.target.vault.text, place, had)
    parts = [table(("VAULT", "SECRET", "HELD BY"), [whole], width)]
    rows = [
        (key, fate.value, adoption.versions.get(key, _NONE)) for key, fate in adoption.fates.items()
    ]
    if rows:
        parts.append(table(("KEY", "BECOMES", "VERSION"), rows, width))
    parts.append(_sum("key", (fate.value for fate in adoption.fates.values())))
    return "\n".join(parts)


def explanation_text(told: Sequence[Explained], width: int) -> str:
    """Format where a vault's secrets go: a row per secret, then the total."""
    headings = ("NAME", "SECRET", "KEYS", "VERSION", "STATE", "WHY")
    rows = table(headings, map(_explained_row, told), width)
    return rows + "\n" + _sum("secret", (each.progress.value for each in told))


def checks_text(checks: Sequence[Check], width: int) -> str:
    """Format an examination: a line per check with its remedy below it, then the total."""
    names = max(len(check.name) for check in checks)
    verdicts = max(len(verdict) for verdict in Verdict)
    parts: list[str] = []
    for about, group in groupby(checks, lambda check: check.about):
        parts.append(f"{about}\n")
        for check in group:
            head = f"  {check.verdict:<{verdicts}}{_GAP}{check.name:<{names}}{_GAP}"
            told = wrap(check.sentence, max(_NARROW, width - len(head)))
            parts.append(head + f"\n{' ' * len(head)}".join(told) + "\n")
            if check.remedy:  # not wrapped, so that it can be pasted into a shell
                parts.append(f"{' ' * (2 + verdicts)}{_GAP}$ {check.remedy}\n")
    counts = Counter(check.verdict for check in checks)
    each = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return "".join(parts) + f"\n{len(checks)} checks: {each}\n"


def _folded(line: Row, widths: Sequence[int]) -> str:
    folds = [wrap(cell, width) for cell, width in zip(line, widths, strict=True)]
    return "".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        + "\n"
        for cells in zip_longest(*folds, fillvalue="")
    )


def _sum(what: str, words: Iterable[str]) -> str:
    counts = Counter(words)
    each = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{_counted(counts.total(), what)}{each and ': '}{each}\n"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _vault(outcome: Outcome) -> str:
    match outcome:
        case Converged(target):
            return target.vault.text
        case Failed(vault):
            return vault
        case Ignored(subject):
            return subject


def _changes(outcome: Outcome) -> Sequence[Change]:
    return () if isinstance(outcome, Ignored) else outcome.changes


def _verdict(outcome: Outcome) -> str:
    match outcome:
        case Converged(changes=()):
            return "in step"
        case Converged(dry_run=dry_run):
            return "out of step" if dry_run else "changed"
        case Failed():
            return "failed"
        case Ignored():
            return "ignored"


def _row(outcome: Outcome) -> Row:
    match outcome:
        case Converged(target, changes, keys, expired, _, warnings):
            notes = [_acts(changes), _named("expired", expired)]
            notes += [_counted(len(warnings), "warning")] if warnings else []
            place, held = _place(target), str(keys)
        case Failed(_, error, target, changes):
            notes = [error.reason, _acts(changes)]
            place, held = _place(target) if target else _NONE, _NONE
        case Ignored(_, error):
            notes, place, held = [error.reason], _NONE, _NONE
    return (_vault(outcome), place, _verdict(outcome), held, "; ".join(filter(None, notes)))


def _acts(changes: Iterable[Change]) -> str:
    counts = Counter(change.action for change in changes)
    return ", ".join(f"{act.value} {counts[act]}" for act in Action if counts[act])


def _named(what: str, names: Sequence[object]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(map(str, names[:_NAMED]))}{more}" if names else ""


def _place(target: Target) -> str:
    return "/".join(target.place)


def _status_row(status: Status | StatusUnknown) -> Row:
    if isinstance(status, StatusUnknown):
        return (status.vault, _NONE, status.state, *(_NONE,) * 2, status.reason)
    parts = _parts(status)
    notes = [
        _named("also", [f"{other.target.secret} {other.state}" for other in status.others]),
        _named("out of step", [f"{at}{key}" for at, part in parts for key in part.out_of_step]),
        _named("not ours", [f"{at}{key}" for at, part in parts for key in part.foreign_keys]),
    ]
    target = status.target
    return (
        status.vault,
        f"{target.cluster}/{target.namespace}/{target.secret}",
        status.state,
        str(len({key for key, *_ in _key_rows(status)})),
        _time(status.written),
        "; ".join(filter(None, notes)),
    )


def _parts(status: Status) -> Sequence[tuple[str, Other]]:
    """Return the readable Secrets, each with the prefix for its keys."""
    others = (other for other in status.others if isinstance(other, Other))
    return [("", status), *((f"{other.target.secret}/", other) for other in others)]


def _key_rows(status: Status | StatusUnknown) -> Iterator[Row]:
    for at, part in [] if isinstance(status, StatusUnknown) else _parts(status):
        for held in part.secrets:
            for key in held.keys:
                away = held.version is None or key in part.out_of_step
                state = "out of step" if away else "in step"
                yield (f"{at}{key}", held.version or _NONE, _time(held.updated), state)


def _explained_row(told: Explained) -> Row:
    why = told.why.reason if isinstance(told.why, SyncError) else told.why
    return (
        told.name,
        ", ".join(told.secrets) or _NONE,
        ", ".join(told.keys or ()) or _NONE,
        told.version or _NONE,
        told.progress.value,
        why or "",
    )


def _time(moment: str | None) -> str:
    """Format an ISO 8601 time in UTC so that it wraps well."""
    return moment.replace("T", " ").replace("+00:00", "Z") if moment else _NONE
