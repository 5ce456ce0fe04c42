"""Remembers the names of vaults and secrets for completion: names only, a file for each app."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sync.cli.documents import Document, items, text

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)

type Names = Mapping[str, Sequence[str]]
"""The vaults, and the secrets of each."""


def recall(app: str) -> Names:
    """Return what earlier answers of the app named; nothing if that cannot be read."""
    try:
        held = json.loads(_file(app).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {
        vault: [name for name in secrets if isinstance(name, str) and _NAME.fullmatch(name)]
        for vault, secrets in held.items()
        if _NAME.fullmatch(vault) and isinstance(secrets, list)
    }


def remember(app: str, document: Document, *, whole: bool) -> None:
    """Keep the names of a status or an explanation; a `whole` status names every vault."""
    vaults = items(document, "vaults")
    told: defaultdict[str, list[str]] = defaultdict(list)
    for each in (*vaults, *([document] if "secrets" in document else ())):
        told[text(each, "vault")] += _secrets(each)  # a vault may have several targets
    if not told:
        return
    former = recall(app)
    kept = {vault: former.get(vault, ()) for vault in (told if whole and vaults else former)}
    names = {
        vault: sorted({*kept.get(vault, ()), *told.get(vault, ())})
        for vault in sorted({*kept, *told})
        if _NAME.fullmatch(vault)
    }
    if names != former:
        with suppress(
            OSError, RuntimeError
        ):  # a convenience: without a home no names are completed
            _write(_file(app), json.dumps(names))


def _secrets(document: Document) -> Sequence[str]:
    return [text(each, "name") for each in items(document, "secrets")]


def _file(app: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = re.sub(r"[^0-9a-z.-]", "_", app.lower()) or "own-rights"
    return Path(home) / "keyvault-sync" / f"{name}.json"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    part.replace(file)
