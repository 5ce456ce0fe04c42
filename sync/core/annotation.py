"""The text of the Secret's annotation, which stores the state."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sync.core.changes import Count
from sync.core.labels import label_text, parsed_label
from sync.core.model import SECRET_NAME, SecretName, moment, secret_name
from sync.core.name_groups import grouped, ungrouped
from sync.core.reasons import Reason
from sync.core.state import LATEST, Failure, Record, Refusal, State, Unusable
from sync.core.vault_names import AZURE_NAME

FORMAT = 4
"""The latest format. Earlier ones are still read; the first has no number."""

_EARLIER = 3
"""What is written without counts and applications, so that the release before can read it."""

MAX_REFUSED_BYTES = 32 * 1024
MAX_WARNED_BYTES = 16 * 1024
MAX_UNUSABLE_BYTES = 16 * 1024
_MAX_BYTES = 240 * 1024  # Kubernetes allows 256 KiB for all annotations of an object
_HEADING = len(',"counts":{}')
_SHORT = 8
_TAGGED = "t"

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z]{0,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-z]{0,16}", re.ASCII)
_REASON = re.compile(r"[A-Z][0-9A-Za-z]{2,63}", re.ASCII)
_UID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,11}\+?", re.ASCII)
_APPLICATION = re.compile(r"[a-z0-9.-]{1,320}/[a-z0-9.-]{1,253}", re.ASCII)
_REASONS = {reason.value: reason for reason in Reason}


def encode(state: State) -> str:
    """Encode the annotation; equal states produce equal texts.

    A record is `[version, updated]`, and `[version, updated, 0]` until it is settled. One with a
    fingerprint is `[version, updated, 0 or 1, fingerprint, key, …]`. Refusals are grouped by reason
    and time, each as `version.updated` with `updated` in hexadecimal, a `t` if tagged, and `-` with
    the time, in hexadecimal, at which another version may be used, if that is known. Refusals
    beyond 32 KiB, or without room, are left out and counted. Warnings are grouped by reason, and
    left out beyond 16 KiB or without room, and so are unusable secrets. Labels are grouped as
    `name=value`. Keys are grouped by their counts, with a `+` if the value has changed since it was
    first written; the oldest counts are left out if there is no room. A state without counts that
    knows of no application is of format 3, so that an earlier release can read it.
    """
    is_latest = state.counts or state.application or state.applications
    fields: dict[str, object] = {
        "v": FORMAT if is_latest else _EARLIER,
        "vault": state.vault,
        "written": moment(state.written),
        "rules": state.rules,
        "secret": state.secret,
        "own": state.own,
        "uid": state.uid,
        "secrets": dict(sorted(map(_encoded, state.secrets.items()))),
        "overruled": state.overruled,
        "others": dict(sorted(state.others.items())),
        "application": state.application,
        "applications": dict(sorted(state.applications.items())),
        "due": {str(n): each.due for n, each in sorted(state.secrets.items()) if each.due},
        "labels": grouped(
            {name: map(label_text, record.labels) for name, record in state.secrets.items()}
        ),
    }
    fields = {name: value for name, value in fields.items() if value or name == "secrets"}
    text = _json(fields)
    if counts := _by_count(state.counts, _MAX_BYTES - len(text) - _HEADING):
        text = _json({**fields, "counts": counts})
    room = min(MAX_REFUSED_BYTES, _MAX_BYTES - len(text))
    told, unnamed = _grouped(state.refused, room)
    unnamed += state.unnamed
    more: dict[str, object] = {"refused": told} if told else {}
    more |= {"unnamed": unnamed} if unnamed else {}
    room = min(MAX_WARNED_BYTES, _MAX_BYTES - len(text) - len(_json(more)))
    if warned := grouped({name: r.warnings for name, r in state.secrets.items()}, room):
        more["warnings"] = warned
    room = min(MAX_UNUSABLE_BYTES, _MAX_BYTES - len(text) - len(_json(more)))
    if unusable := _fitting(state.unusable, room):
        more["unusable"] = unusable
    if state.failure is not None:
        more["failure"] = [state.failure.reason.value, state.failure.since]
    return f"{text[:-1]},{_json(more)[1:]}" if more else text


def decode(text: str) -> State | None:
    """Decode the annotation; None if the app did not write it: then every value is read again."""
    try:
        fields = json.loads(text)
        vault = _matching(AZURE_NAME, fields["vault"])
        if _count(fields.get("v", 1)) > FORMAT:
            return State(vault, 0, {}, newer=True)
        return State(
            vault=vault,
            written=_epoch(int(datetime.fromisoformat(fields["written"]).timestamp())),
            rules=_matching(_DIGEST, fields.get("rules", "")),
            secrets=_with_groups(
                {
                    secret_name(name): _record(name, *record)
                    for name, record in fields["secrets"].items()
                },
                ungrouped(fields.get("warnings", {})),
                ungrouped(fields.get("labels", {})),
                {secret_name(name): _epoch(at) for name, at in fields.get("due", {}).items()},
            ),
            overruled=tuple(_matching(_UID, uid) for uid in fields.get("overruled", ())),
            others={
                _matching(SECRET_NAME, secret): tuple(map(secret_name, names))
                for secret, names in fields.get("others", {}).items()
            },
            refused=dict(_refusals(fields.get("refused", ()))),
            unnamed=_count(fields.get("unnamed", 0)),
            failure=_failure(*fields["failure"]) if "failure" in fields else None,
            unusable={
                secret_name(name): Unusable(*map(_epoch, times))
                for name, times in fields.get("unusable", {}).items()
            },
            secret=_matching(SECRET_NAME, fields["secret"]) if "secret" in fields else "",
            own=_matching(SECRET_NAME, fields["own"]) if "own" in fields else "",
            uid=_matching(_UID, fields["uid"]) if "uid" in fields else "",
            counts=dict(_counts(fields.get("counts", {}))),
            applications={
                _matching(SECRET_NAME, secret): _matching(_APPLICATION, application)
                for secret, application in fields.get("applications", {}).items()
            },
            application=(
                _matching(_APPLICATION, fields["application"]) if "application" in fields else ""
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _encoded(each: tuple[SecretName, Record]) -> tuple[str, list[str | int]]:
    name, record = each
    if record.fingerprint:
        shape = [record.fingerprint, *record.keys]
        return str(name), [record.version, record.updated, int(record.settled), *shape]
    (key,) = record.keys  # spelled as in the vault
    unsettled = [] if record.settled else [0]
    return key, [record.version, record.updated, *unsettled]


def _grouped(refused: Mapping[SecretName, Refusal], room: int) -> tuple[list[object], int]:
    """Return the refusals that fit, and how many do not."""
    groups: defaultdict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    unnamed = 0
    for name, each in sorted(refused.items()):
        what = f"{each.version[:_SHORT]}.{each.updated:x}{_TAGGED if each.tagged else ''}"
        what += f"-{each.due:x}" if each.due else ""
        group = (each.reason.value, each.since)
        room -= len(name) + len(what) + 6 + (0 if group in groups else len(each.reason) + 20)
        if room < 0:
            unnamed += 1
        else:
            groups[group][str(name)] = what
    return [[*group, names] for group, names in sorted(groups.items())], unnamed


def _by_count(counts: Mapping[str, Count], room: int) -> Mapping[str, list[str]]:
    """Return the keys by count, of the latest counts as many as fit."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key, count in sorted(counts.items(), key=lambda each: (-each[1].at, each[0])):
        word = f"{count.at}{'' if count.first else '+'}"
        room -= len(key) + 3 + (0 if word in groups else len(word) + 6)
        if room < 0:
            break
        groups[word].append(key)
    return dict(sorted(groups.items()))


