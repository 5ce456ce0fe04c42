"""Puts a definition of a custom kind into an API server."""

from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, child, dump, text
from local.kubernetes.kinds import DEFINITION
from tests.contract.api_servers import APPLY, ApiServer
from tests.kit.waiting import wait_until

_OPEN: Document = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
ROLLOUTS: Document = {
    "apiVersion": DEFINITION.api_version,
    "kind": DEFINITION.name,
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"kind": "Rollout", "plural": "rollouts", "singular": "rollout"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": _OPEN, "status": _OPEN},
                    }
                },
            }
        ],
    },
}
"""The kind of Argo Rollouts, of any structure."""


def serve(server: ApiServer, definition: Document) -> None:
    """Apply a CustomResourceDefinition, and wait until its kind is served."""
    path = DEFINITION.path("", text(child(definition, "metadata"), "name"))
    query = {"fieldManager": "kubectl", "force": "true"}
    made = server.call("PATCH", path, dump(definition), media=APPLY, query=query)
    assert made.status in {200, 201}, made.message
    server.made.append(path)
    kind = custom_kind(definition)
    wait_until(lambda: server.call("GET", kind.collection).status == 200)
