"""What a user with the shipped rights on one Secret may, and what is said of the rest."""

from collections.abc import Mapping

from local.kubernetes import Rule
from local.kubernetes.documents import Document, Json
from tests.contract.api_servers import APPLY, JSON_PATCH, MERGE, STRATEGIC
from tests.contract.recording.applies import SECRET, config
from tests.contract.recording.conversation import Conversation, Request
from tests.contract.recording.objects import SECRETS, post

_SHIPPED = (Rule(("get", "create", "patch"), ("secrets",), ("s", "keyvault-project")),)
_OTHER = "/api/v1/namespaces/{ns}/secrets/other"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1"
_APPLIED = f"{SECRET}?fieldManager=m"
_A: Document = {"a": "YQ=="}


def _as_user(method: str, path: str, body: Json = None, media: str = "application/json") -> Request:
    return Request(method, path, body, media, user=True)


def _may(**attributes: str) -> Request:
    review: Document = {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": dict(attributes)},
    }
    return _as_user("POST", f"{_REVIEWS}/selfsubjectaccessreviews", review)


CONVERSATIONS: Mapping[str, Conversation] = {
    "the shipped rights": Conversation(
        [
            _as_user("GET", SECRET),
            _as_user("PATCH", _APPLIED, config(data=_A), APPLY),
            _as_user("PATCH", _APPLIED, config(data={"b": "Yg=="}), APPLY),
            _as_user("PATCH", _APPLIED, {"data": {"b": None}}, MERGE),
            _as_user("PATCH", _APPLIED, {"data": {"c": None}}, STRATEGIC),
            _as_user("PATCH", _APPLIED, [], JSON_PATCH),
            _as_user("GET", SECRET),
            _as_user("HEAD", SECRET),
            _as_user("PUT", SECRET, config(data=_A)),
            _as_user("DELETE", SECRET),
            _as_user("POST", SECRETS, config({"name": "keyvault-project"})),
            _as_user("POST", SECRET, config()),
            _as_user("GET", SECRETS),
            _as_user("GET", f"{SECRETS}?watch=1"),
            _as_user("GET", f"{SECRETS}?watch=0"),
            _as_user("GET", f"{SECRETS}?fieldSelector=metadata.name%3Ds"),
            _as_user("GET", f"{SECRETS}?watch=true&fieldSelector=metadata.name%3Ds"),
            _as_user("DELETE", SECRETS),
            _as_user("GET", "/api/v1/secrets"),
            _as_user("GET", "/api/v1/watch/namespaces/{ns}/secrets/s"),
        ],
        _SHIPPED,
    ),
    "other names": Conversation(
        [
            post(config({"name": "other"}, data=_A)),
            _as_user("GET", _OTHER),
            _as_user("PATCH", f"{_OTHER}?fieldManager=m", config({"name": "other"}), APPLY),
            _as_user("PATCH", f"{_OTHER}?fieldManager=m", config({"name": "s"}), APPLY),
            _as_user("PATCH", _APPLIED, config({"name": "other"}), APPLY),
            _as_user("PATCH", _OTHER, {}, MERGE),
            _as_user("PUT", _OTHER, {}),
            _as_user("DELETE", _OTHER),
            _as_user("GET", "/api/v1/namespaces/{ns}/secrets/absent"),
            _as_user("GET", "/api/v1/namespaces/default/secrets/s"),
            _as_user(
                "PATCH",
                "/api/v1/namespaces/default/secrets/s?fieldManager=m",
                config(data=_A),
                APPLY,
            ),
            _as_user("GET", "/api/v1/namespaces/no-such/secrets/s"),
            _as_user("GET", "/api/v1/namespaces/{ns}/secrets/s/status"),
            _as_user("GET", "/api/v1/namespaces/{ns}/secrets/%2e%2e"),
        ],
        _SHIPPED,
    ),
    "other kinds": Conversation(
        [
            _as_user("GET", "/api/v1/namespaces"),
            _as_user("GET", "/api/v1/namespaces/{ns}"),
            _as_user("GET", "/api/v1/namespaces/default"),
            _as_user("POST", "/api/v1/namespaces", {"metadata": {"name": "mine"}}),
            _as_user("DELETE", "/api/v1/namespaces/{ns}"),
            _as_user("GET", "/api/v1/namespaces/{ns}/configmaps"),
            _as_user("GET", "/api/v1/namespaces/{ns}/configmaps/s"),
            _as_user("GET", "/api/v1/namespaces/{ns}/pods/s/log"),
            _as_user("POST", "/api/v1/namespaces/{ns}/serviceaccounts/default/token", {}),
            _as_user("GET", "/api/v1/nodes"),
            _as_user("GET", f"{_RBAC}/namespaces/{{ns}}/roles"),
            _as_user("GET", f"{_RBAC}/namespaces/{{ns}}/roles/keyvault-sync"),
            _as_user("POST", f"{_RBAC}/namespaces/{{ns}}/rolebindings", {}),
            _as_user("GET", f"{_RBAC}/clusterroles"),
            _as_user("GET", "/apis/apps/v1/namespaces/{ns}/deployments"),
            _as_user("GET", "/metrics"),
            _as_user("GET", "/logs"),
            _as_user("GET", "/none"),
            _as_user("POST", "/version"),
            _as_user("DELETE", "/api/v1"),
        ],
        _SHIPPED,
    ),
    "whoever only reads": Conversation(
        [
            _as_user("PATCH", _APPLIED, config(data=_A), APPLY),
            _as_user("GET", SECRET),
        ],
        (Rule(("get",), ("secrets",), ("s",)),),
    ),
    "whoever only patches": Conversation(
        [
            _as_user("PATCH", _APPLIED, config(data=_A), APPLY),
            _as_user("PATCH", f"{_APPLIED}&dryRun=All", config(data=_A), APPLY),
            post(config()),
            _as_user("PATCH", _APPLIED, config(data=_A), APPLY),
            _as_user("GET", SECRET),
        ],
        (Rule(("patch",), ("secrets",), ("s",)),),
    ),
    "whoever has no right": Conversation([_as_user("GET", SECRET), _as_user("GET", SECRETS)]),
    "whoever has no token": Conversation(
        [
            Request("GET", SECRET, headers={"Authorization": "Bearer nobody"}),
            Request("GET", SECRET, headers={"Authorization": ""}),
            Request("GET", SECRET, headers={"Authorization": "Basic YTpi"}),
        ],
        _SHIPPED,
    ),
    "reviews": Conversation(
        [
            _may(verb="get", resource="secrets", namespace="{ns}", name="s"),
            _may(verb="get", resource="secrets", namespace="{ns}", name="other"),
            _may(verb="get", resource="secrets", namespace="{ns}"),
            _may(verb="list", resource="secrets", namespace="{ns}"),
            _may(verb="delete", resource="secrets", namespace="{ns}", name="s"),
            _may(verb="patch", resource="secrets", namespace="{ns}", name="s", group="x"),
            _may(verb="patch", resource="secrets", namespace="{ns}", name="s", subresource="x"),
            _may(verb="get", resource="secrets", name="s"),
            _may(verb="*", resource="*"),
            _may(verb="create", resource="secrets", namespace="{ns}", name="s", version="v1"),
            _as_user("POST", f"{_REVIEWS}/selfsubjectaccessreviews", {}),
            _as_user("POST", f"{_REVIEWS}/selfsubjectaccessreviews", {"spec": {}}),
            _as_user(
                "POST",
                f"{_REVIEWS}/selfsubjectaccessreviews",
                {"spec": {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}},
            ),
            _as_user(
                "POST",
                f"{_REVIEWS}/selfsubjectaccessreviews",
                {"spec": {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}},
            ),
            _as_user("POST", f"{_REVIEWS}/selfsubjectaccessreviews", []),
            _as_user("POST", f"{_REVIEWS}/selfsubjectaccessreviews", "{"),
            _as_user("GET", f"{_REVIEWS}/selfsubjectaccessreviews"),
            _as_user("POST", f"{_REVIEWS}/subjectaccessreviews", {}),
            _as_user(
                "POST", f"{_REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "{ns}"}}
            ),
            _as_user("POST", f"{_REVIEWS}/selfsubjectrulesreviews", {}),
            _as_user("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}),
        ],
        _SHIPPED,
    ),
}
