"""Outcomes and statuses as tables for a terminal: names, versions and times, never values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, zip_longest
from textwrap import wrap

from sync.adopt import Adoption
from sync.checks import Check, Result
from sync.model import Act, Change, Converged, Failed, Ignored, Outcome, Target
from sync.report import Json

type Row = Sequence[str]

_GAP = "  "
_NARROW = 20  # characters left to the last column before others are folded
_NARROWEST = 8  # characters left to any column, however narrow the terminal
_NAMED = 5  # how many keys a cell names
_NONE = "-"


def table(headings: Row, rows: Iterable[Row], width: int) -> str:
    """Align the columns; what is too wide is folded, not cut: the last column first."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = width - len(_GAP) * (len(widths) - 1)
    widths[-1] = max(min(widths[-1], _NARROW), widths[-1] - max(0, sum(widths) - room))
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return "".join(_folded(line, widths) for line in lines)


def outcomes_text(outcomes: Sequence[Outcome], width: int) -> str:
    """Tell of a resync or a plan: a row a vault, then a row a change, then the sum."""
    parts = [table(("VAULT", "SECRET", "RESULT", "KEYS", "NOTES"), map(_row, outcomes), width)]
    changes = [
        (_vault(outcome), change.key, change.act.value, change.version or _NONE)
        for outcome in outcomes
        for change in _changes(outcome)
    ]
    if changes:
        parts.append(table(("VAULT", "KEY", "CHANGE", "VERSION"), changes, width))
    parts.append(_sum(map(_verdict, outcomes)))
    return "\n".join(parts)


def statuses_text(told: Sequence[Mapping[str, Json]], width: int, *, keys: bool) -> str:
    """Tell of the Secrets' status: a row a vault, then a row a key if asked for, then the sum."""
    headings = ("VAULT", "SECRET", "STATE", "KEYS", "WRITTEN", "NOTES")
    parts = [table(headings, map(_status_row, told), width)]
    rows = [row for status in told for row in _key_rows(status)] if keys else []
    if rows:
        parts.append(table(("KEY", "VERSION", "UPDATED", "STATE"), rows, width))
    parts.append(_sum(str(status["state"]) for status in told))
    return "\n".join(parts)


def adoption_text(adoption: Adoption, width: int) -> str:
    """Tell of an adoption: whose the Secret was, then a row a key, then the sum."""
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
    counts = Counter(fate.value for fate in adoption.fates.values())
    each = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    parts.append(f"{_keys(counts.total())}{each and ': '}{each}\n")
    return "\n".join(parts)


def _keys(count: int) -> str:
    return f"{count} {'key' if count == 1 else 'keys'}"


def checks_text(checks: Sequence[Check], width: int) -> str:
    """Tell of an examination: a line a check, the command that helps below it, then the sum."""
    names = max(len(check.name) for check in checks)
    results = max(len(result) for result in Result)
    parts: list[str] = []
    for about, group in groupby(checks, lambda check: check.about):
        parts.append(f"{about}\n")
        for check in group:
            head = f"  {check.result:<{results}}{_GAP}{check.name:<{names}}{_GAP}"
            told = wrap(check.sentence, max(_NARROW, width - len(head)))
            parts.append(head + f"\n{' ' * len(head)}".join(told) + "\n")
            if check.remedy:  # not folded: it is to be pasted into a shell
                parts.append(f"{' ' * (2 + results)}{_GAP}$ {check.remedy}\n")
    counts = Counter(check.result for check in checks)
    each = ", ".join(f"{counts[result]} {result}" for result in Result if counts[result])
    return "".join(parts) + f"\n{len(checks)} checks: {each}\n"


def _folded(line: Row, widths: Sequence[int]) -> str:
    folds = [wrap(cell, width) for cell, width in zip(line, widths, strict=True)]
    return "".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        + "\n"
        for cells in zip_longest(*folds, fillvalue="")
    )


def _sum(words: Iterable[str]) -> str:
    counts = Counter(words)
    vaults = counts.total()
    each = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    return f"{vaults} {'vault' if vaults == 1 else 'vaults'}: {each}\n"


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
        case Converged(target, changes, keys, expired):
            notes = [_counted(changes), _named("expired", expired)]
            place, held = _place(target), str(keys)
        case Failed(_, error, target, changes):
            notes = [error.reason, _counted(changes)]
            place, held = _place(target) if target else _NONE, _NONE
        case Ignored(_, error):
            notes, place, held = [error.reason], _NONE, _NONE
    return (_vault(outcome), place, _verdict(outcome), held, "; ".join(filter(None, notes)))


def _counted(changes: Iterable[Change]) -> str:
    counts = Counter(change.act for change in changes)
    return ", ".join(f"{act.value} {counts[act]}" for act in Act if counts[act])


def _named(what: str, names: Sequence[object]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(map(str, names[:_NAMED]))}{more}" if names else ""


def _place(target: Target) -> str:
    return "/".join(target.place)


def _status_row(status: Mapping[str, Json]) -> Row:
    match status:
        case {
            "vault": str(vault),
            "target": {"cluster": cluster, "namespace": namespace, "secret": secret},
            "state": str(state),
            "written": written,
            "secrets": [*secrets],
            "out_of_step": [*out_of_step],
            "foreign_keys": [*foreign],
        }:
            notes = [_named("out of step", out_of_step), _named("not ours", foreign)]
            return (
                vault,
                f"{cluster}/{namespace}/{secret}",
                state,
                str(len(secrets)),
                _time(written),
                "; ".join(filter(None, notes)),
            )
        case _:  # it could not be read
            return (str(status["vault"]), _NONE, str(status["state"]), *(_NONE,) * 2, _why(status))


def _why(status: Mapping[str, Json]) -> str:
    return str(status.get("reason", ""))


def _key_rows(status: Mapping[str, Json]) -> Iterable[Row]:
    match status:
        case {"secrets": [*secrets]}:
            for secret in secrets:
                match secret:
                    case {"name": name, "version": version, "updated": at, "in_step": in_step}:
                        state = "in step" if in_step else "out of step"
                        yield (str(name), str(version), _time(at), state)


def _time(moment: Json) -> str:
    """Write an ISO 8601 moment in UTC so that it folds well."""
    return moment.replace("T", " ").replace("+00:00", "Z") if isinstance(moment, str) else _NONE
