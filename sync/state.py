"""What the Secret's annotation remembers of each vault secret, and its one text form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

_YEAR_2500 = 16_725_225_600


@dataclass(frozen=True, slots=True)
class Record:
    """The version written and the vault's `updated` of it, epoch seconds.

    `settled` is false where the secret was read within seconds of `updated`: that has whole
    seconds, so the secret may have changed again unseen, and the next pass reads it again.
    """

    version: str
    updated: int
    settled: bool


@dataclass(frozen=True, slots=True)
class State:
    """Whose Secret it is, when its data last changed (ISO 8601), and a record a vault secret.

    `overruled` are the uids of the owners that were there when an operator took the Secret anyway.
    """

    vault: str
    written: str
    secrets: Mapping[str, Record]
    overruled: tuple[str, ...] = ()


def encode(state: State) -> str:
    """Write the annotation; equal states give equal texts.

    A record is `[version, updated]`, and `[version, updated, 0]` until it is settled.
    """
    secrets = {
        name: [record.version, record.updated]
        if record.settled
        else [record.version, record.updated, 0]
        for name, record in sorted(state.secrets.items())
    }
    overruled = {"overruled": state.overruled} if state.overruled else {}
    return json.dumps(
        {"vault": state.vault, "written": state.written, "secrets": secrets, **overruled},
        separators=(",", ":"),
    )


def decode(text: str) -> State | None:
    """Read the annotation; None for one that we did not write, whose Secret is then read anew."""
    try:
        fields = json.loads(text)
        return State(
            vault=_string(fields["vault"]),
            written=_string(fields["written"]),
            secrets={
                name: Record(_string(version), _epoch(updated), not unsettled)
                for name, (version, updated, *unsettled) in fields["secrets"].items()
            },
            overruled=tuple(_string(uid) for uid in fields.get("overruled", ())),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _epoch(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < _YEAR_2500:
        raise ValueError(type(value).__name__)
    return value