def _fitting(unusable: Mapping[SecretName, Unusable], room: int) -> Mapping[str, list[int]]:
    """Return as many as fit, each as `[updated, due]`."""
    found: dict[str, list[int]] = {}
    for name, each in sorted(unusable.items()):
        room -= len(name) + 28
        if room >= 0:
            found[str(name)] = [each.updated, each.due]
    return found


def _with_groups(
    records: Mapping[SecretName, Record],
    warned: Mapping[SecretName, Sequence[str]],
    labelled: Mapping[SecretName, Sequence[str]],
    due: Mapping[SecretName, int],
) -> Mapping[SecretName, Record]:
    """Add warnings, labels and times to their records, without warnings of a later release."""
    words = {name: [_matching(_REASON, word) for word in said] for name, said in warned.items()}
    marks = {name: tuple(map(parsed_label, sorted(said))) for name, said in labelled.items()}
    return {
        name: replace(
            record,
            warnings=tuple(_REASONS[word] for word in words.get(name, ()) if word in _REASONS),
            labels=marks.get(name, ()),
            due=due.get(name, 0),
        )
        for name, record in records.items()
    }


def _record(
    name: object,
    version: object,
    updated: object,
    settled: object = 1,
    fingerprint: object = "",
    *keys: object,
) -> Record:
    named = tuple(_matching(_DATA_KEY, key) for key in keys)
    return Record(
        _matching(_VERSION, version),
        _epoch(updated),
        settled=bool(settled),
        keys=named if fingerprint else (_matching(_DATA_KEY, name),),
        fingerprint=_matching(_DIGEST, fingerprint),
    )


def _refusals(groups: Iterable[Sequence[object]]) -> Iterator[tuple[SecretName, Refusal]]:
    """Yield the refusals by secret, without those whose reason only a later release knows.

    Such a secret is read again: after a roll-back nothing else of the state is lost.
    """
    for word, since, names in groups:
        reason = _REASONS.get(_matching(_REASON, word))
        if not isinstance(names, dict):
            raise TypeError(type(names).__name__)
        if reason is not None:
            for name, what in names.items():
                yield secret_name(name), _refusal(reason, since, what)


def _refusal(reason: Reason, since: object, what: str) -> Refusal:
    of_version, dash, due = what.partition("-")
    version, _, updated = of_version.partition(".")
    return Refusal(
        reason,
        _epoch(since),
        _epoch(int(updated.removesuffix(_TAGGED), 16)),
        _matching(_VERSION, version),
        tagged=updated.endswith(_TAGGED),
        due=_epoch(int(due, 16)) if dash else 0,
    )


def _counts(groups: Mapping[object, Sequence[object]]) -> Iterator[tuple[str, Count]]:
    for word, keys in groups.items():
        at, plus, _ = _matching(_COUNT, word).partition("+")
        for key in keys:
            yield _matching(_DATA_KEY, key), Count(_epoch(int(at)), first=not plus)


def _failure(word: object, since: object) -> Failure | None:
    reason = _REASONS.get(_matching(_REASON, word))
    return None if reason is None else Failure(reason, _epoch(since))


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(type(value).__name__)
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(type(value).__name__)
    return value


def _epoch(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= LATEST:
        raise ValueError(type(value).__name__)
    return value
