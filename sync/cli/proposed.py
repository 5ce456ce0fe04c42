"""Shows the tags that `adopt --external-secret` proposes."""

import shlex
from collections.abc import Sequence

import click

from sync.cli.documents import Document, child, items, text, words
from sync.cli.exits import Exit
from sync.cli.external_secrets.manifests import Fields, Unreadable, read
from sync.cli.external_secrets.proposals import Proposal, Proposals, propose
from sync.cli.session import Blocks, View
from sync.cli.tables import Style, Table, printable
from sync.core.model import Target
from sync.projection.rules import Rules

_REPLACES = (
    "Nothing was written. The tags of a command replace all that the secret has, and a new version "
    "needs them as well.\n"
)


def manifests(name: str, given: str) -> Sequence[Fields]:
    """Return the objects of a file; raises UsageError."""
    try:
        found = read(given)
    except Unreadable as why:
        raise click.UsageError(f"--external-secret: {name} cannot be used: {why}.") from why
    if not any(str(each.given.get("kind")).endswith("ExternalSecret") for each in found):
        raise click.UsageError(
            f"--external-secret: {name} holds no ExternalSecret. kubectl get externalsecret -n "
            "NAMESPACE -o yaml prints them."
        )
    return found


def proposals_json(objects: Sequence[Fields], rules: Rules, target: Target) -> Document:
    """Return what is proposed for the vault of the target."""
    found = propose(objects, rules, target)
    return {
        "vault": target.vault.text,
        "proposals": [_json(each, target) for each in found.proposed],
        "unfit": [{"name": name, "why": list(why)} for name, why in found.unfit.items()],
        "elsewhere": [{"name": name, "why": [why]} for name, why in found.elsewhere.items()],
        "notes": list(_notes(found)),
    }


def _json(proposal: Proposal, target: Target) -> Document:
    return {
        "secret": proposal.secret,
        "tags": dict(proposal.tags),
        "keys": list(proposal.keys),
        "secrets": list(proposal.secrets),
        "asked_by": list(proposal.asked_by),
        "command": _command(proposal, target),
    }


def _command(proposal: Proposal, target: Target) -> str:
    """Return a line for a POSIX shell; empty if there is nothing to set."""
    if not proposal.tags:
        return ""
    tags = [f"{name}={value}" for name, value in proposal.tags.items()]
    vault, secret = target.vault.text, proposal.secret
    head = ["az", "keyvault", "secret", "set-attributes", "--vault-name", vault, "--name", secret]
    return shlex.join([*head, "--tags", *tags])


def _notes(found: Proposals) -> Sequence[str]:
    others = [
        f"The keys of {each.secret} go to Secret {', '.join(each.secrets)} until SYNC_SECRET_NAMES "
        f"allows {', '.join(each.wanted)}."
        for each in found.proposed
        if each.secrets != each.wanted
    ]
    return [*others, *found.notes]


def _blocks(document: Document, style: Style) -> Blocks:
    del style
    proposals = items(document, "proposals")
    yield Table(
        ("VAULT SECRET", "KEYS", "SECRET", "ASKED BY"),
        [
            (
                text(each, "secret"),
                ", ".join(words(each, "keys")) or "every member",
                ", ".join(words(each, "secrets")),
                ", ".join(words(each, "asked_by")),
            )
            for each in proposals
        ],
    )
    yield Table(
        ("VAULT SECRET", "NAME", "VALUE"),
        [
            (text(each, "secret"), name, text(child(each, "tags"), name))
            for each in proposals
            for name in child(each, "tags")
        ],
        folds=False,
    )
    yield "".join(f"{printable(line)}\n" for each in proposals if (line := text(each, "command")))
    for heading, part in (("NOTHING PROPOSED FOR", "unfit"), ("NOT OF THIS VAULT", "elsewhere")):
        yield Table(
            (heading, "WHY"),
            [
                (text(each, "name"), why)
                for each in items(document, part)
                for why in words(each, "why")
            ],
        )
    yield "".join(f"{printable(note)}\n" for note in words(document, "notes"))
    yield _REPLACES


def _code(document: Document) -> Exit:
    return Exit.OUT_OF_STEP if items(document, "unfit") else Exit.IN_STEP


def _names(document: Document) -> Sequence[str]:
    return [text(each, "secret") for each in items(document, "proposals")]


def _complaints(document: Document) -> Sequence[str]:
    return [
        f"{text(each, 'name')} {why}"
        for each in items(document, "unfit")
        for why in words(each, "why")
    ]


PROPOSALS = View(_code, _blocks, _names, _complaints)
