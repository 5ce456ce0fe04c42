"""Decides whether a workload wants to be restarted, and for which of the keys that it reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sync.core.changes import Count, SyncedSecret
from sync.core.restarts import RestartRules, Scope
from sync.rollout.uses import Use
from sync.rollout.workloads import Workload

RESTART_ANNOTATION = "keyvault-sync/restart"

_YES, _NO, _ENV = "true", "false", "env"

type Secrets = Mapping[str, SyncedSecret]
"""The Secrets of a namespace that a reconcile visited, by name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a workload asks for: nothing, all its keys, or some.

    `unread` is a value of the annotation that means nothing. `env` leaves out what a running pod
    sees change by itself. `only` names Secrets, None for all.
    """

    opted: bool
    env: bool = False
    only: frozenset[str] | None = None
    unread: str | None = None

    def includes(self, use: Use) -> bool:
        """Return whether a change of what is used restarts the workload."""
        return (
            self.opted
            and not (self.env and use.live)
            and (self.only is None or use.secret in self.only)
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """A key that a workload reads; `count` is None for a key whose changes are not counted.

    `needed` says that its pods do not start without it, `opted` that its change restarts them, and
    `there` that the Secret has it.
    """

    secret: str
    key: str
    needed: bool
    opted: bool
    there: bool
    count: Count | None


def choice(workload: Workload, rules: RestartRules) -> Choice:
    """Return what the annotations of a workload and of its template ask for; `false` always wins.

    The further annotation of the settings opts in with `true`, or with a list of Secrets.
    """
    sources = (workload.annotations, workload.template_annotations)
    found = {each[RESTART_ANNOTATION] for each in sources if RESTART_ANNOTATION in each}
    if _NO in found:
        return Choice(opted=False)
    if unread := sorted(found - {_YES, _ENV}):
        return Choice(opted=False, unread=unread[0])
    if found or rules.scope is Scope.ALL:
        return Choice(opted=True, env=_ENV in found)
    others = [each[rules.annotation] for each in sources if rules.annotation in each]
    if _YES in others:
        return Choice(opted=True)
    named = {name.strip() for text in others for name in text.split(",")} - {"", _NO}
    return Choice(opted=bool(named), only=frozenset(named))


def readings(workload: Workload, chosen: Choice, secrets: Secrets) -> Iterator[Reading]:
    """Yield each key of these Secrets that a workload reads, once."""
    by_key: dict[tuple[str, str], list[Use]] = {}
    for use in workload.uses:
        secret = secrets.get(use.secret)
        if secret is None:
            continue
        for key in sorted(secret.keys) if use.key is None else [use.key]:
            by_key.setdefault((use.secret, key), []).append(use)
    for (name, key), uses in by_key.items():
        yield Reading(
            secret=name,
            key=key,
            needed=any(use.key is not None and not use.optional for use in uses),
            opted=any(map(chosen.includes, uses)),
            there=key in secrets[name].keys,
            count=secrets[name].counts.get(key),
        )
