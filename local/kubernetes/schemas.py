"""Reads the structure of objects from OpenAPI v3, as the API server publishes it."""

from dataclasses import dataclass, field

from local.kubernetes.documents import Document, child, text, words
from local.kubernetes.nodes import (
    METADATA,
    Atomic,
    Items,
    Keyed,
    Leaf,
    Map,
    Members,
    Node,
    Struct,
    struct,
)

_METADATA_NAME = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_UNKNOWN = "x-kubernetes-preserve-unknown-fields"


@dataclass(frozen=True, slots=True)
class Schemas:
    """OpenAPI v3 schemas by name, as the API server publishes them."""

    definitions: Document
    _read: dict[str, Node] = field(default_factory=dict)

    def kind(self, schema: Document) -> Struct:
        """Return the structure of a kind."""
        read = self.node(schema)
        assert isinstance(read, Struct)
        own = {key: node for key, node in read.fields.items() if key != "metadata"}
        return Struct({**struct().fields, **own}, read.open)

    def node(self, schema: Document) -> Node:
        """Return the structure that a schema describes."""
        for each in (schema, *_parts(schema)):
            if name := text(each, "$ref").rpartition("/")[2]:
                if name not in self._read:
                    known = METADATA if name == _METADATA_NAME else None
                    self._read[name] = known or self.node(child(self.definitions, name))
                return self._read[name]
        match schema.get("type"):
            case "array":
                return self._list(schema)
            case "object":
                return self._mapping(schema)
            case "string" if schema.get("format") == "byte":
                return Leaf("bytes")
            case str(kind):
                return Leaf(kind)
            case _:
                return Leaf(_either(schema))

    def _list(self, schema: Document) -> Node:
        element = self.node(child(schema, "items"))
        match schema.get("x-kubernetes-list-type"):
            case "map":
                return self._keyed(schema, element)
            case "set" if isinstance(element, Leaf):
                return Members(element)
            case _:
                return Items(element)

    def _keyed(self, schema: Document, element: Node) -> Keyed:
        merged = text(schema, "x-kubernetes-patch-merge-key")
        keys = words(schema, "x-kubernetes-list-map-keys")
        described = child(schema, "items")
        for each in _parts(described):
            described = child(self.definitions, text(each, "$ref").rpartition("/")[2])
        fields = child(described, "properties")
        missing = {key: text(child(fields, key), "default") for key in keys}
        known = {key: value for key, value in missing.items() if value}
        return Keyed(tuple(sorted(keys, key=lambda key: key != merged)), element, known)

    def _mapping(self, schema: Document) -> Node:
        is_open = schema.get(_UNKNOWN) is True
        if "properties" in schema or is_open:
            fields = child(schema, "properties")
            known = {name: self.node(child(fields, name)) for name in fields}
            found = Struct(known, is_open)
            return Atomic(found) if schema.get("x-kubernetes-map-type") == "atomic" else found
        if "additionalProperties" in schema:
            return Map(self.node(child(schema, "additionalProperties")))
        return Leaf("object")


def _parts(schema: Document) -> list[Document]:
    whole = schema.get("allOf")
    return [each for each in whole if isinstance(each, dict)] if isinstance(whole, list) else []


def _either(schema: Document) -> str:
    """Return the type of a schema that leaves a choice: a number in quantities counts as text."""
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    return "quantity" if "oneOf" in schema else "any"
