"""Parses the tags of a vault secret: which keys it becomes, and in which Secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from sync.core import labels
from sync.core.errors import Permanent, excerpt
from sync.core.labels import Labels
from sync.core.reasons import Reason
from sync.projection.key_items import Item, is_continued, read_items

PREFIX = "k8s-"
LABEL_PREFIX = f"{PREFIX}label-"


class Format(StrEnum):
    """The values of `k8s-expand`, which turns each member of a value into a key."""

    JSON = "json"
    YAML = "yaml"
    DOTENV = "dotenv"
    CERTIFICATE = "certificate"


class Encoding(StrEnum):
    """The values of `k8s-encoding`, which is decoded from the whole value before anything else."""

    BASE64 = "base64"
    BASE64URL = "base64url"
    HEX = "hex"


class SecretType(StrEnum):
    """The Secret types that `k8s-type` can ask for, as Kubernetes spells them."""

    TLS = "kubernetes.io/tls"
    DOCKERCONFIGJSON = "kubernetes.io/dockerconfigjson"
    BASIC_AUTH = "kubernetes.io/basic-auth"
    SSH_AUTH = "kubernetes.io/ssh-auth"

    @property
    def word(self) -> str:
        """The type's word in the tag."""
        return self.value.removeprefix("kubernetes.io/")


@dataclass(frozen=True, slots=True)
class TagOptions:
    """The parsed tags of one vault secret; the defaults mean that it has none of ours."""

    sync: bool = True
    key: str | None = None
    """The key's name; with `expand`, the prefix of the keys' names."""
    keys: tuple[Item, ...] = ()
    """The only keys that there are, each with what it is made of."""
    expand: Format | None = None
    path: str | None = None
    encoding: Encoding | None = None
    secret: tuple[str, ...] = ()
    """The Secrets that its keys go to; empty for the vault's own."""
    type: SecretType | None = None
    trim: bool = False
    """Whether to remove line breaks at the end of the value, or of each member's."""
    labels: Labels = ()
    """The labels that its Secrets get."""
    restart: bool | None = None
    """Whether a change restarts what reads its keys; None if no tag says it."""


CERTIFICATE_MEMBERS: Mapping[str, str] = {
    "crt": "crt",
    "key": "key",
    "ca": "ca",
    "tls.crt": "crt",
    "tls.key": "key",
    "ca.crt": "ca",
}
"""What `k8s-keys` may call the parts of a certificate, and the shortest name of each."""

UNTAGGED = TagOptions()
"""What a secret without any tag of ours asks for."""

_YES_OR_NO = {"true": True, "false": False}
_EXPAND = {form.value: form for form in Format}
_ENCODING = {encoding.value: encoding for encoding in Encoding}
_TYPE = {kind.word: kind for kind in SecretType}

