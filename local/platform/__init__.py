"""A platform's kind of application, and an application of it with three stages, as examples."""

from pathlib import Path

from local.kubernetes.documents import Document, parse_yaml

_FOLDER = Path(__file__).parent
EXAMPLE = _FOLDER / "kubernetes"
"""Kustomizations: `base`, and `dev`, `stg` and `prd` on top of it."""


def _read() -> Document:
    document = parse_yaml((_FOLDER / "definition.yaml").read_bytes())
    assert isinstance(document, dict)
    return document


DEFINITION: Document = _read()
"""The CustomResourceDefinition of `platformapplications`."""
