"""kubectl's move from client-side to server-side apply: its last-applied annotation."""

from local.kubernetes.documents import Document, child, dump, parse_json, text
from local.kubernetes.fields import Paths, compare, field_set
from local.kubernetes.kinds import Kind

KUBECTL = "kubectl"
_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def taken_over(kind: Kind, live: Document) -> Paths:
    """Return the fields that kubectl applied from the client and that still are as it left them."""
    annotation = text(child(child(live, "metadata"), "annotations"), _ANNOTATION)
    if not annotation:
        return frozenset()
    try:
        config = parse_json(annotation.encode())
    except ValueError:
        return frozenset()
    difference = compare(kind.schema, config, live)
    changed = difference.added | difference.modified | difference.removed
    return frozenset(field_set(kind.schema, config)) - changed


def refreshed(live: Document, new: Document, config: Document) -> Document:
    """Return the new object; its annotation holds the configuration if the live one has one."""
    if _ANNOTATION not in child(child(live, "metadata"), "annotations"):
        return new
    metadata = child(new, "metadata")
    annotations = {
        **child(metadata, "annotations"),
        _ANNOTATION: dump(config).decode() + "\n",
    }
    return {**new, "metadata": {**metadata, "annotations": annotations}}
