"""Events that are to be refused, each of another cause, and what is asked over HTTP."""

import secrets
from collections.abc import Callable, Sequence

from bench.single_event import event
from bench.soak.dice import DICE
from bench.soak.estate import Plot
from local.host_process import HostProcess

EVENTS = "key_vault_event"
_SECRET = "plain-01"  # noqa: S105 - a name


def refused_event(host: HostProcess, plot: Plot) -> int:
    """Deliver an event that the app acknowledges and does not act on; return the status."""
    vault, word = plot.vault.name, secrets.token_hex(4)
    return host.deliver(EVENTS, DICE.choice(_EVENTS)(vault, word))


def unknown_vault(host: HostProcess, plot: Plot) -> int:
    """Deliver an event of a vault that is not there, though its name and its Secret may be."""
    vault = f"a{secrets.token_hex(2)}-DS-AKV-{plot.namespace}-7"
    return host.deliver(EVENTS, event(vault, _SECRET, secrets.token_hex(4)))


def call(host: HostProcess, plot: Plot) -> str:
    """Ask over HTTP, rightly or wrongly; return all that is answered."""
    path, body = DICE.choice(_calls(plot.vault.name))
    answer = host.get(path) if body is None else host.post(path, body)
    return f"{answer.headers} {answer.text}"


def _calls(vault: str) -> Sequence[tuple[str, object]]:
    unknown = f"weu-DS-AKV-x{secrets.token_hex(2)}-dev-1"
    return (
        ("/api/resync", {"vault": vault}),
        ("/api/resync", {"vault": vault, "secret": _SECRET, "dry_run": True}),
        ("/api/resync", {"vault": unknown}),
        ("/api/resync", {secrets.token_hex(4): 1}),
        ("/api/resync", b"{"),
        (f"/api/status?vault={vault}", None),
        ("/api/status", None),
        ("/api/health", None),
    )


def _other_type(vault: str, word: str) -> object:
    return event(vault, _SECRET, word) | {"eventType": f"Microsoft.KeyVault.{word}"}


def _other_subscription(vault: str, word: str) -> object:
    subscription = f"{word}-0000-4000-8000-000000000001"
    topic = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"
    return event(vault, _SECRET, word) | {"topic": topic + vault}


def _mismatch(vault: str, word: str) -> object:
    return event(vault, _SECRET, word) | {"data": {"VaultName": f"weu-{word}"}}


def _off_pattern(_vault: str, word: str) -> object:
    return event(f"off-{word}", _SECRET, word)


def _taken(vault: str, word: str) -> object:
    """Let another vault, of another region, ask for the Secret of one that is there."""
    return event(f"a{word[:3]}{vault.removeprefix('weu')}", _SECRET, word)


def _no_secret(vault: str, word: str) -> object:
    return event(vault, f"{word}/{word}", word)


def _no_event(_vault: str, word: str) -> object:
    return {word: word}


_EVENTS: Sequence[Callable[[str, str], object]] = (
    _other_type,
    _other_subscription,
    _mismatch,
    _off_pattern,
    _taken,
    _no_secret,
    _no_event,
)
