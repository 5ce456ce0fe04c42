"""Breakages of the protocol, each a line of the product rewritten, which the model has to catch."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType, ModuleType
from unittest import mock

from sync.reconcile import desired as contents
from sync.reconcile import reconciler as reconcile
from sync.reconcile import vault_reader as reading
from sync.reconcile.observed import ObservedVault
from sync.reconcile.plan import ObservedSecret
from sync.reconcile.reconciler import Reconciler
from sync.reconcile.vault_reader import VaultReader
from tests.model import killers
from tests.model.steps import Step


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line of a function replaced by another; `breaks` says what that means.

    `killer` is a history in which it breaks `rule`; the product as it is breaks none in it.
    """

    name: str
    breaks: str
    holder: type | ModuleType
    function: str
    line: str
    instead: str
    rule: str
    killer: tuple[Step, ...]

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Run the broken code meanwhile."""
        with mock.patch.object(self.holder, self.function, self._broken()):
            yield

    def _broken(self) -> object:
        held = inspect.getattr_static(self.holder, self.function)
        whole = held.func if isinstance(held, cached_property) else held
        assert isinstance(whole, FunctionType)
        source = textwrap.dedent(inspect.getsource(whole))
        assert source.count(self.line) == 1, f"{self.name}: the line is not there, or twice"
        start = source[: source.index(self.line)].rpartition("\n")[2]
        indent = start[: len(start) - len(start.lstrip())]
        tree = ast.parse(source.replace(self.line, self.instead.replace("\n", f"\n{indent}")))
        scope = dict(whole.__globals__)
        exec(compile(tree, f"<{self.name}>", "exec"), scope)  # noqa: S102 - the product's own lines
        made = scope[whole.__name__]
        if isinstance(made, cached_property):  # its decorator came along
            made.__set_name__(type(self), self.function)
        return made


_REVISION = "revision = actual.resource_version if actual else CREATE_ONLY"
_APPLY = "self.cluster.apply(target, plan.apply, revision, deadline)"
_LISTING = "listing = self.vaults.list(holdings.target.vault, deadline)"

MUTANTS = (
    Mutant(
        "vault first",
        "the revision is read after the vault",
        Reconciler,
        "_write",
        _REVISION,
        "late = self.cluster.read(target, deadline)\n"
        "revision = late.resource_version if late else CREATE_ONLY",
        "newer",
        killers.VAULT_FIRST,
    ),
    Mutant(
        "no precondition",
        "the write goes out without a resourceVersion",
        Reconciler,
        "_write",
        _REVISION,
        'revision = ""',
        "newer",
        killers.RACE,
    ),
    Mutant(
        "no create-only",
        "what was absent is written whatever is there by then",
        Reconciler,
        "_write",
        "if actual else CREATE_ONLY",
        'if actual else ""',
        "newer",
        killers.RACE_TO_CREATE,
    ),
    Mutant(
        "no uid",
        "what was deleted meanwhile is made anew by the old plan",
        reconcile,
        "diff",
        'uid=actual.uid if actual else "",',
        "",
        "planned",
        killers.DELETED,
    ),
    Mutant(
        "old plan again",
        "after a conflict the same plan is written on what is there by then",
        Reconciler,
        "_write",
        _APPLY,
        f"try:\n    {_APPLY}\nexcept Conflict:\n"
        "    late = self.cluster.read(target, deadline)\n"
        "    revision = late.resource_version if late else CREATE_ONLY\n"
        f"    {_APPLY}",
        "newer",
        killers.RACE,
    ),
    Mutant(
        "conflict ignored",
        "a write that lost its race is taken for done",
        Reconciler,
        "_write",
        _APPLY,
        f"try:\n    {_APPLY}\nexcept Conflict:\n    pass",
        "told",
        killers.LOST_RACE,
    ),
    Mutant(
        "no settled second",
        "`updated` is trusted within its own second",
        VaultReader,
        "_get",
        "settled = secret.read_at - secret.updated >= SETTLED_SECONDS",
        "settled = True",
        "told",
        killers.SAME_SECOND,
    ),
    Mutant(
        "no freshness",
        "a lagging vault's older version replaces the one that was written",
        VaultReader,
        "_get",
        "if record and secret.updated < record.updated and self._fresh(record.updated):",
        "if False:",
        "newer",
        killers.LAG,
    ),
    Mutant(
        "the event's version",
        "what the event names is written, not what the vault serves",
        VaultReader,
        "_get",
        "self.vaults.get(holdings.target.vault, name, errand.deadline)",
        "self.vaults.get(holdings.target.vault, name, errand.deadline, hint and hint.version)",
        "newer",
        killers.LATE_EVENT,
    ),
    Mutant(
        "failed listing is empty",
        "a vault that cannot be listed is taken to have nothing",
        VaultReader,
        "whole",
        _LISTING,
        f"try:\n    {_LISTING}\nexcept Transient:\n    listing = ()",
        "present",
        killers.VAULT_DOWN,
    ),
    Mutant(
        "failed get is absence",
        "a secret that could not be fetched loses its keys",
        VaultReader,
        "whole",
        "now = self.now()",
        "absent |= {name for name, got in fetched.items() if isinstance(got, Transient)}\n"
        "unread = dict(wrong)\n"
        "now = self.now()",
        "present",
        killers.GET_FAILS,
    ),
    Mutant(
        "wrong tags are absence",
        "a secret whose tags are wrong loses its keys",
        VaultReader,
        "whole",
        "gone=self._gone(holdings, placed.keys() - absent, unread)",
        "gone=self._gone(holdings, placed.keys() - absent, ())",
        "present",
        killers.WRONG_TAG,
    ),
    Mutant(
        "no way between",
        "what moves leaves its old Secret before the new one has it",
        contents._Part,  # noqa: SLF001 - the line is there
        "_sort",
        "elif not holdings.holds(place, spelled):",
        "elif False:",
        "moved",
        killers.MOVE,
    ),
    Mutant(
        "no doubt",
        "keys of a Secret whose state was lost go before what moves is in its new place",
        contents._Part,  # noqa: SLF001 - likewise
        "_left",
        "if self._underway or self._doubtful",
        "if self._doubtful",
        "moved",
        killers.MOVE_WITHOUT_STATE,
    ),
    Mutant(
        "no index",
        "the vault's own Secret does not remember the others",
        contents,
        "_others",
        "if secret != holdings.target.secret and records:",
        "if False:",
        "agrees",
        killers.LEFT_IN_OTHER,
    ),
    Mutant(
        "last one wins",
        "a key that two secrets claim goes to the later one",
        contents._Part,  # noqa: SLF001 - likewise
        "clashes",
        "if len(names) > 1}",
        "if len(names) > 2}",
        "present",
        killers.CLASH,
    ),
    Mutant(
        "drift unseen",
        "keys that somebody else changed are taken for intact",
        ObservedVault,
        "holds",
        "and _is_intact(standing, name)",
        "",
        "agrees",
        killers.DRIFT,
    ),
    Mutant(
        "overlay unseen",
        "a key that somebody else applied as stringData is taken for intact",
        ObservedSecret,
        "records",
        "settled=record.settled and sure(record.keys(name))",
        "settled=record.settled",
        "agrees",
        killers.OVERLAID,
    ),
    Mutant(
        "no guard",
        "an empty listing takes all away",
        VaultReader,
        "whole",
        "if self.prune and not self.removals:",
        "if False:",
        "guard",
        killers.EMPTIED,
    ),
    Mutant(
        "foreign taken",
        "a Secret that somebody else claims is taken unasked",
        Reconciler,
        "_stand",
        "if actual is not None:",
        "if False:",
        "foreign",
        killers.CLAIMED,
    ),
    Mutant(
        "dry run writes",
        "a dry run is none",
        Reconciler,
        "_write",
        "if plan.apply is None or progress.work.dry_run:",
        "if plan.apply is None:",
        "dry",
        killers.DRY_RUN,
    ),
    Mutant(
        "case matters",
        "two spellings of one name are two secrets",
        reading,
        "latest",
        "found[secret.name.lower()]",
        "found[secret.name]",
        "agrees",
        killers.TWO_SPELLINGS,
    ),
)
"""All of them; `docs/proof.md` tells what caught each."""
