"""Parses a vault's answers: a listing page by page, and a secret with its value.

A malformed entry affects that secret alone; an answer that cannot be trusted as a whole raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import getsizeof

from sync.adapters.azure.key_vault_errors import broken, untrusted
from sync.adapters.azure.key_vault_fields import (
    Odd,
    ReadsTag,
    attributes_of,
    content_type_of,
    is_enabled,
    seconds,
    tags_of,
    time_of,
)
from sync.adapters.azure.key_vault_pages import Pages
from sync.adapters.azure.vault_host import Answer, VaultHost, secret_of
from sync.core.errors import Permanent, excerpt
from sync.core.model import OBJECT_NAME, ListedSecret, SecretName, Unserved, VaultSecret
from sync.core.reasons import Reason

_NO_TAGS: Mapping[str, str] = {}
_MOST_SHARED_TEXTS = 1024
_ENTRY_BYTES = 128  # an entry's numbers, and its share of the list and the garbage collector
_FAULT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most secrets of one vault that are listed, and the most bytes that they may take."""

    secrets: int
    size: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The secret that was requested, and from where; `version` None means the current one."""

    host: VaultHost
    name: str
    version: str | None

    def is_answered_by(self, identity: str) -> bool:
        """Return whether an answer with this id is the requested secret."""
        match secret_of(identity):
            case (name, version) if self.host.may_have(identity):
                same = name.casefold() == self.name.casefold()
                return same and self.version in {None, version}
        return False


def document(host: VaultHost, answer: Answer) -> Mapping[str, object]:
    """Return the JSON object of an answer; raises Transient for anything else."""
    found = answer.json
    if not isinstance(found, dict):
        raise broken(host, "no JSON object")
    return found


class Listing:
    """Collects the secrets of one vault from the pages of its listing."""

    def __init__(self, host: VaultHost, bounds: Bounds, reads: ReadsTag) -> None:
        self.secrets: list[ListedSecret] = []
        self._host = host
        self._bounds = bounds
        self._reads = reads
        self._size = 0
        self._texts: dict[str, str] = {}
        self._pages = Pages(host)

    def add(self, page: Mapping[str, object]) -> str | None:
        """Add a page; return the link to the next one, None after the last."""
        for entry in self._pages.entries(page):
            self._keep(entry)
        link = self._pages.following(page)
        self._count(getsizeof(link))
        return link

    def _keep(self, entry: object) -> None:
        secret = self._listed(entry)
        self._count(_ENTRY_BYTES + getsizeof(secret) + getsizeof(secret.name))
        self.secrets.append(secret)
        if len(self.secrets) > self._bounds.secrets:
            raise self._too_large(f"{self._bounds.secrets:,} secrets")

    def _listed(self, entry: object) -> ListedSecret:
        identity = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(identity, str) and not self._host.may_have(identity):
            raise untrusted(self._host, "it listed another vault")
        named = secret_of(identity) if isinstance(identity, str) else None
        if named is None or not isinstance(entry, dict):
            number = f"entry {len(self.secrets) + 1}"
            return self._faulty(number, f"{number} without a secret's id")
        name, _ = named
        if not OBJECT_NAME.fullmatch(name):
            name = excerpt(name)
            return self._faulty(name, f"{name}, a name that Key Vault does not allow")
        try:
            return self._sound(name, entry)
        except Odd as odd:
            return self._faulty(name, f"{excerpt(name)} with {odd}")

    def _sound(self, name: str, entry: Mapping[str, object]) -> ListedSecret:
        attributes = attributes_of(entry)
        tags = {self._kept(tag): self._kept(text) for tag, text in tags_of(entry, self._reads)}
        if tags:
            self._count(getsizeof(tags))
        return ListedSecret(
            name=SecretName(name),
            enabled=is_enabled(attributes),
            updated=seconds(attributes, "updated"),
            expires=time_of(attributes.get("exp")),
            tags=tags or _NO_TAGS,
            content_type=self._kept(content_type_of(entry)),
            not_before=time_of(attributes.get("nbf")),
            managed=entry.get("managed") is True,
        )

    def _faulty(self, name: str, what: str) -> ListedSecret:
        self._count(_FAULT_BYTES)
        fault = Permanent(
            Reason.ENTRY_UNREADABLE,
            f"Vault {self._host.vault} lists {what}, so that its keys stay as they are: set a new "
            "version of it. If that does not help, look for a proxy that answers in the vault's "
            "place.",
        )
        return ListedSecret(SecretName(name), enabled=False, updated=0, fault=fault)

    def _kept(self, text: str) -> str:
        """Return the text, shared with equal ones if it is among the first of the vault."""
        if text in self._texts:
            return self._texts[text]
        self._count(getsizeof(text))
        if len(self._texts) < _MOST_SHARED_TEXTS:
            self._texts[text] = text
        return text

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._bounds.size:
            raise self._too_large(f"{self._bounds.size >> 20:,} MiB of names and tags")

    def _too_large(self, what: str) -> Permanent:
        return Permanent(
            Reason.VAULT_TOO_LARGE,
            f"Vault {self._host.vault} has more than {what}, which are not listed: move some to an "
            "additional vault.",
        )


def secret(
    asked: Asked, found: Mapping[str, object], read_at: float, reads: ReadsTag
) -> VaultSecret | Unserved:
    """Return the secret in an answer, or why it has no value; raises Permanent or Transient."""
    try:
        return _served(asked, found, read_at, reads)
    except Odd as odd:
        failure = broken(asked.host, f"a secret with {odd}")
    raise failure


def _served(
    asked: Asked, found: Mapping[str, object], read_at: float, reads: ReadsTag
) -> VaultSecret | Unserved:
    identity, value = found.get("id"), found.get("value")
    if not isinstance(identity, str):
        raise Odd("no id")
    if not asked.is_answered_by(identity):
        raise untrusted(asked.host, "it answered with another secret")
    attributes = attributes_of(found)
    if not is_enabled(attributes):
        return Unserved.DISABLED
    name, version = secret_of(identity) or ("", "")
    if not version or not isinstance(value, str):
        raise Odd("no version or no value")
    return VaultSecret(
        name=SecretName(name),
        version=version,
        value=value,
        created=seconds(attributes, "created"),
        updated=seconds(attributes, "updated"),
        read_at=read_at,
        tags=dict(tags_of(found, reads)),
        content_type=content_type_of(found),
        not_before=time_of(attributes.get("nbf")),
        expires=time_of(attributes.get("exp")),
    )
