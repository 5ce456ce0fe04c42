"""The kinds that a server has, those that a definition of a custom resource adds included."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from local.kubernetes.discovery import described
from local.kubernetes.documents import Document, child, items, text, words
from local.kubernetes.kinds import (
    AGE,
    DEFINITION,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    SECRET,
    Column,
    Kind,
)
from local.kubernetes.schemas import Schemas
from local.kubernetes.workloads import DAEMON_SET, DEPLOYMENT, POD, STATEFUL_SET

BUILT_IN = (
    *(NAMESPACE, SECRET, POD, ROLE, ROLE_BINDING),
    *(DEPLOYMENT, STATEFUL_SET, DAEMON_SET, DEFINITION),
)


class Catalogue:
    """The kinds by their paths."""

    def __init__(self) -> None:
        self._kinds = {kind.collection: kind for kind in BUILT_IN}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def at(self, collection: str) -> Kind | None:
        """Return the kind whose objects are below that path."""
        return self._kinds.get(collection)

    def named(self, plural: str) -> Kind:
        """Return the kind with that plural name; the Secret if there is none."""
        return next((kind for kind in self if kind.plural == plural), SECRET)

    def define(self, definition: Document) -> None:
        """Add or change the kind of a CustomResourceDefinition."""
        kind = custom_kind(definition)
        self._kinds[kind.collection] = kind
        self.__dict__.pop("documents", None)

    def forget(self, definition: Document) -> Kind | None:
        """Remove the kind that a definition added; return it."""
        self.__dict__.pop("documents", None)
        return self._kinds.pop(custom_kind(definition).collection, None)

    @cached_property
    def documents(self) -> Mapping[str, Document]:
        """How the server describes itself, by path."""
        return described(tuple(self))


def custom_kind(definition: Document) -> Kind:
    """Return the kind that a CustomResourceDefinition describes, in the version that is stored."""
    spec = child(definition, "spec")
    version = next((each for each in items(spec, "versions") if each.get("storage")), {})
    names = child(spec, "names")
    schema = child(child(version, "schema"), "openAPIV3Schema")
    columns = tuple(
        Column(text(each, "name"), (text(each, "jsonPath").removeprefix("."),))
        for each in items(version, "additionalPrinterColumns")
    )
    has_status = "status" in child(version, "subresources")
    return Kind(
        text(names, "kind"),
        text(names, "plural"),
        Schemas({}).kind(schema),
        text(spec, "group"),
        namespaced=text(spec, "scope") == "Namespaced",
        short_names=tuple(words(names, "shortNames")),
        columns=(*columns, AGE),
        reset="status" if has_status else "",
        version=text(version, "name"),
        counted=("spec",),
        custom=True,
        openapi=schema,
    )
