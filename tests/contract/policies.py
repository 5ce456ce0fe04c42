"""Puts the shipped admission policies into an API server, with values as an overlay sets them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.kubernetes.documents import Document, Json, child, items, parse_yaml, text
from local.role import COMPONENTS
from tests.contract.api_servers import ApiServer

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{ADMISSION}/validatingadmissionpolicies"
BINDINGS = f"{ADMISSION}/validatingadmissionpolicybindings"


def manifest(component: str, name: str) -> Document:
    """Return a document of a component."""
    document = parse_yaml((COMPONENTS / component / f"{name}.yaml").read_bytes())
    assert isinstance(document, dict)
    return document


def policy(component: str, values: Mapping[str, str]) -> Document:
    """Return a component's policy with these expressions, by the names of what they replace."""
    document = manifest(component, "policy")
    spec = child(document, "spec")
    replaced: dict[str, Json] = {
        part: [
            {**item, "expression": values.get(text(item, "name"), text(item, "expression"))}
            for item in items(spec, part)
        ]
        for part in ("matchConditions", "variables")
    }
    return {**document, "spec": {**spec, **replaced}}


def collection(document: Document) -> str:
    """Return the path of all policies or bindings of the document's kind."""
    name = text(document, "kind").lower()
    return f"{ADMISSION}/{name.removesuffix('y')}ies" if name[-1] == "y" else f"{ADMISSION}/{name}s"


@contextmanager
def installed(server: ApiServer, component: str, values: Mapping[str, str]) -> Iterator[str]:
    """Have a component's policy and binding in the cluster for a while; yields the policy's name.

    It takes effect a moment later: wait for its first refusal.
    """
    wanted, binding = policy(component, values), manifest(component, "binding")
    name = text(child(wanted, "metadata"), "name")
    try:
        for document in (wanted, binding):
            query = {"fieldValidation": "Strict"}
            made = server.call("POST", collection(document), document, query=query)
            assert (made.status, made.headers.get("Warning")) == (201, None), made.message
        yield name
    finally:
        for document in (binding, wanted):
            server.call("DELETE", f"{collection(document)}/{name}")
