"""Writes the tags that make keys of one vault secret's value, as `sync.projection` reads them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.cli.external_secrets.entries import Taken
from sync.cli.external_secrets.manifests import Unfit
from sync.cli.external_secrets.wanted import Key
from sync.core.errors import Permanent
from sync.core.model import Target
from sync.projection.key_items import Item, Reference
from sync.projection.keys import KeyStyle
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Rules

LONGEST = 256
"""Characters of a tag. https://learn.microsoft.com/azure/key-vault/secrets/about-secrets"""
MOST = 15
"""Tags of a secret."""

_WHOLE = ("value",)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a vault secret is to become: these keys, or a key for each member at a path."""

    name: str
    keys: Mapping[str, Key]
    expanded: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Tags, and the Secrets that the platform's rules let the keys go to."""

    tags: Mapping[str, str]
    secrets: tuple[str, ...]


def written(shape: Shape, secrets: Sequence[str], rules: Rules, target: Target) -> Written:
    """Return the tags that make exactly these keys, by what the rules read; raises Unfit."""
    wrong = Unfit(f"wants keys of {shape.name} that its tags cannot make")
    for tags in _candidates(shape, rules):
        for word in _words(secrets, target):
            asked = {**tags, **({"k8s-secret": word} if word else {})}
            try:
                placed = _placed(shape, asked, rules, target)
            except Unfit as why:
                wrong = why
                continue
            if placed.secrets == tuple(secrets) or word == ",".join(secrets):
                return Written(asked, placed.secrets)  # the last word, or the right one
    raise wrong


def _candidates(shape: Shape, rules: Rules) -> Iterator[dict[str, str]]:
    """Yield tags, those first that are fewer."""
    taken = [*shape.expanded, *(each for key in shape.keys.values() for each in key.taken)]
    encodings = {each.encoding for each in taken}
    if len(encodings) > 1:
        raise Unfit(f"takes {shape.name} both decoded and as it is, or by two encodings")
    (encoding,) = encodings
    decoding = {"k8s-encoding": encoding.value} if encoding else {}
    if shape.expanded:
        yield _of_all(shape, rules)
        return
    wholes = {not each.path for each in taken}
    if len(wholes) > 1:
        raise Unfit(f"takes {shape.name} whole and members of it as well")
    (key, *others) = shape.keys.values()
    if key.alone and not key.alone.path and not others:
        yield decoding
        yield {**decoding, "k8s-key": key.name}
        return
    form = {} if True in wholes else {"k8s-expand": "json"}
    yield {**decoding, **form, **_listed(shape)}


def _of_all(shape: Shape, rules: Rules) -> dict[str, str]:
    paths = {each.path for each in shape.expanded}
    if shape.keys or len(paths) > 1:
        raise Unfit(
            f"takes all members of {shape.name} and some of them under other names: list all in "
            "k8s-keys by hand"
        )
    if rules.style is KeyStyle.ENV:
        raise Unfit(
            f"takes all members of {shape.name}, and SYNC_KEY_STYLE=env spells their names in "
            "another way: list them in k8s-keys by hand"
        )
    (path,) = paths
    below = {"k8s-path": ".".join(map(_bare, path))} if path else {}
    return {"k8s-expand": "json", **below}


def _listed(shape: Shape) -> dict[str, str]:
    """Divide the items among as many tags as they need."""
    tags: dict[str, str] = {}
    text = ""
    for key in shape.keys.values():
        item = f"{key.name}={_value(key)}"
        if len(item) >= LONGEST:
            raise Unfit(
                f"makes key {key.name}, whose text is longer than the {LONGEST} characters of a tag"
            )
        if text and len(f"{text}, {item},") > LONGEST:
            tags[_tag(len(tags) + 1)] = f"{text},"
            text = item
        else:
            text = f"{text}, {item}" if text else item
    tags[_tag(len(tags) + 1)] = text
    return tags


def _tag(number: int) -> str:
    return "k8s-keys" if number == 1 else f"k8s-keys-{number}"


def _value(key: Key) -> str:
    if key.alone and key.alone.path:
        return ".".join(_bare(part) for part in key.alone.path).replace(",", ",,")
    return "".join(_piece(piece) for piece in key.pieces)


def _piece(piece: str | Taken) -> str:
    if isinstance(piece, Taken):
        path = ".".join(_bare(part).replace(":", "\\:") for part in piece.path or _WHOLE)
        return "{" + path.replace(",", ",,") + "}"
    return re.sub("[{},]", lambda found: found[0] * 2, piece)


def _bare(part: str) -> str:
    return part.replace("\\", "\\\\").replace(".", "\\.")


def _items(shape: Shape) -> tuple[Item, ...]:
    """Return what the tags have to be read as."""
    return tuple(
        Item(
            key.name,
            tuple(
                Reference(piece.path or _WHOLE) if isinstance(piece, Taken) else piece
                for piece in key.pieces
            ),
            bare=key.alone is not None and bool(key.alone.path),
        )
        for key in shape.keys.values()
    )


def _words(secrets: Sequence[str], target: Target) -> Iterator[str]:
    """Yield what the tag k8s-secret may say for these Secrets; empty for no tag."""
    if tuple(secrets) == (target.secret,):
        yield ""
        return
    if target.secret in secrets:
        raise Unfit(
            f"shares a vault secret with another for Secret {target.secret} and for others: no tag "
            "names the vault's own Secret beside others"
        )
    own = f"{target.secret}-"
    yield ",".join(secret.removeprefix(own) for secret in secrets)
    yield ",".join(secrets)


def _placed(shape: Shape, tags: Mapping[str, str], rules: Rules, target: Target) -> Placement:
    if len(tags) > MOST or max(map(len, tags.values()), default=0) > LONGEST:
        raise Unfit(f"wants more of {shape.name} than {MOST} tags of {LONGEST} characters hold")
    try:
        placed = rules.place(target, shape.name, tags, "")
    except Permanent as fault:
        raise Unfit(f"wants of {shape.name} what its tags cannot say ({fault.message})") from fault
    if isinstance(placed, Excluded):
        raise Unfit(f"takes {shape.name}, which is left out: {placed.reason}")
    if shape.expanded:
        return placed
    if placed.options.keys:
        _compare(shape, placed.options.keys)
    elif [placed.key] != [*shape.keys]:
        raise Unfit(f"wants another key of {shape.name} than its name makes")
    return placed


def _compare(shape: Shape, found: Iterable[Item]) -> None:
    for wanted, read in zip(_items(shape), found, strict=True):
        if wanted != read:
            raise Unfit(
                f"makes key {wanted.key}, whose text begins or ends with a blank or a line break, "
                "which tags lose"
            )
