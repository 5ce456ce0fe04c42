"""Breakages of the protocol, each a line of the product rewritten, which the model has to catch."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType
from unittest import mock

from sync import contents, reading
from sync.holdings import Holdings
from sync.reading import Reader
from sync.reconcile import Reconciler


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line of a function replaced by another; `breaks` says what that means."""

    name: str
    breaks: str
    holder: type | ModuleType
    function: str
    line: str
    instead: str

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Run the broken code meanwhile."""
        with mock.patch.object(self.holder, self.function, self._broken()):
            yield

    def _broken(self) -> object:
        held = inspect.getattr_static(self.holder, self.function)
        whole = held.fget if isinstance(held, property) else held
        whole = getattr(whole, "func", whole)
        assert isinstance(whole, FunctionType)
        source = textwrap.dedent(inspect.getsource(whole))
        assert source.count(self.line) == 1, f"{self.name}: the line is not there, or twice"
        start = source[: source.index(self.line)].rpartition("\n")[2]
        indent = start[: len(start) - len(start.lstrip())]
        instead = self.instead.replace("\n", f"\n{indent}")
        scope = dict(whole.__globals__)
        tree = ast.parse(source.replace(self.line, instead))
        exec(compile(tree, f"<{self.name}>", "exec"), scope)  # noqa: S102 - the product's own lines
        made = scope[whole.__name__]
        return made


MUTANTS = (
    Mutant(
        "vault first",
        "the revision is read after the vault",
        Reconciler,
        "_write",
        "revision = actual.resource_version if actual else CREATE_ONLY",
        "late = self.cluster.read(target, deadline)\n"
        "revision = late.resource_version if late else CREATE_ONLY",
    ),
    Mutant(
        "no precondition",
        "the write has no resourceVersion",
        Reconciler,
        "_write",
        "revision = actual.resource_version if actual else CREATE_ONLY",
        'revision = ""',
    ),
    Mutant(
        "no create-only",
        "what was absent is created whatever is there by then",
        Reconciler,
        "_write",
        "if actual else CREATE_ONLY",
        'if actual else ""',
    ),
    Mutant(
        "old plan again",
        "after a conflict the same plan is written on what is there by then",
        Reconciler,
        "_write",
        "self.cluster.apply(target, plan.apply, revision, deadline)",
        "try:\n"
        "    self.cluster.apply(target, plan.apply, revision, deadline)\n"
        "except Conflict:\n"
        "    late = self.cluster.read(target, deadline)\n"
        '    self.cluster.apply(target, plan.apply, late.resource_version if late else "", deadline)',
    ),
    Mutant(
        "conflict ignored",
        "a write that lost its race is taken for done",
        Reconciler,
        "_write",
        "self.cluster.apply(target, plan.apply, revision, deadline)",
        "try:\n"
        "    self.cluster.apply(target, plan.apply, revision, deadline)\n"
        "except Conflict:\n"
        "    pass",
    ),
    Mutant(
        "no settled second",
        "`updated` is trusted in its own second",
        Reader,
        "_get",
        "settled = secret.read_at - secret.updated >= SETTLED_SECONDS",
        "settled = True",
    ),
    Mutant(
        "no freshness",
        "an older version than the written one is taken from a lagging vault",
        Reader,
        "_get",
        "if record and secret.updated < record.updated and self._fresh(record.updated):",
        "if False:",
    ),
    Mutant(
        "the event's version",
        "what the event names is written, not what the vault serves",
        Reader,
        "_get",
        "self.vaults.get(holdings.target.vault, name, errand.deadline)",
        "self.vaults.get(holdings.target.vault, name, errand.deadline, hint and hint.version)",
    ),
    Mutant(
        "failed listing is empty",
        "a vault that cannot be listed is taken to have nothing",
        Reader,
        "whole",
        "listing = self.vaults.list(holdings.target.vault, deadline)",
        "try:\n"
        "    listing = self.vaults.list(holdings.target.vault, deadline)\n"
        "except Transient:\n"
        "    listing = ()",
    ),
    Mutant(
        "unread is gone",
        "a secret whose tags are wrong loses its keys",
        Reader,
        "whole",
        "gone=self._gone(holdings, placed.keys() - absent, unread)",
        "gone=self._gone(holdings, placed.keys() - absent, ())",
    ),
    Mutant(
        "failed get is absence",
        "a secret that could not be fetched loses its keys",
        Reader,
        "whole",
        "now = self.now()",
        "absent |= {name for name, got in fetched.items() if isinstance(got, Transient)}\n"
        "unread = dict(wrong)\n"
        "now = self.now()",
    ),
    Mutant(
        "no way between",
        "what moves leaves its old Secret before the new one has it",
        contents._Part,  # noqa: SLF001 - the line is there
        "_sort",
        "elif not holdings.holds(place, spelled):",
        "elif False:",
    ),
    Mutant(
        "drift unseen",
        "keys that somebody else changed are taken for intact",
        Holdings,
        "holds",
        "and _is_intact(standing, name)",
        "",
    ),
    Mutant(
        "no guard",
        "an empty listing takes all away",
        Reader,
        "whole",
        "if self.prune and not force:",
        "if False:",
    ),
    Mutant(
        "foreign taken",
        "a Secret that somebody else claims is taken without force",
        Reconciler,
        "_stand",
        "if actual is not None and not work.force:",
        "if False:",
    ),
    Mutant(
        "dry run writes",
        "a dry run is none",
        Reconciler,
        "_write",
        "if plan.apply is None or progress.work.dry_run:",
        "if plan.apply is None:",
    ),
    Mutant(
        "case matters",
        "two spellings of one name are two secrets",
        reading,
        "latest",
        "found[secret.name.lower()]",
        "found[secret.name]",
    ),
)
"""All of them; `docs/proof.md` lists what caught each."""
