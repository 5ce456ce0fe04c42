"""The command that waits until what a vault holds now is in the cluster."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import click

from sync.cli.documents import Document, child, is_refusal, items, place, text, words
from sync.cli.exits import Exit
from sync.cli.explain import why
from sync.cli.options import request, secret, vault
from sync.cli.session import Blocks, Session, View
from sync.cli.sources import Fields
from sync.cli.tables import Style, Table, total

WAIT_SECONDS = 300.0
POLL_SECONDS = 2.0
_ABSENT = "NoSuchSecret"

type Awaited = tuple[str, str]
"""A target's own Secret, and the name of a vault secret."""


@click.command()
@vault(required=True)
@secret
@click.pass_obj
def wait(session: Session, /, **given: object) -> Exit:
    """Wait until what the vault holds now is in the cluster.

    Looks first. The versions to wait for are those that the vault has when the command starts, of
    SECRET or of every secret that it lists then; a newer one does as well. A SECRET that the vault
    does not have yet is waited for. --timeout says for how long (300 seconds). Exit code 0: they
    are in; 1: one of them is refused, and waiting would not help; 2: the time is over.
    """
    fields = request(given)
    waiting = Waiting(session, fields, str(given.get("secret") or ""))
    seconds = session.timeout or WAIT_SECONDS
    # An app that does not answer is asked again here: what counts is the time as a whole.
    session.given.update(timeout=POLL_SECONDS, longest=seconds)
    deadline = time.monotonic() + seconds
    while True:
        code, document = waiting.look()
        left = deadline - time.monotonic()
        if code is not Exit.OUT_OF_STEP or left <= 0:
            break
        time.sleep(min(POLL_SECONDS, left))
    ended = code
    if is_refusal(document):
        shown = session.show(document, _VIEW)
        return shown if ended is Exit.FAILED else ended
    session.show(document, View(lambda _: ended, _VIEW.blocks, _VIEW.names, _complaints))
    return ended


@dataclass(slots=True)
class Waiting:
    """The versions waited for. `wanted` has each secret's that the vault had at some look since.

    A secret is waited for in each of the vault's targets: `names` and `arrived` are of both. A
    version's order cannot be told by its name; what the vault had at the start or later is no
    older than what it had at the start.
    """

    session: Session
    fields: Fields
    secret: str = ""
    names: frozenset[Awaited] | None = None
    wanted: dict[Awaited, set[str]] = field(default_factory=dict)
    arrived: set[Awaited] = field(default_factory=set)

    def look(self) -> tuple[Exit, Document]:
        """Return how it stands; OUT_OF_STEP as long as waiting may help."""
        told = self.session.ask("explain", self.fields)
        if is_refusal(told):
            absent = bool(self.secret) and text(told, "reason") == _ABSENT
            passing = told.get("transient") is True or absent
            return (Exit.OUT_OF_STEP if passing else Exit.FAILED), told
        found = {(place(each), text(each, "name")): each for each in items(told, "secrets")}
        if self.names is None:
            out = {name for name, each in found.items() if text(each, "state") == "out"}
            # One that is asked for and left out of every target would never come: that is told.
            waits_for_all = bool(self.secret) and out == found.keys()
            self.names = frozenset(found) - (frozenset() if waits_for_all else out)
        for name in self.names - self.arrived:
            if name in found and self._is_in(found[name]):
                self.arrived.add(name)
        permanent: Mapping[Awaited, bool] = {}
        if left := self.names - self.arrived:
            permanent = self._plan({name: found[name] for name in left if name in found})
        for name in left:
            if name in found and text(found[name], "version") in self.wanted.get(name, ()):
                self.arrived.add(name)
        rows = [self._row(name, found.get(name, {"name": name[1]})) for name in sorted(self.names)]
        document = {"vault": text(told, "vault"), "secrets": rows}
        left = self.names - self.arrived
        if any(_hopeless(found.get(name, {}), permanent.get(name)) for name in left):
            return Exit.FAILED, document
        return (Exit.OUT_OF_STEP if left else Exit.IN_STEP), document

    def _is_in(self, told: Document) -> bool:
        """Return whether a secret is in; of the one that is asked for, in its newest version."""
        stands_in = bool(self.secret) and bool(text(told, "due"))
        return text(told, "state") == "in step" and not stands_in

    def _plan(self, left: Mapping[Awaited, Document]) -> Mapping[Awaited, bool]:
        """Note the versions that a write would bring; return which secrets are refused for good."""
        planned = self.session.ask("plan", self.fields)
        permanent: dict[Awaited, bool] = {}
        for outcome in items(planned, "outcomes"):
            target, own = place(outcome), text(child(outcome, "target"), "secret")
            of_target = {
                name: told for name, told in left.items() if not target or name[0] in {"", target}
            }
            for change in items(outcome, "changes"):
                version, secret = text(change, "version"), text(change, "secret") or own
                for name, told in of_target.items():
                    ours = secret in words(told, "secrets") and text(change, "key") in words(
                        told, "keys"
                    )
                    if ours and version:
                        self.wanted.setdefault(name, set()).add(version)
            for each in items(outcome, "refused"):
                for name in of_target:
                    if name[1] == text(each, "secret"):
                        permanent[name] = each.get("transient") is False
        return permanent

    def _row(self, name: Awaited, told: Document) -> Document:
        state = "in step" if name in self.arrived else text(told, "state") or "gone"
        told = {**told, "state": state}
        if state == "in step":
            return {**told, "reason": None, "message": None}
        return told


def _is_out(told: Document) -> bool:
    """Return whether a secret stays out: nothing says when it would come."""
    return text(told, "state") == "out" and not text(told, "due")


def _hopeless(told: Document, permanent: bool | None) -> bool:  # noqa: FBT001 - as it was told
    """Return whether no waiting helps: it is left out, gone, or refused until somebody acts."""
    if not told or _is_out(told):
        return True
    if text(told, "state") != "failed":
        return False
    return _is_permanent(text(told, "reason")) if permanent is None else permanent


def _is_permanent(reason: str) -> bool:
    from sync.core.groups import Group  # noqa: PLC0415 - --help does without
    from sync.core.reasons import Reason  # noqa: PLC0415 - likewise

    known = [each for each in Reason if each == reason]  # none, if of a newer app
    return any(each.group not in {Group.TRANSIENT, Group.BUG} for each in known)


def _blocks(document: Document, style: Style) -> Blocks:
    del style
    told = items(document, "secrets")
    rows = [
        [text(each, "name"), text(each, "version"), text(each, "state"), why(each)] for each in told
    ]
    yield Table(("NAME", "VERSION", "STATE", "WHY"), rows)
    yield total("secret", (text(each, "state") for each in told))


def _names(document: Document) -> Sequence[str]:
    return [text(each, "name") for each in items(document, "secrets")]


def _complaints(document: Document) -> Iterable[str]:
    for each in items(document, "secrets"):
        if text(each, "state") != "in step":
            told = why(each) or text(each, "state")
            yield f"{text(document, 'vault')}/{text(each, 'name')}: {told}"


_VIEW = View(lambda _: Exit.FAILED, _blocks, _names, _complaints)
