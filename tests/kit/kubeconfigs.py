"""Kubeconfigs of one context, as a test wants them."""

import json
from base64 import b64encode

URL = "https://api.example:6443"


def encoded(text: str) -> str:
    """Return the text as a Secret and a kubeconfig hold it."""
    return b64encode(text.encode()).decode()


def document(user: object, **cluster: object) -> str:
    """Write a kubeconfig with that user."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": URL, **cluster}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )
