"""The examples of docs/secrets.md are what the rules make of them."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import PrivateFormat

from local.standing.serve import SECRETS
from sync.core.annotation import encode
from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.core.reasons import Reason
from sync.core.state import Record, State
from sync.projection.budget import ParseBudget
from sync.projection.formats import MAX_MEMBERS
from sync.projection.key_items import Filter
from sync.projection.made_values import FILTERS
from sync.projection.placement import Excluded
from sync.projection.tags import KNOWN, Encoding, Format, SecretType
from sync.projection.trees import MAX_DEPTH
from sync.reconcile.guards import MAX_ANNOTATION_BYTES, MAX_DATA_BYTES, MAX_KEYS
from sync.settings.environment import read
from tests.kit import chains

type Node = str | list[Node] | dict[str, Node]

DOCUMENT = (Path(__file__).parents[2] / "docs/secrets.md").read_text()
VAULT = "weu-DS-AKV-shop-dev-1"
CHAIN = chains.chain_of("P-256", 3)
VALUES = {
    "*certificate*": (chains.text_of(chains.pfx(CHAIN.key, CHAIN.certificates)), chains.PKCS12),
    "*PEM certificate*": (
        chains.key_pem(CHAIN.key) + chains.pem(*CHAIN.certificates),
        chains.PEM,
    ),
    "*private key in base64*": (
        base64.b64encode(chains.key_pem(CHAIN.key, PrivateFormat.OpenSSH).encode()).decode(),
        "",
    ),
}
"""The values that the document describes: the text and its content type."""
FOREIGN = {"ExternalSecret", "SecretProviderClass", "AzureKeyVaultSecret"}


@dataclass(frozen=True)
class Example:
    """One row of the document: what is typed, and what it says becomes of it."""

    line: int
    name: str
    value: str
    content_type: str
    tags: Mapping[str, str]
    settings: Mapping[str, str]
    secret: str
    type: str
    keys: Mapping[str, str | None]
    fate: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return f"line {self.line}"


def quoted(cell: str) -> list[str]:
    """Return what stands in back quotes."""
    return re.findall("`([^`]*)`", cell)


def tables() -> Iterator[tuple[int, dict[str, str]]]:
    """Return each table row with its line number, its cells by the table's head."""
    head: list[str] = []
    for number, line in enumerate(DOCUMENT.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif not set(line) <= set("|-"):
            assert len(cells) == len(head), f"line {number}"
            yield number, dict(zip(head, cells, strict=True))


def examples() -> Iterator[Example]:
    """Return the rows that say what becomes of a value."""
    for line, row in tables():
        if "keys" not in row:
            continue
        settings = dict(text.split("=", 1) for text in quoted(row.get("settings", "")))
        text, content_type = VALUES.get(row["value"]) or ("".join(quoted(row["value"])), "")
        secret, *kind = quoted(row.get("Secret", "`keyvault-project`")) or [""]
        pairs = re.findall("`([^`]+)`(?: = (`[^`]*`))?", row["keys"])
        refused = row["keys"].startswith("*")
        yield Example(
            line=line,
            name="".join(quoted(row["name"])),
            value=text.replace("⏎", "\n"),
            content_type=content_type,
            tags=dict(text.split(": ", 1) for text in quoted(row["tags"])),
            settings=settings,
            secret=secret,
            type=kind[0] if kind else "",
            keys={} if refused else {key: value[1:-1] if value else None for key, value in pairs},
            fate=row["keys"] if refused else "",
            labels=dict(text.split("=", 1) for text in quoted(row.get("labels", ""))),
        )


EXAMPLES = list(examples())


def documents() -> Iterator[Node]:
    """Return each YAML document of the fenced blocks."""
    for block in re.findall("```yaml\n(.*?)```", DOCUMENT, re.DOTALL):
        yield from yaml.load_all(block, Loader=yaml.BaseLoader)


def nodes(node: Node) -> Iterator[tuple[str, Node]]:
    """Return each member of the objects in a document, with its name."""
    if isinstance(node, dict):
        yield from node.items()
    for child in node.values() if isinstance(node, dict) else node:
        if not isinstance(child, str):
            yield from nodes(child)


def named(node: Node, *path: str) -> str:
    """Return the text at a path of members, empty where there is none."""
    for part in path:
        node = node.get(part, "") if isinstance(node, dict) else ""
    return node if isinstance(node, str) else ""


def listed(node: Node) -> list[Node]:
    """Return the items of a list."""
    return node if isinstance(node, list) else []


def references() -> Iterator[tuple[str, str, str]]:
    """Return what our manifests read: a Secret, a key of it if one is named, and its type."""
    ours = [document for document in documents() if named(document, "kind") not in FOREIGN]
    for member, node in nodes(ours):
        match member, node:
            case "secretKeyRef" | "secretRef", _:
                yield named(node, "name"), named(node, "key"), ""
            case "secret", {"items": items}:
                for item in listed(items):
                    yield named(node, "secretName"), named(item, "key"), ""
            case "imagePullSecrets", _:
                for item in listed(node):
                    yield named(item, "name"), "", SecretType.DOCKERCONFIGJSON
            case "tls", _:
                for item in listed(node):
                    yield named(item, "secretName"), "", SecretType.TLS


def outcome(example: Example) -> tuple[str, str, Mapping[str, bytes], Mapping[str, str]]:
    """Return Secret, type, keys and labels; raises Permanent, also for what is left out."""
    settings = read(example.settings)
    target = settings.naming.targets(settings.naming.vault(VAULT))[0]
    place = settings.rules.place(target, example.name, example.tags, example.content_type)
    if isinstance(place, Excluded):
        raise Permanent(Reason.VAULT_NAME_OFF_PATTERN, place.reason)  # no placement raises it
    secret = VaultSecret(
        name=SecretName(example.name),
        version="1",
        value=example.value,
        created=0,
        updated=0,
        read_at=0,
        tags=example.tags,
        content_type=example.content_type,
    )
    keys = settings.rules.render(place, secret, ParseBudget()).values
    labels = {**dict(settings.rules.labels), **dict(place.options.labels)}
    return ", ".join(place.secrets), place.type or "", keys, labels


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.fate], ids=str)
def test_example_comes_true(example: Example) -> None:
    """What is typed as a row says goes to the Secret that the row names, as its keys."""
    secret, kind, keys, labels = outcome(example)
    assert labels == example.labels
    assert (secret, kind, keys.keys()) == (example.secret, example.type, example.keys.keys())
    said = {key: text.encode() for key, text in example.keys.items() if text is not None}
    assert {key: keys[key] for key in said} == said


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.fate], ids=str)
def test_example_goes_nowhere(example: Example) -> None:
    """What is typed as a row says is left out, or refused for the reason of the row."""
    with pytest.raises(Permanent) as refusal:
        outcome(example)
    reason = refusal.value.reason
    assert example.fate == (
        "*left out*" if reason is Reason.VAULT_NAME_OFF_PATTERN else f"*refused*: `{reason}`"
    )


