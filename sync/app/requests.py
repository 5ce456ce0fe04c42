"""Parses what an operator requests, from JSON over HTTP or from the command line."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sync.core.errors import Malformed
from sync.core.model import OBJECT_NAME, Target
from sync.core.reasons import Reason
from sync.core.vault_names import AZURE_NAME

MAX_BODY_LENGTH = 16 * 1024

_FIELD = re.compile(r"[a-zA-Z_-]{1,20}", re.ASCII)
_FLAGS = ("dry_run", "removals", "takeover", "refetch")
_CHOICES = ("vault", "target", "project", "stage")
_OF_THE_HOST = ("code", "clientid")
"""Parameters of a query that the Functions host reads: a key and its name."""
_FIELDS = frozenset(
    {"vault", "target", "project", "stage", "all", "secret", "takeover_from", *_FLAGS}
)
_FORM = (
    'Send JSON with one of {"vault": NAME}, {"project": P, "stage": S} or {"all": true}, and '
    'optionally "secret": NAME, "dry_run": true, "removals": true, "takeover": true, "refetch": '
    'true; with "vault" also "target": "NAMESPACE/SECRET" and "takeover_from": NAME.'
)


@dataclass(frozen=True, slots=True)
class Resync:
    """The vaults to reconcile, and how: one vault, a project's stage, or all (if none is named).

    `target` is one of the vault's targets, as NAMESPACE/SECRET or CLUSTER/NAMESPACE/SECRET.
    `removals` allows more removals than the guard does, `refetch` reads every value again,
    `takeover` takes a Secret that somebody else created or manages, and `takeover_from` takes the
    Secret of the vault with this name, which must be gone.
    """

    vault: str | None = None
    target: str | None = None
    project: str | None = None
    stage: str | None = None
    secret: str | None = None
    dry_run: bool = False
    removals: bool = False
    takeover: bool = False
    takeover_from: str | None = None
    refetch: bool = False

    def means(self, target: Target) -> bool:
        """Return whether one of the vaults' targets is meant."""
        if self.target is not None:
            short = f"{target.namespace}/{target.secret}"
            return self.target in {short, f"{target.cluster}/{short}"}
        if self.project is None or self.stage is None:
            return True
        return (target.project, target.stage) == (self.project.lower(), self.stage.lower())


EVERYTHING = Resync()


def parse_resync(body: bytes) -> Resync:
    """Parse a resync request; raises Malformed."""
    fields = _object(body)
    if unknown := fields.keys() - _FIELDS:
        field = min(unknown)
        told = f" {field!r}" if _FIELD.fullmatch(field) else ""
        raise Malformed(Reason.REQUEST_MALFORMED, f"Unknown field{told}. {_FORM}")
    return _resync(fields)


def parse_plan(query: Mapping[str, str]) -> Resync:
    """Parse the query of a plan, which has the fields of a resync; raises Malformed."""
    _refuse_unknown(query, _FIELDS)
    fields: dict[str, object] = {}
    for name in _FIELDS & query.keys() - {"dry_run"}:
        text = query[name].strip()
        if text:
            is_flag = name in {*_FLAGS, "all"} and text.lower() in {"true", "false"}
            fields[name] = text.lower() == "true" if is_flag else text
    if fields.get("all") is False:
        del fields["all"]
    return _resync({**fields, "dry_run": True})


def _resync(fields: Mapping[str, object]) -> Resync:
    selectors = [
        "vault" in fields,
        "project" in fields or "stage" in fields,
        "all" in fields,
    ]
    if selectors.count(True) != 1 or fields.get("all", True) is not True:
        raise Malformed(
            Reason.REQUEST_MALFORMED, f"Exactly one choice of vaults is needed. {_FORM}"
        )
    resync = Resync(
        vault=_text(fields, "vault"),
        target=_target(fields),
        project=_text(fields, "project"),
        stage=_text(fields, "stage"),
        secret=_secret(_text(fields, "secret")),
        dry_run=_flag(fields, "dry_run"),
        removals=_flag(fields, "removals"),
        takeover=_flag(fields, "takeover"),
        takeover_from=_former_vault(_text(fields, "takeover_from")),
        refetch=_flag(fields, "refetch"),
    )
    if (resync.project is None) != (resync.stage is None):
        raise Malformed(Reason.REQUEST_MALFORMED, f"project and stage go together. {_FORM}")
    if resync.takeover_from is not None and resync.vault is None:
        raise Malformed(
            Reason.REQUEST_MALFORMED, f"takeover_from is for one vault, by its name. {_FORM}"
        )
    return resync


