"""Reads the command line's arguments into what they ask for."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib import metadata
from typing import NoReturn, override

from sync.app.requests import Resync, parse_resync
from sync.core.errors import Malformed


class Exit(IntEnum):
    """The exit codes; where several apply, FAILED wins."""

    IN_STEP = 0
    FAILED = 1
    OUT_OF_STEP = 2
    INTERRUPTED = 130


_EXIT_CODES = """\
exit codes:
  0    everything asked about is in step
  1    something failed, or the command line or a setting is wrong
  2    plan, status, explain: something is out of step, and nothing failed;
       adopt: the answer was no
  130  interrupted
"""

_EPILOG = f"""\
{_EXIT_CODES}
Settings are the app's own environment variables (SYNC_VAULTS and the others).
Azure is asked with your log-in (az login, or what azure-identity finds), the
cluster with your kubeconfig. Secret values are never shown.

On a terminal the answer is a table; anywhere else, or with --json, it is the
JSON of the app's HTTP routes. Failures and progress go to stderr.
"""

_VAULTS = """\
VAULT need not be in SYNC_VAULTS; --project with --stage and --all mean the
vaults that are.
"""

_RESYNC = f"""\
Reads the vaults and writes what differs into their Secrets, as the app does.
What it refuses unasked has an option each. No option takes the Secret of
another vault that is still there.
{_VAULTS}"""

_PLAN = f"""\
Reads the vaults and shows what resync would write; writes nothing.
{_VAULTS}"""

_STATUS = f"""\
Shows what the Secrets hold and since when, and which keys were changed behind
the sync's back. It reads the cluster only: what is newer in a vault is seen by
plan. With VAULT it also shows each key; without any choice it means --all.
{_VAULTS}"""


_EXPLAIN = """\
Tells of each secret of a vault where it goes, as which keys and from which
version, and if it is not there, why not; with SECRET of that one alone. Reads
the vault and the cluster as resync does, and writes nothing.
VAULT need not be in SYNC_VAULTS.
"""


_ADOPT = """\
Takes over the Secret of a vault whose former owner (External Secrets Operator,
Helm and others) has let go of it. Shows what becomes of each key, asks, and
writes; resync --takeover is the same write unasked. No key is removed: those
that the vault does not have stay as they are.
VAULT need not be in SYNC_VAULTS. How each owner lets go: docs/handover.md.
"""


_DOCTOR = """\
Examines what the sync needs, with your log-in and kubeconfig or as the app: the
settings, the token, each vault, each cluster, and in it the rights on exactly
the Secrets it keeps. Every check that fails names the command that helps.
Changes nothing. Exit 0: all is well, warnings aside. Without any choice of
vaults it means --all.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """What one call of the command line asks for; a plan is a resync that is a dry run."""

    name: str
    request: Resync
    json: bool
    verbose: bool
    yes: bool = False

    @property
    def is_status(self) -> bool:
        """Tell whether only the cluster is asked."""
        return self.name == "status"

    @property
    def is_doctor(self) -> bool:
        """Tell whether nothing is synced or told of, but examined."""
        return self.name == "doctor"


def parse(argv: Sequence[str] | None) -> Command:
    """Read the arguments, by default the process's; raises SystemExit for help and wrong ones."""
    given = vars(_parser().parse_args(argv))
    refuse: _Parser = given.pop("parser")
    fields = {name: value for name, value in given.items() if value not in (None, False)}
    name, as_json, verbose = (fields.pop(key, False) for key in ("command", "json", "verbose"))
    yes = bool(fields.pop("yes", False))
    if name == "plan":
        fields["dry_run"] = True
    chosen = ("vault" in fields) + bool(fields.keys() & {"project", "stage"}) + ("all" in fields)
    if name in {"status", "doctor"} and not chosen:
        fields["all"] = True
    elif chosen != 1:
        refuse.error("say which vaults: one of VAULT, --project with --stage, or --all")
    elif len(fields.keys() & {"project", "stage"}) == 1:
        refuse.error("--project and --stage go together")
    try:
        request = parse_resync(json.dumps(fields).encode())
    except Malformed as fault:
        refuse.error(fault.message)
    return Command(name, request, bool(as_json), bool(verbose), yes)


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        """Exit with FAILED: argparse's own 2 would say that something is out of step."""
        self.exit(
            Exit.FAILED,
            f"{self.format_usage()}{self.prog}: {message}\nTry: {self.prog} --help\n",
        )


