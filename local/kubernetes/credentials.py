"""Kubeconfig files, with which clients reach a cluster."""

import base64
import json


def kubeconfig(server: str, ca_pem: bytes, token: str, namespace: str = "default") -> str:
    """Return a kubeconfig for a server's URL, its CA and a bearer token.

    It is JSON, and so also YAML, because kubectl would read a YAML namespace `n` as a boolean.
    """
    name = "local"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(ca_pem).decode(),
                },
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
        ],
        "current-context": name,
    }
    return json.dumps(document, indent=2) + "\n"
