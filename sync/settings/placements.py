"""Parses SYNC_PLACEMENTS: a JSON list of entries, or the name of a file in the package with one."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from sync.core.model import SECRET_NAME, VaultName
from sync.core.placements import Entry
from sync.core.vault_names import AZURE_NAME, NAMESPACE
from sync.settings.shapes import shape

_PACKAGE = Path(__file__).resolve().parents[2]
_PROJECT = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_STAGE = re.compile(r"[a-z0-9]{1,63}", re.ASCII)
_CLUSTER = re.compile(r"[^\0-\x1f]{1,100}")
_FILE_NAME = re.compile(r"[^\0\n]{1,255}")
_TEXTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "project": (_PROJECT, "words of a-z and 0-9, joined by '-', 63 characters at most"),
    "stage": (_STAGE, "1 to 63 of a-z and 0-9"),
    "namespace": (NAMESPACE, "a namespace: 1 to 63 of a-z, 0-9 and '-'"),
    "secret": (SECRET_NAME, "a Secret's name: 1 to 253 of a-z, 0-9 and '-'"),
    "cluster": (_CLUSTER, "the name of a cluster of SYNC_CLUSTERS"),
}
_FIELDS = ("vault", *_TEXTS, "unprefixed")


def read_entries(text: str, package: Path = _PACKAGE) -> tuple[Entry, ...]:
    """Parse the setting; raises ValueError with a sentence for each fault as its arguments.

    The name of a file is relative to the folder of `function_app.py`.
    """
    if not text.startswith(("[", "{")):
        text = _content(text, package)
    try:
        items: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON; it must be a list of entries") from None
    if not isinstance(items, list) or not items:
        raise ValueError("it must be a JSON list with at least one entry")
    faults: list[str] = []
    entries: list[Entry] = []
    for number, item in enumerate(items, 1):
        try:
            entries.append(_entry(item))
        except ValueError as wrong:
            faults += [f"entry {number} {fault}" for fault in wrong.args]
    if faults:
        raise ValueError(*faults)
    return tuple(entries)


def _content(name: str, package: Path) -> str:
    unread = "it is neither a JSON list nor the name of a readable file of UTF-8 in the package"
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(unread)
    try:
        return (package / name).read_text("utf-8-sig")
    except (OSError, ValueError):
        raise ValueError(unread) from None


def _entry(item: object) -> Entry:
    if not isinstance(item, dict) or not item:
        raise ValueError(f"must be an object with vault, not {shape(item)}")
    faults: list[str] = []
    if unknown := len(item.keys() - set(_FIELDS)):
        faults.append(f"has {unknown} unknown field(s): known are {', '.join(_FIELDS)}")

    def text(name: str, allowed: Callable[[str], object], form: str) -> str | None:
        if name not in item:
            return None
        given = item[name]
        found = given.strip() if isinstance(given, str) else ""
        found = found if name == "cluster" else found.lower()
        if allowed(found):
            return found
        faults.append(f"has a {name} that is {shape(given)}: it must be {form}")
        return None

    vault = text("vault", AZURE_NAME.fullmatch, "a vault's name")
    if "vault" not in item:
        faults.append("lacks a vault")
    given = {name: text(name, form.fullmatch, said) for name, (form, said) in _TEXTS.items()}
    unprefixed = item.get("unprefixed")
    if "unprefixed" in item and not isinstance(unprefixed, bool):
        faults.append(f"has unprefixed that is {shape(unprefixed)}: it must be true or false")
    if faults or vault is None:
        raise ValueError(*faults)
    return Entry(VaultName(vault), **given, unprefixed=unprefixed)