type _Commands = argparse._SubParsersAction[_Parser]  # noqa: SLF001 - its only name


class _Version(argparse.Action):
    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        sys.stdout.write(f"{parser.prog} {metadata.version('keyvault-sync')}\n")
        parser.exit()


def _parser() -> _Parser:
    parser = _Parser(
        prog="keyvault-sync",
        description="Keeps Kubernetes Secrets equal to Azure Key Vaults.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for name, summary, description in (
        ("resync", "write what differs", _RESYNC),
        ("plan", "show what resync would write, and write nothing", _PLAN),
        ("status", "show what the Secrets hold, without asking the vaults", _STATUS),
        ("doctor", "examine settings, log-in, vaults, clusters and rights", _DOCTOR),
    ):
        command = _add_command(commands, name, summary, description)
        _add_vaults(command)
        if name not in {"status", "doctor"}:
            _add_manner(command)
        if name == "resync":
            command.add_argument("--dry-run", action="store_true", help="the same as plan")
        _add_output(command)
    _add_explain(commands)
    _add_adopt(commands)
    return parser


def _add_explain(commands: _Commands) -> None:
    summary = "tell where each secret of a vault goes, and if not, why not"
    command = _add_command(commands, "explain", summary, _EXPLAIN)
    _add_vault(command)
    command.add_argument(
        "secret", nargs="?", type=_name, metavar="SECRET", help="this secret of it only"
    )
    _add_output(command)


def _add_adopt(commands: _Commands) -> None:
    summary = "take over a Secret whose former owner has let go"
    command = _add_command(commands, "adopt", summary, _ADOPT)
    _add_vault(command)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument(
        "--takeover",
        action="store_true",
        help="although the former owner is still there, and may write it back",
    )
    _add_output(command)


def _add_command(commands: _Commands, name: str, summary: str, description: str) -> _Parser:
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(parser=command)
    return command


def _add_vault(command: _Parser) -> None:
    command.add_argument("vault", type=_name, metavar="VAULT", help="the vault of this name")


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")  # as of a variable that is not set
    return text


def _add_vaults(command: _Parser) -> None:
    vaults = command.add_argument_group("which vaults")
    vaults.add_argument(
        "vault", nargs="?", type=_name, metavar="VAULT", help="the vault of this name"
    )
    vaults.add_argument("--project", type=_name, metavar="P", help="the vaults of this project")
    vaults.add_argument("--stage", type=_name, metavar="S", help="and of this stage")
    vaults.add_argument("--all", action="store_true", help="every vault of SYNC_VAULTS")


def _add_manner(command: _Parser) -> None:
    command.add_argument(
        "--secret",
        type=_name,
        metavar="NAME",
        help="look at this secret only, if the Secret holds the vault's others",
    )
    for option, summary in (
        ("--removals", "let go of many keys, or of all, where the vault no longer has them"),
        ("--takeover", "take a Secret that somebody else made or manages"),
        ("--refetch", "read every value anew and compare it"),
    ):
        command.add_argument(option, action="store_true", help=summary)
    command.add_argument(
        "--takeover-from",
        type=_name,
        metavar="NAME",
        help="take the Secret of the vault of this name, which no longer exists",
    )


def _add_output(command: _Parser) -> None:
    command.add_argument("--json", action="store_true", help="JSON on a terminal too")
    command.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="log to stderr which log-in is used, and what the clients warn of",
    )
