"""Reads the JSON of the answers; a field that is missing or of another type reads as empty."""

from collections import Counter
from collections.abc import Mapping, Sequence

type Document = Mapping[str, object]


def text(document: Document, name: str) -> str:
    """Return a text."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def number(document: Document, name: str) -> int:
    """Return a number."""
    value = document.get(name)
    return value if isinstance(value, int) else 0


def words(document: Document, name: str) -> Sequence[str]:
    """Return a list of texts."""
    value = document.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def items(document: Document, name: str) -> Sequence[Document]:
    """Return a list of objects."""
    value = document.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def child(document: Document, name: str) -> Document:
    """Return an object."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def place(document: Document) -> str:
    """Return where a Secret is as CLUSTER/NAMESPACE/SECRET, empty without a `target`."""
    target = child(document, "target")
    return "/".join(text(target, part) for part in ("cluster", "namespace", "secret") if target)


def told_apart(documents: Sequence[Document]) -> Sequence[Document]:
    """Return the documents with the target beside the name of a vault that has several."""
    counts = Counter(text(each, "vault") for each in documents)

    def named(each: Document) -> Document:
        vault, target = text(each, "vault"), child(each, "target")
        if counts[vault] == 1 or not target:
            return each
        where = f"{text(target, 'namespace')}/{text(target, 'secret')}"
        return {**each, "vault": f"{vault} ({where})"}

    return list(map(named, documents))


def vaults_or_targets(documents: Sequence[Document]) -> str:
    """Return what the documents are counted as."""
    vaults = {text(each, "vault") for each in documents}
    return "vault" if len(vaults) == len(documents) else "target"


def is_refusal(document: Document) -> bool:
    """Return whether the answer only says why there is none."""
    return "reason" in document and not document.keys() & {"outcomes", "vaults", "secrets"}