_KEY_LENGTH = 253  # the API server's limit of a data key
_PREFIX_LENGTH = 128
_SUGGESTIONS = 3  # 0.1 ms each, and every pass reads the tags of up to 20,000 secrets
_KEY = re.compile(r"(?!\.\Z|\.\.)[-._a-zA-Z0-9]+", re.ASCII)
_SECRET = re.compile(r"(?=.{1,63}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)

KNOWN = (
    *(f"{PREFIX}{field}" for field in TagOptions.__dataclass_fields__ if field != "labels"),
    f"{LABEL_PREFIX}NAME",
)
_NO_LABELS: Mapping[str, str] = {}


def is_tagged(tags: Mapping[str, str]) -> bool:
    """Return whether any of the tags is ours."""
    return any(tag.strip().lower().startswith(PREFIX) for tag in tags)


def read_common_tags(tags: Mapping[str, str]) -> TagOptions:
    """Parse the tags that count in every place, whatever the others say: k8s-sync, k8s-restart."""
    ours = _Tags(tags)
    return TagOptions(
        sync=ours.word("k8s-sync", _YES_OR_NO) is not False,
        restart=ours.word("k8s-restart", _YES_OR_NO),
    )


def read_tags(
    name: str, tags: Mapping[str, str], allowed: Mapping[str, str] = _NO_LABELS
) -> TagOptions:
    """Parse the tags of the vault secret `name`; raises Permanent, which lists all faults.

    If `k8s-sync` is false, the other tags are not looked at. `allowed` are the labels that tags may
    set, by the lower-case NAME of k8s-label-NAME.
    """
    ours = _Tags(tags)
    sync = ours.word("k8s-sync", _YES_OR_NO)
    if sync is False and not ours.faults:
        return TagOptions(sync=False)
    options = TagOptions(
        expand=ours.word("k8s-expand", _EXPAND),
        key=ours.key(),
        keys=ours.keys(),
        path=ours.path(),
        encoding=ours.word("k8s-encoding", _ENCODING),
        secret=ours.secrets(),
        type=ours.word("k8s-type", _TYPE),
        trim=ours.word("k8s-trim", _YES_OR_NO) is True,
        labels=ours.labels(allowed),
        restart=ours.word("k8s-restart", _YES_OR_NO),
    )
    ours.compare(options)
    unknown = ours.unknown()
    if faults := [*unknown, *ours.faults]:
        known = f" Known tags are {', '.join(KNOWN)}." if unknown else ""
        raise Permanent(
            Reason.TAG_UNKNOWN if unknown else Reason.TAG_WRONG,
            f"Correct the tags of secret {name!r}: {'; '.join(faults)}.{known}",
        )
    return options


class _Tags:
    """Our tags by lower-case name, and the faults found in them."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._given: dict[str, str] = {}
        for spelled, text in tags.items():
            tag = spelled.strip().lower()
            if tag in self._given:
                self.faults.append(
                    f"{excerpt(tag)} is there in several spellings, keep one of them"
                )
            elif tag.startswith(PREFIX):
                self._given[tag] = text.strip()

    def unknown(self) -> list[str]:
        """Return faults for unknown tags, the first few with a similar name."""
        faults: list[str] = []
        for tag in sorted(self._given.keys() - set(KNOWN)):
            if tag.startswith(LABEL_PREFIX) or is_continued(tag):
                continue
            near = get_close_matches(tag[:64], KNOWN, 1) if len(faults) < _SUGGESTIONS else ()
            meant = f", perhaps {near[0]} is meant" if near else ""
            faults.append(f"{excerpt(tag)} is no tag of this app{meant}")
        return faults

    def word[T](self, tag: str, words: Mapping[str, T]) -> T | None:
        """Return the meaning of a tag's word; None if it is missing or wrong."""
        word = self._given.get(tag)
        if word is None:
            return None
        if word.lower() not in words:
            self.faults.append(f"{tag} must be one of {', '.join(words)}")
        return words.get(word.lower())

    def key(self) -> str | None:
        """Return the key's name or prefix; None if it is missing or wrong."""
        longest = _PREFIX_LENGTH if "k8s-expand" in self._given else _KEY_LENGTH
        key = self._given.get("k8s-key")
        if key is None or (_KEY.fullmatch(key) and len(key) <= longest):
            return key
        self.faults.append(
            f"k8s-key must be 1 to {longest} characters of a-z, A-Z, 0-9, '-', '_' and '.', "
            "not '.' alone and not '..' in front"
        )
        return None

    def keys(self) -> tuple[Item, ...]:
        """Return the keys that are listed, each with what it is made of."""
        return read_items(self._given, self.faults)

    def path(self) -> str | None:
        """Return the path of the member to use, if there is one."""
        path = self._given.get("k8s-path")
        if path == "":
            self.faults.append("k8s-path must be names of members joined by dots, as db.password")
        return path

    def secrets(self) -> tuple[str, ...]:
        """Return the names of the Secrets that the keys go to."""
        given = self._given.get("k8s-secret")
        if given is None:
            return ()
        words = tuple(word.strip() for word in given.split(","))
        if all(_SECRET.fullmatch(word) for word in words):
            return tuple(dict.fromkeys(words))
        self.faults.append(
            "k8s-secret must be the name of a Secret, or several divided by commas, each 1 to 63 "
            "characters of a-z, 0-9 and '-' with a letter or digit at both ends"
        )
        return ()

    def labels(self, allowed: Mapping[str, str]) -> Labels:
        """Return the labels that are asked for and allowed."""
        found: dict[str, str] = {}
        for tag, value in sorted(self._given.items()):
            if not tag.startswith(LABEL_PREFIX):
                continue
            named = tag.removeprefix(LABEL_PREFIX)
            label = allowed.get(named)
            if label is None:
                self.faults.append(f"{excerpt(tag)} {_not_allowed(named)}")
            elif not labels.is_value(value):
                self.faults.append(
                    f"{excerpt(tag)} must be at most 63 characters of a-z, A-Z, 0-9, '-', '_' and "
                    "'.', with a letter or digit at both ends"
                )
            else:
                found[label] = value
        return tuple(sorted(found.items()))

    def compare(self, options: TagOptions) -> None:
        """Add a fault for each pair of tags that exclude each other."""
        given = self._given.keys()
        if "k8s-path" in given and (
            "k8s-expand" not in given or options.expand in {Format.DOTENV, Format.CERTIFICATE}
        ):
            self.faults.append("k8s-path needs k8s-expand with json or yaml")
        if "k8s-encoding" in given and options.expand is Format.CERTIFICATE:
            self.faults.append("k8s-encoding must go, since k8s-expand is certificate")
        self.faults.extend(
            f"{other} must go, since k8s-type says which keys there are"
            for other in ("k8s-expand", "k8s-key", "k8s-keys")
            if {"k8s-type", other} <= given
        )
        if {"k8s-key", "k8s-keys"} <= given:
            self.faults.append("k8s-key must go, since k8s-keys says which keys there are")
        self._compare_keys(options)

    def _compare_keys(self, options: TagOptions) -> None:
        """Add a fault for each key whose member no value of that format has."""
        wanted = {name for name in ("k8s-expand", "k8s-type") if name in self._given}
        for item in options.keys:
            names = {".".join(reference.parts) for reference in item.references}
            if options.expand is Format.CERTIFICATE and not names <= CERTIFICATE_MEMBERS.keys():
                self.faults.append(
                    f"k8s-keys may ask a certificate for {', '.join(CERTIFICATE_MEMBERS)}, "
                    "and asks for another member"
                )
                return
            if not wanted and (item.bare or names != {"value"}):
                self.faults.append(
                    "k8s-keys asks for a member, which needs k8s-expand with the value's format; "
                    "without it there is only {value}, the whole value, as KEY={value}"
                )
                return


def _not_allowed(named: str) -> str:
    """Say why a tag may not set a label, and who may allow it."""
    if not named:
        return "must name a label, as k8s-label-team"
    if why := labels.reserved(named):
        return f"asks for a label that {why}, and no tag may set it"
    return (
        "asks for a label that tags may not set: the platform allows one by its name in "
        "SYNC_LABEL_TAGS"
    )
