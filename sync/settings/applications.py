"""Parses SYNC_APPLICATIONS: a JSON list of the kinds of objects that list vault secrets."""

import json
import re
from collections.abc import Mapping

from sync.applications.kinds import NAME, Kind
from sync.applications.paths import Path, parse_path
from sync.core.model import SECRET_NAME, Variables, VaultName
from sync.core.vault_names import AZURE_NAME
from sync.settings.shapes import shape

_GROUP = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", re.ASCII)
_VERSION = re.compile(r"v[0-9]{1,3}(?:(?:alpha|beta)[0-9]{1,3})?", re.ASCII)
_RESOURCE = re.compile(r"[a-z][a-z0-9]{0,62}", re.ASCII)
_PREFIX = re.compile(r"(?:[A-Za-z0-9_]|\{name\}){0,120}", re.ASCII)
_SECRET_PATTERN = re.compile(r"[0-9A-Za-z*?-]{1,127}", re.ASCII)
_VARIABLE_PATTERN = re.compile(r"[A-Za-z0-9_*?]{1,253}", re.ASCII)
_FIELDS = ("group", "version", "resource", "names", "secret", "vault", "prefix", "allow")
_MOST_NUMBER = 99


def read_kinds(text: str) -> tuple[Kind, ...]:
    """Parse the setting; raises ValueError with a sentence for each fault as its arguments."""
    try:
        items: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON; it must be a list of kinds") from None
    if not isinstance(items, list) or not items:
        raise ValueError("it must be a JSON list with at least one kind")
    faults: list[str] = []
    kinds: dict[str, Kind] = {}
    for number, item in enumerate(items, 1):
        try:
            kind = _kind(item)
        except ValueError as wrong:
            faults += [f"kind {number} {fault}" for fault in wrong.args]
            continue
        if str(kind) in kinds:
            faults.append(f"kind {number} is {kind} again: keep one of the two")
        kinds[str(kind)] = kind
    if faults:
        raise ValueError(*faults)
    return tuple(kinds.values())


def _kind(item: object) -> Kind:
    if not isinstance(item, dict) or not item:
        raise ValueError(f"must be an object with resource and names, not {shape(item)}")
    fields = _Fields(item)
    kind = Kind(
        group=fields.text("group", _GROUP, "an API group, as apps; left out for the core API"),
        version=fields.text("version", _VERSION, "an API version, as v1", needed=True),
        resource=fields.text(
            "resource", _RESOURCE, "the plural in lower case, as deployments", needed=True
        ),
        names=fields.path(),
        secret=fields.secret(),
        vault=fields.vault(),
        variables=Variables(fields.prefixes(), fields.allowed()),
    )
    if fields.faults:
        raise ValueError(*fields.faults)
    return kind


class _Fields:
    """The fields of one kind, and the faults found in them."""

    def __init__(self, item: Mapping[str, object]) -> None:
        self._item = item
        self.faults: list[str] = []
        if unknown := len(item.keys() - set(_FIELDS)):
            self.faults.append(f"has {unknown} unknown field(s): known are {', '.join(_FIELDS)}")

    def text(self, name: str, allowed: re.Pattern[str], form: str, *, needed: bool = False) -> str:
        """Return a text; empty if it is left out or wrong."""
        if name not in self._item:
            if needed:
                self.faults.append(f"lacks {name}: {form}")
            return ""
        given = self._item[name]
        if isinstance(given, str) and allowed.fullmatch(given.strip()):
            return given.strip()
        self._fault(name, given, form)
        return ""

    def path(self) -> Path:
        """Return the path to the names."""
        given = self._item.get("names")
        if not isinstance(given, str):
            self.faults.append("lacks names: the path to them, as spec.secrets[*].name")
            return Path(())
        try:
            return parse_path(given)
        except ValueError as wrong:
            self.faults.append(f"has a path in names that {wrong}")
            return Path(())

    def secret(self) -> str:
        """Return how the Secret is called."""
        given = self._item.get("secret", NAME)
        if isinstance(given, str) and SECRET_NAME.fullmatch(given.replace(NAME, "x")):
            return given
        self._fault("secret", given, f"a Secret's name, in which {NAME} is the object's")
        return NAME

    def vault(self) -> int | VaultName | None:
        """Return the vault's number or name."""
        given = self._item.get("vault")
        if isinstance(given, str) and AZURE_NAME.fullmatch(given.strip().lower()):
            return VaultName(given.strip().lower())
        is_number = isinstance(given, int) and not isinstance(given, bool)
        if isinstance(given, int) and is_number and 1 <= given <= _MOST_NUMBER:
            return given
        if "vault" in self._item:
            self._fault("vault", given, f"a number from 1 to {_MOST_NUMBER}, or a vault's name")
        return None

    def prefixes(self) -> tuple[tuple[str, str], ...]:
        """Return the prefix of each pattern of vault secrets' names."""
        given = self._item.get("prefix", {})
        pairs = given if isinstance(given, dict) else {"*": given}
        found: list[tuple[str, str]] = []
        for pattern, prefix in pairs.items():
            fits = isinstance(prefix, str) and _PREFIX.fullmatch(prefix)
            if not fits or not _SECRET_PATTERN.fullmatch(pattern):
                self._fault(
                    "prefix",
                    given,
                    f"letters, digits, '_' and {NAME} (the secret's name in upper case), or an "
                    "object of such by patterns of secrets' names",
                )
                return ()
            found.append((pattern, str(prefix)))
        return tuple(found)

    def allowed(self) -> tuple[str, ...]:
        """Return the patterns of variables that may take a process over."""
        given = self._item.get("allow", [])
        if isinstance(given, list) and all(
            isinstance(each, str) and _VARIABLE_PATTERN.fullmatch(each) for each in given
        ):
            return tuple(dict.fromkeys(given))
        self._fault("allow", given, "a list of variables, as PATH or JAVA_*")
        return ()

    def _fault(self, name: str, given: object, form: str) -> None:
        self.faults.append(f"has a {name} that is {shape(given)}: it must be {form}")
