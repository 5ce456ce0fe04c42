"""The options and arguments that commands share."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Protocol

import click
from click.decorators import FC

from sync.cli import names_cache
from sync.cli.choice import APP, KEY, SCOPE, app_of
from sync.cli.session import Session
from sync.cli.sources import Fields

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Wrapper(Protocol):
    """A decorator of commands."""

    def __call__(self, command: FC, /) -> FC:
        """Add to the command."""
        ...


_META = "sync.cli.options"

EXIT_CODES = """\b
exit codes:
  0    everything requested is in step
  1    something failed, or the command line or a setting is wrong
  2    plan, status, explain: something is out of step, and nothing failed;
       wait: it is not in yet; adopt: the answer was no
  130  interrupted"""


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    if value in {None, False}:
        return
    context.meta.setdefault(_META, {})[option.name] = value
    session = context.find_object(Session)
    if session is not None:  # None while a shell completes
        session.given[option.name] = value


def _shared(*names: str, **settings: object) -> Callable[[click.Command], click.Command]:
    def add(command: click.Command) -> click.Command:
        option = click.Option(names, expose_value=False, callback=_keep, **settings)  # type: ignore[arg-type]
        command.params.append(option)
        return command

    return add


SHARED = {"app", "no_app", "app_scope", "timeout", "output", "wide", "verbose", "help"}
_SHARED = (
    _shared("--app", metavar="URL", help=f"ask the app at this URL; else {APP}"),
    _shared("--no-app", is_flag=True, help="use your own Azure login and kubeconfig"),
    _shared("--app-scope", metavar="SCOPE", help=f"of the Entra token; else {SCOPE}"),
    _shared(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="how long to try an app that is starting (60); with wait, how long to wait (300)",
    ),
    _shared(
        "-o",
        "--output",
        type=click.Choice(["table", "wide", "json", "yaml", "name"]),
        help="the format; table is the default, also in a pipe",
    ),
    _shared("--wide", is_flag=True, help="the same as -o wide"),
    _shared("-v", "--verbose", is_flag=True, help="log your login and the clients' warnings"),
)


def with_shared(command: click.Command) -> click.Command:
    """Add the options that work before and after the command."""
    return reduce(lambda given, add: add(given), _SHARED, command)


def filled(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty value, such as that of an unset shell variable."""
    del context, parameter
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty.")
    return value


def _names(context: click.Context) -> names_cache.Names:
    return names_cache.recall(app_of(context.meta.get(_META, {})))


def _vaults(context: click.Context, _: click.Parameter, begun: str) -> "list[CompletionItem]":
    return _begun(_names(context), begun)


def _secrets(context: click.Context, _: click.Parameter, begun: str) -> "list[CompletionItem]":
    names, vault = _names(context), str(context.params.get("vault") or "").lower()
    # An option whose value is being typed hides the arguments: then of any vault.
    every = {name for held in names.values() for name in held}
    return _begun(names.get(vault, ()) if vault else sorted(every), begun)


def _begun(names: Iterable[str], begun: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only to complete

    return [CompletionItem(name) for name in names if name.lower().startswith(begun.lower())]


def vault_argument(*, required: bool) -> Wrapper:
    """Take VAULT."""
    return click.argument(
        "vault",
        required=required,
        metavar="VAULT" if required else "[VAULT]",
        callback=filled,
        shell_complete=_vaults,
    )


def vault(*, required: bool) -> Wrapper:
    """Take VAULT, and one of its targets."""
    name = vault_argument(required=required)
    target = click.option(
        "--target",
        metavar="NAMESPACE/SECRET",
        callback=filled,
        help="of a vault with several targets this one",
    )
    return lambda command: name(target(command))


secret = click.argument(
    "secret", required=False, metavar="[SECRET]", callback=filled, shell_complete=_secrets
)


def vaults(command: FC) -> FC:
    """Take one of VAULT, --project with --stage, and --all."""
    for each in (
        click.option("--all", is_flag=True, help="every vault that the app knows"),
        click.option("--stage", metavar="S", callback=filled, help="and of this stage"),
        click.option("--project", metavar="P", callback=filled, help="the vaults of this project"),
        vault(required=False),
    ):
        command = each(command)
    return command


def manner(command: FC) -> FC:
    """Take how to reconcile."""
    for name, metavar, summary in reversed(
        (
            ("--secret", "NAME", "read only this secret, if the Secret holds the vault's others"),
            ("--removals", "", "remove many keys, or all, if the vault no longer has them"),
            ("--takeover", "", "take a Secret that somebody else created or manages"),
            ("--refetch", "", "read every value again and compare it"),
            ("--takeover-from", "NAME", "take the Secret of this vault, which must be gone"),
        )
    ):
        option = (
            click.option(
                name,
                metavar=metavar,
                callback=filled,
                help=summary,
                shell_complete=_secrets if name == "--secret" else None,
            )
            if metavar
            else click.option(name, is_flag=True, help=summary)
        )
        command = option(command)
    return command


def watching(command: FC) -> FC:
    """Take --watch and --interval."""
    for each in (
        click.option(
            "--interval",
            type=click.FloatRange(min=0.1),
            default=2.0,
            metavar="SECONDS",
            help="with --watch: the time between two answers (2)",
        ),
        click.option("--watch", is_flag=True, help="ask again and again, until Ctrl-C"),
    ):
        command = each(command)
    return command


def request(given: Mapping[str, object], *, every: bool = False) -> Fields:
    """Return the fields of a request; raises UsageError. `every`: no choice means all vaults."""
    from sync.app.requests import parse_resync  # noqa: PLC0415 - --help does without
    from sync.core.errors import Malformed  # noqa: PLC0415 - likewise

    fields = {name: v for name, v in given.items() if isinstance(v, str | bool) and v is not False}
    chosen = ("vault" in fields) + bool(fields.keys() & {"project", "stage"}) + ("all" in fields)
    if chosen != 1 and not (every and not chosen):
        raise click.UsageError("Say which vaults: one of VAULT, --project with --stage, or --all.")
    if len(fields.keys() & {"project", "stage"}) == 1:
        raise click.UsageError("--project and --stage go together.")
    if "target" in fields and "vault" not in fields:
        raise click.UsageError("--target is one of VAULT: name the vault as well.")
    try:
        parse_resync(json.dumps(fields if chosen else {**fields, "all": True}).encode())
    except Malformed as fault:
        raise click.UsageError(fault.message) from fault
    return fields


LOG_IN = f"""Without --app and {APP} the commands work with your own rights: your Azure login
(az login, or what azure-identity finds), your kubeconfig and the app's settings in the
environment (SYNC_VAULTS and the others). With an app they ask it, with the function key in
{KEY} or an Entra token, and never use your own rights."""
