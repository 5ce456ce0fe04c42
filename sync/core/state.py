"""What the app remembers of each vault secret, on the Secret itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.core.changes import Count
from sync.core.labels import Labels
from sync.core.model import SecretName
from sync.core.reasons import Reason

LATEST = 16_725_225_599
"""The latest time that is stored, in epoch seconds: the year 2500."""

POSTPONED_SECONDS = 3600
"""How long the app waits before it retries a value that was too much work for one pass."""


@dataclass(frozen=True, slots=True)
class Record:
    """The version written and the vault's `updated` time of it, in epoch seconds.

    `settled` is false if the secret was read within seconds of `updated`: that time has whole
    seconds, so the secret may have changed again unnoticed, and the next pass reads it again.
    `keys` are the data keys that it became. `fingerprint` identifies the rules and tags that made
    them; it is empty for a single key with the secret's own name. `warnings` are what was odd about
    the value. If the vault has a newer version that may not be used yet, `updated` is of that one,
    and `due` is when another one may be used, in epoch seconds, 0 if no time is known. `labels` are
    those that its tags ask for.
    """

    version: str
    updated: int
    settled: bool
    keys: tuple[str, ...]
    fingerprint: str = ""
    warnings: tuple[Reason, ...] = ()
    labels: Labels = ()
    due: int = 0

    @property
    def stands_in(self) -> bool:
        """Whether the vault has a newer version that may not be used yet."""
        return bool(self.due) or Reason.CERTIFICATE_PENDING in self.warnings


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a vault secret is refused, since when (epoch seconds), and which state of it.

    `updated` is the vault's time of what was refused; `version` its first eight characters, empty
    if it was refused before it was fetched, or may have changed again within its second. `tagged`
    says that tags of ours shaped or placed it. `due` is when another version than the refused one
    may be used by time alone, in epoch seconds, 0 if no time is known.
    """

    reason: Reason
    since: int
    updated: int
    version: str = ""
    tagged: bool = False
    due: int = 0

    def is_still_held(self, now: float) -> bool:
        """Return whether it holds until something changes; a postponed value is only delayed."""
        if 0 < self.due <= now:
            return False
        return (
            self.reason is not Reason.CERTIFICATE_POSTPONED or now - self.since < POSTPONED_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last pass could not read the vault, and since when in epoch seconds."""

    reason: Reason
    since: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """A vault secret whose newest version may not be used yet, and of which no other one is.

    `updated` is the vault's time when that was found, and `due` when it may change by time alone,
    0 if no time is known; both in epoch seconds.
    """

    updated: int
    due: int = 0

    def holds(self, updated: int, now: float) -> bool:
        """Return whether nothing has changed since, neither the vault nor what is valid."""
        return self.updated == updated and not 0 < self.due <= now


@dataclass(frozen=True, slots=True)
class State:
    """The Secret's vault, when its data last changed (epoch seconds), and one record per secret.

    `rules` is the digest of the settings in force at the write. `overruled` are the uids of the
    owners that an operator overrode in a takeover. `secret` and `uid` are those of the Secret that
    was written: a copy has another name, and one restored from a backup another uid. Each is empty
    if unknown. `own` is the vault's own Secret that a further one belongs to, empty for the own one
    or if unknown. Only the vault's own Secret stores `others`, the vault's further Secrets with the
    vault secrets in each, and `refused`, the refused secrets with `unnamed` more that had no room,
    and `failure` of the vault as a whole. `unusable` are those whose newest version may not be used
    yet and of which no other is. A `newer` state has a later format, of which only the vault is
    known. `counts` say by data key of this Secret when its value last changed, where that is
    counted. Only the vault's own Secret stores `applications`: the application of each Secret that
    was made for one, as `kind/name`. `application` is the one that this Secret was made for.
    """

    vault: str
    written: int
    secrets: Mapping[SecretName, Record]
    rules: str = ""
    overruled: tuple[str, ...] = ()
    others: Mapping[str, tuple[SecretName, ...]] = field(default_factory=dict)
    refused: Mapping[SecretName, Refusal] = field(default_factory=dict)
    unnamed: int = 0
    failure: Failure | None = None
    unusable: Mapping[SecretName, Unusable] = field(default_factory=dict)
    newer: bool = False
    secret: str = ""
    own: str = ""
    uid: str = ""
    counts: Mapping[str, Count] = field(default_factory=dict)
    applications: Mapping[str, str] = field(default_factory=dict)
    application: str = ""
