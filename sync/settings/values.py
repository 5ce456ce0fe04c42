"""Parses the value of one setting: each function raises ValueError that says what is wrong."""

import re
import string
from uuid import UUID

from sync.core import labels
from sync.core.errors import NAME, NotOurs, Permanent, SyncError
from sync.core.labels import Labels
from sync.core.model import VaultName
from sync.core.reasons import Reason
from sync.core.vault_names import PARTS, Naming
from sync.projection.rules import Pattern
from sync.projection.stages import COMMON, Aliases
from sync.settings.ncrontab import is_ncrontab

DEFAULT_SCHEDULE = "0 */5 * * * *"

_DNS_SUFFIX = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}", re.ASCII)
_SECRET_NAME = re.compile(r"[a-z0-9*?][-a-z0-9*?]*", re.ASCII)
_STAGE = re.compile(r"[a-z0-9]+", re.ASCII)
_LABEL_FORM = "1 to 63 of a-z, A-Z, 0-9, '-', '_' and '.', with a letter or digit at both ends"


def vault_names(
    text: str, naming: Naming
) -> tuple[tuple[VaultName, ...], tuple[tuple[str, SyncError], ...]]:
    """Parse vault names without duplicates: those that match the pattern, and the others' errors.

    One wrong name keeps no other vault from being served.
    """
    vaults: dict[VaultName, None] = {}
    strays: dict[str, SyncError] = {}
    for name in _items(text):
        try:
            vaults[naming.vault(name)] = None
        except NotOurs as fault:
            shown = name.lower() if NAME.fullmatch(name) else f"a name of {len(name)} characters"
            strays[shown] = Permanent(
                Reason.VAULT_LISTED_OFF_PATTERN, f"SYNC_VAULTS is wrong: {fault}"
            )
    return tuple(vaults), tuple(strays.items())


def subscription_ids(text: str) -> frozenset[str]:
    """Parse subscription ids, in lower case."""
    try:
        return frozenset(str(UUID(item)) for item in _items(text))
    except ValueError:
        raise ValueError(
            "it must be a comma-separated list of subscription ids, each as "
            "00000000-0000-0000-0000-000000000000"
        ) from None


def namespace_template(text: str) -> str:
    """Check a template that may contain only the parts of a vault's name as placeholders."""
    form = "it must be a template over {region}, {project}, {stage} and {number}, nothing else"
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError(form) from None
    for _, field, spec, conversion in fields:
        if field is not None and (field not in PARTS or spec or conversion):
            raise ValueError(form)
    return text


def dns_suffix(text: str) -> str:
    """Parse a DNS suffix, in lower case."""
    if not _DNS_SUFFIX.fullmatch(text.lower()):
        raise ValueError("it must be a DNS suffix without scheme or slash, as vault.azure.net")
    return text.lower()


def schedule(text: str) -> str:
    """Check an NCRONTAB expression."""
    if not is_ncrontab(text):
        raise ValueError(
            "it must be an NCRONTAB expression of six fields (second minute hour day month "
            f"day-of-week), as {DEFAULT_SCHEDULE}"
        )
    return text


def patterns(text: str) -> tuple[Pattern, ...]:
    """Parse patterns for the names of vault secrets or for the values of a tag."""
    found: list[Pattern] = []
    for item in _items(text):
        if not item.startswith("tag:"):
            found.append(Pattern(item))
            continue
        tag, equals, glob = item.removeprefix("tag:").partition("=")
        if not tag or not equals:
            raise ValueError(
                "it is a comma-separated list of shell patterns over names, or over the values of "
                "a tag as tag:NAME=PATTERN"
            )
        found.append(Pattern(glob, tag))
    return tuple(found)


def stage_aliases(text: str) -> Aliases:
    """Parse pairs of names of one stage, each as STAGE=ALIAS, in lower case; `none` has none."""
    if text.lower() == "none":
        return ()
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for number, item in enumerate(_items(text.lower()), 1):
        stage, _, alias = (part.strip() for part in item.partition("="))
        if not (_STAGE.fullmatch(stage) and _STAGE.fullmatch(alias)):
            raise ValueError(
                "it is a comma-separated list of two names of one stage each, as prd=prod, of "
                "letters and digits, or none"
            )
        if stage == alias:
            raise ValueError(f"pair {number} has the same name twice: remove it")
        if COMMON in {stage, alias}:
            raise ValueError(
                f"pair {number} has {COMMON}, which every stage takes: remove it, or choose another"
            )
        if not seen.isdisjoint({stage, alias}):
            raise ValueError(
                f"pair {number} has a name that an earlier pair has: a stage has two names at most"
            )
        seen |= {stage, alias}
        found.append((min(stage, alias), max(stage, alias)))
    if not found:
        raise ValueError("it names no stage: write none to have no aliases")
    return tuple(sorted(found))


def secret_names(text: str) -> tuple[str, ...]:
    """Parse patterns for the names of Kubernetes Secrets."""
    names = tuple(_items(text))
    if any(not _SECRET_NAME.fullmatch(name) for name in names):
        raise ValueError(
            "it is a comma-separated list of names of Secrets (a-z, 0-9 and '-'), where * and ? "
            "stand for others"
        )
    return names


def label_values(text: str) -> Labels:
    """Parse labels, each as NAME=VALUE."""
    found: dict[str, str] = {}
    for number, item in enumerate(_items(text), 1):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise ValueError("it is a comma-separated list of labels, each as NAME=VALUE")
        if not labels.is_value(value):
            raise ValueError(f"the value of label {number} must be {_LABEL_FORM}, or empty")
        if name in found:
            raise ValueError(f"label {number} is there twice")
        found[_label_name(name, number)] = value
    return tuple(sorted(found.items()))


def label_tags(text: str) -> Labels:
    """Parse the labels that tags may set: NAME of k8s-label-NAME in lower case, and the label.

    Each is a label's name, or NAME=LABEL for a tag that is named otherwise.
    """
    found: dict[str, str] = {}
    for number, item in enumerate(_items(text), 1):
        tag, equals, label = (part.strip() for part in item.partition("="))
        label = _label_name(label if equals else tag, number)
        if not labels.is_name(tag):
            raise ValueError(f"the tag of label {number} must be named as a label may be")
        if tag.lower() in found or label in found.values():
            raise ValueError(
                f"label {number} is there twice, or its tag is: case does not count in a tag's name"
            )
        found[tag.lower()] = label
    return tuple(sorted(found.items()))


def _label_name(name: str, number: int) -> str:
    if not labels.is_name(name):
        raise ValueError(
            f"the name of label {number} must be {_LABEL_FORM}, with or without a DNS name and a "
            "slash before it"
        )
    if why := labels.reserved(name):
        raise ValueError(f"label {number} {why}: remove it")
    return name


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
