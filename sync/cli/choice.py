"""Chooses where answers come from, by the options and the environment's KEYVAULT_SYNC_ names."""

import os
from collections.abc import Callable, Mapping

import click

from sync.cli.documents import Document
from sync.cli.screen import Screen
from sync.cli.sources import Source

APP, KEY, SCOPE = "KEYVAULT_SYNC_APP", "KEYVAULT_SYNC_KEY", "KEYVAULT_SYNC_APP_SCOPE"
START_SECONDS = 60.0
OWN = "No app: with your own rights (your Azure login and kubeconfig)"

type Options = Mapping[str, object]


def app_of(options: Options) -> str:
    """Return the URL of the chosen app, empty if the caller's own rights are chosen."""
    url = str(options.get("app") or "")
    if url and options.get("no_app"):
        raise click.UsageError("--app and --no-app exclude each other.")
    return "" if options.get("no_app") else url or os.environ.get(APP, "").strip()


def source_of(options: Options, screen: Screen) -> Source:
    """Return the chosen source, and say on stderr which it is; raises UsageError."""
    url = app_of(options)
    if not url:
        from sync.cli.own_rights import OwnRights  # noqa: PLC0415 - not with an app

        screen.say(f"{OWN}.")
        return OwnRights.of_process(screen, verbose=bool(options.get("verbose")))
    from sync.cli.remote_app import ANSWER_SECONDS, AddressError, RemoteApp, checked  # noqa: PLC0415 - as above

    try:
        address = checked(url)
    except AddressError as error:
        raise click.UsageError(f"--app or {APP} is no URL of an app: {error}.") from error
    authorize, login, by_token = _authorization(options)
    screen.say(f"App {address}, with {login}.")
    patience, longest = options.get("timeout"), options.get("longest")
    return RemoteApp(
        url=address,
        authorize=authorize,
        login=login,
        screen=screen,
        patience=patience if isinstance(patience, float) else START_SECONDS,
        by_token=by_token,
        longest=longest if isinstance(longest, float) else ANSWER_SECONDS,
    )


def _authorization(options: Options) -> tuple[Callable[[], Document], str, bool]:
    if key := os.environ.get(KEY, "").strip():
        if not (key.isascii() and key.isprintable()):
            raise click.UsageError(f"{KEY} is no function key: it has characters that none has.")
        return (lambda: {"x-functions-key": key}), f"the function key in {KEY}", False
    scope = str(options.get("app_scope") or os.environ.get(SCOPE, "")).strip()
    if not scope:
        raise click.UsageError(
            f"Neither {KEY} nor {SCOPE} is set. Set {KEY} to a function key of the app or, if it "
            f"asks for a Microsoft Entra log-in, {SCOPE} (or --app-scope) to api://CLIENT-ID of "
            "its App Service authentication."
        )
    from sync.cli.entra import EntraLogin, full_scope  # noqa: PLC0415 - not with a key

    return EntraLogin(scope), f"an Entra token for {full_scope(scope)}", True
