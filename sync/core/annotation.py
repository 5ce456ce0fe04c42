"""What the Secret's annotation remembers of each vault secret, and its one text form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_YEAR_2500 = 16_725_225_600
SECRET_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,251}[a-z0-9])?", re.ASCII)
"""What the app calls a Secret. Any other text could lead a URL out of the namespace."""


@dataclass(frozen=True, slots=True)
class Record:
    """The version written and the vault's `updated` of it, epoch seconds.

    `settled` is false where the secret was read within seconds of `updated`: that has whole
    seconds, so the secret may have changed again unseen, and the next pass reads it again. It is
    also false while another vault secret claims one of its keys.
    """

    version: str
    updated: int
    settled: bool
    fingerprint: str = ""
    """Which rules and tags made keys of it; empty for one key of its very name."""
    named: tuple[str, ...] = ()
    """Those keys, also one that it shares a claim to; not written down without a fingerprint."""

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the data keys that the vault secret of that name became."""
        return self.named if self.fingerprint else (name,)


@dataclass(frozen=True, slots=True)
class State:
    """Whose Secret it is, when its data last changed (ISO 8601), and a record a vault secret.

    `overruled` are the uids of the owners that were there when an operator took the Secret anyway.
    `others` are the vault's further Secrets, each with the vault secrets that it holds; the vault's
    own Secret remembers them.
    """

    vault: str
    written: str
    secrets: Mapping[str, Record]
    overruled: tuple[str, ...] = ()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def encode(state: State) -> str:
    """Write the annotation; equal states give equal texts.

    A record is `[version, updated]`, and `[version, updated, 0]` until it is settled. One that is
    marked is `[version, updated, 0 or 1, mark, key, …]`.
    """
    secrets = {name: _encoded(record) for name, record in sorted(state.secrets.items())}
    overruled = {"overruled": state.overruled} if state.overruled else {}
    others = {"others": dict(sorted(state.others.items()))} if state.others else {}
    return json.dumps(
        {
            "vault": state.vault,
            "written": state.written,
            "secrets": secrets,
            **overruled,
            **others,
        },
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
                _string(name): _record(version, updated, *rest)
                for name, (version, updated, *rest) in fields["secrets"].items()
            },
            overruled=tuple(_string(uid) for uid in fields.get("overruled", ())),
            others={
                _secret(secret): tuple(_string(name) for name in names)
                for secret, names in fields.get("others", {}).items()
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _encoded(record: Record) -> list[str | int]:
    if record.fingerprint:
        return [
            record.version,
            record.updated,
            int(record.settled),
            record.fingerprint,
            *record.named,
        ]
    if record.settled:
        return [record.version, record.updated]
    return [record.version, record.updated, 0]


def _record(
    version: object,
    updated: object,
    settled: object = 1,
    fingerprint: object = "",
    *named: object,
) -> Record:
    return Record(
        _string(version),
        _epoch(updated),
        settled=bool(settled),
        fingerprint=_string(fingerprint),
        named=tuple(_string(key) for key in named) if fingerprint else (),
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    value.encode()  # a lone surrogate, which JSON can hold, could not be told to anybody
    return value


def _secret(name: str) -> str:
    if not SECRET_NAME.fullmatch(name):
        raise ValueError(name)
    return name


def _epoch(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < _YEAR_2500:
        raise ValueError(type(value).__name__)
    return value
