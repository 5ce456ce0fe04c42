"""What an ExternalSecret takes of the vault: `spec.data` and `spec.dataFrom`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync.cli.external_secrets.manifests import Fields, Unfit
from sync.projection.tags import Encoding

_NAME = re.compile(r"[0-9A-Za-z-]{1,127}", re.ASCII)
_PART = re.compile(r"[\w/$+ -]+")
_DOT = re.compile(r"(?<!\\)\.")
_ENCODINGS: Mapping[str, Encoding | None] = {
    "": None,
    "None": None,
    "Base64": Encoding.BASE64,
    "Base64URL": Encoding.BASE64URL,
}
_REMOTE = ("key", "property", "version", "decodingStrategy", "conversionStrategy")
_USUAL = ("metadataPolicy", "nullBytePolicy")


@dataclass(frozen=True, slots=True)
class Taken:
    """A vault secret's value, decoded if that is asked for, or the member of it at a path.

    The name is in lower case, since case means nothing to Key Vault.
    """

    secret: str
    path: tuple[str, ...] = ()
    encoding: Encoding | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries by their names, with why one of them cannot be had; and all members of values.

    `others` says why there may be entries with other names; empty if there are none.
    """

    named: Mapping[str, Taken | Unfit]
    expanded: tuple[Taken, ...] = ()
    others: str = ""

    def entry(self, name: str) -> Taken:
        """Return what a template calls by a name; raises Unfit."""
        found = self.named.get(name)
        if isinstance(found, Unfit):
            raise found
        if found is not None:
            return found
        if self.others:
            raise Unfit(self.others)
        if len(self.expanded) > 1:
            raise Unfit(f"reads .{name}, which any of several dataFrom may give")
        if not self.expanded:
            raise Unfit(f"reads .{name}, which no entry gives")
        (every,) = self.expanded
        return Taken(every.secret, (*every.path, *_path(name.replace(".", "\\."))))


def entries(spec: Fields) -> Entries:
    """Return what is taken; raises Unfit for what cannot be read."""
    store = spec.child("secretStoreRef").given
    named: dict[str, Taken | Unfit] = {}
    for each in spec.items("data"):
        key = each.text("secretKey")
        if not key:
            raise Unfit(f"has no secretKey at {each.place}")
        if key in named:
            raise Unfit(f"names entry {key} twice")
        try:
            named[key] = _entry(each, store)
        except Unfit as why:
            named[key] = why
    expanded: list[Taken] = []
    others = ""
    for each in spec.items("dataFrom"):
        try:
            expanded.append(_expanded(each, store))
        except Unfit as why:
            others = others or why.reasons[0]
    return Entries(named, tuple(expanded), others)


def _entry(each: Fields, store: Mapping[str, object]) -> Taken:
    each.only("secretKey", "remoteRef", "sourceRef")
    _same_store(each, store)
    return _taken(each.child("remoteRef"))


def _expanded(each: Fields, store: Mapping[str, object]) -> Taken:
    if "find" in each:
        raise Unfit(
            f"finds secrets at {each.place}: every secret of a vault is a key here without a tag, "
            "and SYNC_INCLUDE and SYNC_EXCLUDE choose among them"
        )
    if "rewrite" in each:
        raise Unfit(f"renames members at {each.place}.rewrite: list them in k8s-keys by hand")
    each.only("extract", "sourceRef")
    _same_store(each, store)
    found = _taken(each.child("extract"))
    if found.encoding:
        raise Unfit(f"decodes each member at {each.place}, and k8s-encoding the whole value")
    return found


def _same_store(each: Fields, store: Mapping[str, object]) -> None:
    source = each.child("sourceRef").only("storeRef", "generatorRef")
    if "generatorRef" in source:
        raise Unfit(f"has a generator at {each.place}, which is no secret of a vault")
    if "storeRef" in source and source.child("storeRef").given != store:
        raise Unfit(f"has a store of its own at {each.place}: put that into another ExternalSecret")


def _taken(remote: Fields) -> Taken:
    remote.only(*_REMOTE, *_USUAL)
    if remote.text("metadataPolicy") not in {"", "None"}:
        raise Unfit(f"reads tags at {remote.place}, and this app reads values")
    if remote.text("version"):
        raise Unfit(
            f"asks for one version at {remote.place}: this app takes the newest that is valid"
        )
    name, strategy = _secret(remote), remote.text("decodingStrategy")
    if strategy not in _ENCODINGS:
        raise Unfit(
            f"decodes by {_word(strategy)} at {remote.place}: k8s-encoding needs to know the "
            "encoding, and is base64 or base64url"
        )
    encoding, path = _ENCODINGS[strategy], _path(remote.text("property"))
    if encoding and path:
        raise Unfit(
            f"decodes one member at {remote.place}, and k8s-encoding decodes the whole value"
        )
    return Taken(name, path, encoding)


def _secret(remote: Fields) -> str:
    kind, slash, name = remote.text("key").rpartition("/")
    if slash and kind in {"cert", "key"}:
        raise Unfit(
            f"takes a {'certificate' if kind == 'cert' else 'key'} by {kind}/ at {remote.place}: "
            "this app takes the secret behind a certificate, by k8s-expand or k8s-type, and no keys"
        )
    if (slash and kind != "secret") or not _NAME.fullmatch(name):
        raise Unfit(f"has at {remote.place}.key no name of a vault secret")
    return name.lower()


def _path(text: str) -> tuple[str, ...]:
    """Divide a path of gjson that leads to one member, without its wildcards and modifiers."""
    if not text:
        return ()
    parts = tuple(part.replace("\\.", ".") for part in _DOT.split(text))
    if not all(_PART.fullmatch(part.replace(".", "")) and part == part.strip() for part in parts):
        raise Unfit(
            "has a property that is more than names joined by dots: list its members in k8s-keys "
            "by hand"
        )
    return parts


def _word(text: str) -> str:
    return text if text.isalnum() and text.isascii() else "another strategy"
