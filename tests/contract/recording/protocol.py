"""HTTP itself: paths, methods, media types, and what the server says about itself."""

from collections.abc import Mapping

from tests.contract.recording.applies import SECRET, config
from tests.contract.recording.conversation import Conversation, Request
from tests.contract.recording.objects import SECRETS, post

_RBAC = "/apis/rbac.authorization.k8s.io/v1"

CONVERSATIONS: Mapping[str, Conversation] = {
    "paths": Conversation(
        [
            Request("GET", path)
            for path in (
                "/api/v2",
                "/api/v1/nothing",
                "/api/v1/namespaces/{ns}/nothing",
                "/api/v1/namespaces/{ns}/nothing/s",
                "/api/v1/namespaces/{ns}/secrets/s/nothing",
                "/api/v1/namespaces/{ns}/secrets/s/status",
                "/api/v1/secrets/s",
                "/apis/nothing",
                "/apis/nothing/v1",
                "/apis/nothing/v1/things",
                f"{_RBAC}/nothing",
                "/nothing",
                "/api/v1/namespaces//secrets/s",
                "/api/v1/namespaces/{ns}/secrets/",
                "/api/v1/namespaces/{ns}/secrets/s/",
                "/api/v1/namespaces/{ns}/secrets/a%2Fb",
                "/api/v1/namespaces/{ns}/secrets/%20",
                "/API/v1/namespaces",
            )
        ]
    ),
    "methods": Conversation(
        [
            Request(method, path, {} if method not in {"HEAD", "OPTIONS", "GET"} else None)
            for path in (SECRETS, SECRET, "/api/v1/namespaces", "/api/v1/namespaces/{ns}")
            for method in ("HEAD", "OPTIONS", "TRACE")
        ]
        + [
            Request("POST", SECRET, config()),
            Request("PUT", SECRETS, config()),
            Request("PATCH", SECRETS, {}, "application/merge-patch+json"),
            Request("POST", "/api/v1/secrets", config()),
            Request("DELETE", "/api/v1/secrets"),
            Request("POST", "/api/v1/namespaces/{ns}", {"metadata": {"name": "{ns}"}}),
            Request("PUT", "/api/v1/namespaces", {}),
            Request("POST", "/version", {}),
            Request("POST", "/api", {}),
        ]
    ),
    "media types": Conversation(
        [
            Request("POST", SECRETS, config({"name": f"s{index}"}), media)
            for index, media in enumerate(
                (
                    "application/json; charset=utf-8",
                    "application/json;stream=watch",
                    "text/plain",
                    "",
                    "application/x-www-form-urlencoded",
                    "application/vnd.kubernetes.protobuf",
                    "application/cbor",
                    "garbage",
                    "application/yaml",
                    "text/yaml",
                    "*/*",
                )
            )
        ]
        + [
            Request("PUT", SECRET, config(), "text/plain"),
            Request("DELETE", SECRET, {}, "text/plain"),
            Request("POST", "/api/v1/namespaces", {"metadata": {"name": "x"}}, "text/plain"),
        ]
    ),
    "parameters": Conversation(
        [
            post(config(), query)
            for query in (
                "dryRun=all",
                "dryRun=true",
                "fieldValidation=",
                "fieldValidation=Strict&fieldValidation=Ignore&dryRun=All",
                "fieldManager=%FF&dryRun=All",
                "fieldManager=a%20b&dryRun=All",
                "fieldManager=a/b&dryRun=All",
                "fieldManager=%C3%A4&dryRun=All",
                "dryRun=All&pretty=true",
                "dryRun=All&timeout=1s",
                "dryRun=All&timeout=garbage",
                "dryRun=All&a=%zz",
            )
        ]
        + [
            Request("GET", f"{SECRET}?{query}")
            for query in ("resourceVersion=garbage", "resourceVersion=1", "pretty=maybe")
        ]
    ),
    "agents": Conversation(
        [
            Request("POST", f"{SECRETS}?dryRun=All", config(), headers={"User-Agent": agent})
            for agent in (
                "kubectl/v1.36",
                "a b/c",
                "",
                "/x",
                "{a*200}",
                "a(b)/c",
                "Mozilla/5.0 (X)",
            )
        ]
    ),
    "health": Conversation(
        [
            Request(method, path)
            for path in ("/healthz", "/livez", "/readyz", "/healthz/ping", "/healthz/none")
            for method in ("GET", "HEAD")
        ]
    ),
}
