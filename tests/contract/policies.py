"""Puts the shipped admission policies into an API server, with values as an overlay sets them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.kubernetes.documents import Document, Json, child, items, parse_yaml, text
from local.role import BASE
from tests.contract.api_servers import ApiServer

COMPONENTS = BASE.parent / "components"
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


@contextmanager
def installed(server: ApiServer, component: str, values: Mapping[str, str]) -> Iterator[str]:
    """Have a component's policy and binding in the cluster for a while; yields the policy's name.

    It takes effect a moment later: wait for its first refusal.
    """
    wanted = policy(component, values)
    name = text(child(wanted, "metadata"), "name")
    try:
        for path, document in ((POLICIES, wanted), (BINDINGS, manifest(component, "binding"))):
            made = server.call("POST", path, document, query={"fieldValidation": "Strict"})
            assert (made.status, made.headers.get("Warning")) == (201, None), made.message
        yield name
    finally:
        for path in (BINDINGS, POLICIES):
            server.call("DELETE", f"{path}/{name}")