def test_the_local_role_covers_the_examples() -> None:
    """With `make up` each example comes true: the app's Role has its Secret."""
    assert {example.secret for example in EXAMPLES if not example.fate} <= set(SECRETS)


def test_manifests_read_what_the_examples_make() -> None:
    """Each Secret, key and type that a manifest asks for is made by an example without settings."""
    made = {
        (example.secret, key, kind)
        for example in EXAMPLES
        if not example.settings
        for key in ("", *example.keys)
        for kind in {"", example.type}
    }
    asked = set(references())
    assert len(asked) > 8
    assert asked <= made


def test_other_tools_ask_for_what_the_examples_have() -> None:
    """The vault secrets and keys of the other tools' manifests are those of the examples."""
    made = {(example.name, key) for example in EXAMPLES for key in ("", *example.keys)}
    asked: set[tuple[str, str]] = set()
    for document in documents():
        for member, node in nodes(document):
            if member in {"extract", "remoteRef"}:
                asked.add((named(node, "key").removeprefix("secret/"), ""))
            elif member == "secretObjects":
                asked |= {
                    (named(pair, "objectName"), named(pair, "key"))
                    for each in listed(node)
                    if isinstance(each, dict)
                    for pair in listed(each["data"])
                }
            elif member == "vault":
                secret = named(document, "spec", "output", "secret", "dataKey")
                asked.add((named(node, "object", "name"), secret))
    assert len(asked) == 6
    assert asked <= made