def parse_status(query: Mapping[str, str]) -> Resync:
    """Parse the query of a status; raises Malformed.

    It means all vaults, a project's stage, one vault, or one secret of it. An empty parameter is
    absent: the Functions host does not pass it on.
    """
    _refuse_unknown(query, (*_CHOICES, "secret"))
    vault, secret = query.get("vault") or None, query.get("secret") or None
    if vault is None and secret is None:
        return parse_doctor({name: query[name] for name in _CHOICES if name in query})
    if query.get("project") or query.get("stage"):
        raise Malformed(Reason.REQUEST_MALFORMED, "Name a vault, or project and stage, not both.")
    if secret is not None and vault is None:
        raise Malformed(
            Reason.REQUEST_MALFORMED, "secret is one of a vault: name the vault as well."
        )
    target = _target({"vault": vault, "target": query["target"]} if query.get("target") else {})
    return Resync(vault=vault, target=target, secret=_secret(secret and secret.strip()))


def parse_explain(query: Mapping[str, str]) -> Resync:
    """Parse the query of an explanation: a vault, or one of its secrets; raises Malformed."""
    request = parse_status(query)
    if request.vault is None:
        raise Malformed(Reason.REQUEST_MALFORMED, "vault is missing: name the vault to explain.")
    return request


def parse_doctor(query: Mapping[str, str]) -> Resync:
    """Parse the query of an examination: a vault, a project's stage, or all; raises Malformed."""
    _refuse_unknown(query, _CHOICES)
    given = {name: query[name].strip() for name in _CHOICES if name in query}
    chosen = {name: text for name, text in given.items() if text}
    return _resync(chosen) if chosen else Resync()


def _refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    """Raise Malformed for a parameter that nobody reads, unless it is the host's own."""
    unknown = {name for name in query if name.lower() not in _OF_THE_HOST} - {*known}
    if unknown:
        name = min(unknown)
        told = f" {name!r}" if _FIELD.fullmatch(name) else ""
        raise Malformed(
            Reason.REQUEST_MALFORMED,
            f"Unknown parameter{told}: known are {', '.join(sorted(known))}.",
        )


def _object(body: bytes) -> dict[str, object]:
    if len(body) > MAX_BODY_LENGTH:
        raise Malformed(
            Reason.REQUEST_MALFORMED, f"The body is over {MAX_BODY_LENGTH} bytes. {_FORM}"
        )
    try:
        fields = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        what = "JSON"
    else:
        if isinstance(fields, dict):
            return fields
        what = "a JSON object"
    # Outside the except clause: a JSON error contains the body.
    raise Malformed(Reason.REQUEST_MALFORMED, f"The body is not {what}. {_FORM}")


def _secret(name: str | None) -> str | None:
    if name is not None and not OBJECT_NAME.fullmatch(name):
        raise Malformed(
            Reason.REQUEST_MALFORMED,
            "secret is no Key Vault secret name (1 to 127 of 0-9, a-z, A-Z and '-').",
        )
    return name


def _target(fields: Mapping[str, object]) -> str | None:
    target = _text(fields, "target")
    if target is not None and not fields.get("vault"):
        raise Malformed(
            Reason.REQUEST_MALFORMED, f"target is one of a vault: name the vault as well. {_FORM}"
        )
    return target


def _former_vault(name: str | None) -> str | None:
    """Parse the name of a former vault, which need not match today's pattern."""
    if name is None:
        return None
    if not name.isascii() or not AZURE_NAME.fullmatch(name.lower()):
        raise Malformed(Reason.REQUEST_MALFORMED, f"takeover_from is no vault's name. {_FORM}")
    return name.lower()


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Malformed(Reason.REQUEST_MALFORMED, f"A field occurs twice. {_FORM}")
    return fields


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if name in fields and (not isinstance(value, str) or not value.strip()):
        raise Malformed(Reason.REQUEST_MALFORMED, f"{name} must be text that is not empty. {_FORM}")
    return value.strip() if isinstance(value, str) else None


def _flag(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise Malformed(Reason.REQUEST_MALFORMED, f"{name} must be true or false. {_FORM}")
    return value
