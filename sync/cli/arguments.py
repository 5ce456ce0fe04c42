"""Parses the command line's arguments into a Command."""

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
    """The exit codes; if several apply, FAILED wins."""

    IN_STEP = 0
    FAILED = 1
    OUT_OF_STEP = 2
    INTERRUPTED = 130


_EXIT_CODES = """\
exit codes:
  0    everything requested is in step
  1    something failed, or the command line or a setting is wrong
  2    plan, status, explain: something is out of step, and nothing failed;
       adopt: the answer was no
  130  interrupted
"""

_EPILOG = f"""\
{_EXIT_CODES}
Settings are the app's own environment variables (SYNC_VAULTS and the others).
The commands use your Azure login (az login, or what azure-identity finds) and
your kubeconfig. Secret values are never shown.

On a terminal the answer is a table; anywhere else, or with --json, it is the
JSON of the app's HTTP routes. Failures and progress go to stderr.
"""

_VAULTS = """\
VAULT need not be in SYNC_VAULTS; --project with --stage, and --all, select
only vaults that are.
"""

_RESYNC = f"""\
Reads the vaults and writes the differences to their Secrets, as the app does.
The options allow what it refuses by default. No option takes the Secret of
another vault that still exists.
{_VAULTS}"""

_PLAN = f"""\
Reads the vaults and shows what resync would write; writes nothing.
{_VAULTS}"""

_STATUS = f"""\
Shows what the Secrets hold and since when, and which keys somebody changed in
the cluster. It reads the cluster only; to see what is newer in a vault, use
plan. With VAULT it also shows each key. The default is --all.
{_VAULTS}"""


_EXPLAIN = """\
Shows for each secret of a vault where it goes, under which keys and from which
version, or why it is not there; with SECRET only for that one. Reads the vault
and the cluster as resync does, and writes nothing.
VAULT need not be in SYNC_VAULTS.
"""


_ADOPT = """\
Takes over a vault's Secret that its former owner (External Secrets Operator,
Helm and others) has released. Shows what happens to each key, asks, and writes;
resync --takeover makes the same write without asking. It removes no key: those
that the vault does not have stay as they are.
VAULT need not be in SYNC_VAULTS. How to release a Secret: docs/handover.md.
"""


_DOCTOR = """\
Checks what the sync needs, with your login and kubeconfig or as the app: the
settings, the token, each vault, each cluster, and the permissions there on
exactly the Secrets it writes. Every failed check names the command that helps.
Changes nothing. Exit code 0: all is well, warnings aside. The default is --all.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One call of the command line; a plan is a resync with dry run."""

    name: str
    request: Resync
    json: bool
    verbose: bool
    yes: bool = False

    @property
    def is_status(self) -> bool:
        """Return whether the command reads only the cluster."""
        return self.name == "status"

    @property
    def is_doctor(self) -> bool:
        """Return whether the command only examines, without syncing or reporting secrets."""
        return self.name == "doctor"


def parse(argv: Sequence[str] | None) -> Command:
    """Parse the arguments, by default the process's; raises SystemExit for help and errors."""
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
        """Exit with FAILED: argparse's own code 2 would mean that something is out of step."""
        self.exit(
            Exit.FAILED,
            f"{self.format_usage()}{self.prog}: {message}\nTry: {self.prog} --help\n",
        )


type _Commands = argparse._SubParsersAction[_Parser]  # noqa: SLF001 - it has no public name


class _Version(argparse.Action):
    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        sys.stdout.write(f"{parser.prog} {metadata.version('keyvault-sync')}\n")
        parser.exit()


def _parser() -> _Parser:
    parser = _Parser(
        prog="keyvault-sync",
        description="Syncs Azure Key Vaults to Kubernetes Secrets.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for name, summary, description in (
        ("resync", "write the differences", _RESYNC),
        ("plan", "show what resync would write, and write nothing", _PLAN),
        ("status", "show what the Secrets hold, without asking the vaults", _STATUS),
        ("doctor", "check settings, login, vaults, clusters and permissions", _DOCTOR),
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
    summary = "show where each secret of a vault goes, or why it does not"
    command = _add_command(commands, "explain", summary, _EXPLAIN)
    _add_vault(command)
    command.add_argument("secret", nargs="?", type=_name, metavar="SECRET", help="only this secret")
    _add_output(command)


def _add_adopt(commands: _Commands) -> None:
    summary = "take over a Secret that its former owner has released"
    command = _add_command(commands, "adopt", summary, _ADOPT)
    _add_vault(command)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument(
        "--takeover",
        action="store_true",
        help="even if the former owner still exists and may write it back",
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
    command.add_argument("vault", type=_name, metavar="VAULT", help="the vault with this name")


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")  # such as an unset shell variable
    return text


def _add_vaults(command: _Parser) -> None:
    vaults = command.add_argument_group("which vaults")
    vaults.add_argument(
        "vault", nargs="?", type=_name, metavar="VAULT", help="the vault with this name"
    )
    vaults.add_argument("--project", type=_name, metavar="P", help="the vaults of this project")
    vaults.add_argument("--stage", type=_name, metavar="S", help="and of this stage")
    vaults.add_argument("--all", action="store_true", help="every vault in SYNC_VAULTS")


def _add_manner(command: _Parser) -> None:
    command.add_argument(
        "--secret",
        type=_name,
        metavar="NAME",
        help="read only this secret, if the Secret holds the vault's others",
    )
    for option, summary in (
        ("--removals", "remove many keys, or all, if the vault no longer has them"),
        ("--takeover", "take a Secret that somebody else created or manages"),
        ("--refetch", "read every value again and compare it"),
    ):
        command.add_argument(option, action="store_true", help=summary)
    command.add_argument(
        "--takeover-from",
        type=_name,
        metavar="NAME",
        help="take the Secret of this vault, which must no longer exist",
    )


def _add_output(command: _Parser) -> None:
    command.add_argument("--json", action="store_true", help="JSON on a terminal too")
    command.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="log to stderr which login is used, and the clients' warnings",
    )