def test_every_tag_and_word_is_told() -> None:
    """The table of tags has each tag of the app, with each word that it takes."""
    told = {row["tag"].strip("`"): quoted(row["values"]) for _, row in tables() if "tag" in row}
    assert told.keys() == set(KNOWN)
    assert told["k8s-sync"] == told["k8s-trim"] == told["k8s-restart"] == ["true", "false"]
    assert told["k8s-expand"] == list(Format)
    assert told["k8s-encoding"] == list(Encoding)
    assert told["k8s-type"] == [kind.word for kind in SecretType]


def test_every_filter_is_told() -> None:
    """The table of filters has each of them, and what it writes of the value in its head."""
    rows = [row for _, row in tables() if "filter" in row]
    (head,) = {name for name in rows[0] if name.endswith("becomes")}
    (given,) = quoted(head)
    told = {Filter(row["filter"].strip("`")): quoted(row[head]) for row in rows}
    assert told == {each: [FILTERS[each](given)] for each in Filter}


def test_examples_show_every_setting_of_the_rules() -> None:
    """Each setting that decides what becomes of a secret is told, all but two by an example."""
    shown = {name for example in EXAMPLES for name in example.settings}
    assert shown | {"SYNC_CHAIN_ROOT", "SYNC_CHAIN_CA", "SYNC_REGISTRY_IDENTITY_TOKENS"} == {
        "SYNC_KEY_STYLE",
        "SYNC_INCLUDE",
        "SYNC_EXCLUDE",
        "SYNC_STAGE_PREFIXES",
        "SYNC_STAGE_ALIASES",
        "SYNC_SECRET_NAMES",
        "SYNC_CHAIN_ROOT",
        "SYNC_CHAIN_CA",
        "SYNC_REGISTRY_IDENTITY_TOKENS",
        "SYNC_LABELS",
        "SYNC_LABEL_TAGS",
    }
    assert "`SYNC_CHAIN_CA=root-only`" in DOCUMENT
    assert "`SYNC_CHAIN_ROOT=keep`" in DOCUMENT
    assert "`SYNC_REGISTRY_IDENTITY_TOKENS=true`" in DOCUMENT


def test_limits_are_told() -> None:
    """The document's numbers are the limits in force, and what the annotation takes."""
    told = " ".join(DOCUMENT.split())
    assert f"Up to {MAX_MEMBERS:,} members, {MAX_DEPTH} levels deep" in told
    assert f"{MAX_DATA_BYTES // 1024**2} MiB of values" in told
    assert f"{MAX_KEYS:,} keys" in told
    assert f"{MAX_ANNOTATION_BYTES // 1024} KiB of annotations" in told
    plain = Record("0" * 32, 1_700_000_000, settled=True, keys=("name",))
    tagged = replace(plain, fingerprint="0" * 8, keys=("KEY",))
    empty, bare, shaped = (
        len(encode(State("v", 0, records)))
        for records in ({}, {SecretName("name"): plain}, {SecretName("name"): tagged})
    )
    assert bare - empty - len("name") == pytest.approx(50, abs=3)
    assert "about 50 bytes and its name" in told
    assert shaped - bare - len("KEY") == pytest.approx(15, abs=3)
    assert "some 15 bytes more and the names of its keys" in told
