"""Pages of a list: `limit` cuts it, and the token in `continue` asks for what follows."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from local.kubernetes.documents import Document, dump, parse_json, text
from local.kubernetes.options import Query
from local.kubernetes.status import bad_request
from local.kubernetes.store import Stored


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and the metadata that leads to the rest."""

    found: Sequence[Stored]
    metadata: Document

    @classmethod
    def asked(cls, query: Query, found: Sequence[Stored], version: str) -> "Page":
        """Return the page that a request asks for; 400 for a token that is none."""
        after = _after(query.get("continue", ""))
        left = [each for each in found if _place(each) > after]
        limit = int(query.get("limit") or 0) or len(left)
        page = left[:limit]
        metadata: Document = {"resourceVersion": version}
        if rest := len(left) - len(page):
            namespace, name = _place(page[-1])
            metadata["continue"] = base64.b64encode(dump([namespace, name])).decode()
            if not {"labelSelector", "fieldSelector"} & query.keys():
                metadata["remainingItemCount"] = rest
        return cls(page, metadata)


def _place(stored: Stored) -> tuple[str, str]:
    return text(stored.metadata, "namespace"), text(stored.metadata, "name")


def _after(token: str) -> tuple[str, str]:
    if not token:
        return "", ""
    try:
        read = parse_json(base64.b64decode(token, validate=True))
    except ValueError as error:
        raise bad_request("continue key is not valid") from error
    match read:
        case [str(namespace), str(name)]:
            return namespace, name
        case _:
            raise bad_request("continue key is not valid")
