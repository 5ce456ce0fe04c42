"""Examples: a platform's kind of application, one of it with three stages, and Deployments."""

from pathlib import Path

import yaml

from local.kubernetes.documents import Document, PlainLoader

PLATFORM = Path(__file__).parent
EXAMPLE = PLATFORM / "kubernetes"
"""Kustomizations: `base`, and `dev`, `stg` and `prd` on top of it."""


def _read(name: str) -> list[Document]:
    text = (PLATFORM / name).read_text()
    return list(yaml.load_all(text, Loader=PlainLoader))


(DEFINITION,) = _read("definition.yaml")
"""The CustomResourceDefinition of `platformapplications`."""
READER, NEIGHBOUR = _read("workloads.yaml")
"""Two Deployments that ask to be restarted: one reads db-password of vault 1, one of vault 2."""
