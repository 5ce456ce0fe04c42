"""What admission of a real API server refuses: the port says who, and nothing of the Secret."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, text
from sync.adapters.kubernetes.access_reviews import ClusterAccess
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.errors import Permanent, Transient
from sync.core.model import CREATE_ONLY, Target
from tests.contract.api_servers import MERGE, Account, ApiServer
from tests.contract.test_cluster_port import VAULT, connect, desired, encoded
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.kit.waiting import wait_until
from tests.leaks.dye import PLANTED

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_NAME = "keyvault-project"


@pytest.fixture
def target(actual_server: ApiServer) -> Target:
    """Aim at a Secret that is not there yet, in a namespace of its own."""
    return Target(VAULT, "main", actual_server.create_namespace(), _NAME)


@pytest.fixture
def account(actual_server: ApiServer, target: Target) -> Account:
    """Make a user with the rights that the Role gives."""
    rule = Rule(("get", "create", "patch"), ("secrets",), (_NAME,), (target.namespace,))
    return actual_server.user("app", [rule])


@pytest.fixture
def secrets(
    actual_server: ApiServer, account: Account, tmp_path: Path
) -> Iterator[KubernetesSecrets]:
    """Connect as that user."""
    clusters = connect(actual_server, tmp_path, account.token)
    yield KubernetesSecrets(clusters)
    clusters.close()


@contextmanager
def made(server: ApiServer, kind: str, name: str, document: Document) -> Iterator[None]:
    """Have an object of the cluster's own for a while."""
    posted = server.call("POST", f"{_ADMISSION}/{kind}", {"metadata": {"name": name}, **document})
    assert posted.status == 201, posted.message
    try:
        yield
    finally:
        server.call("DELETE", f"{_ADMISSION}/{kind}/{name}")


@contextmanager
def policy(server: ApiServer, target: Target, reason: str) -> Iterator[str]:
    """Refuse whatever is written to the target's Secret, and quote all of it."""
    name = f"no-secrets-{target.namespace}"
    rule: Document = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["secrets"],
    }
    here: Document = {"matchLabels": {"kubernetes.io/metadata.name": target.namespace}}
    spec: Document = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [
            {
                "expression": "!has(object.data) || !('a' in object.data)",
                "messageExpression": "'not ' + object.data.a",
                "reason": reason,
            }
        ],
    }
    binding: Document = {"spec": {"policyName": name, "validationActions": ["Deny"]}}
    with (
        made(server, "validatingadmissionpolicies", name, {"spec": spec}),
        made(server, "validatingadmissionpolicybindings", name, binding),
    ):
        yield name


def refuses(server: ApiServer, target: Target, says: str) -> Callable[[], bool]:
    """Return whether the server refuses a trial of the write yet, in those words."""
    path = f"/api/v1/namespaces/{target.namespace}/secrets"
    body: Document = {"metadata": {"name": _NAME}, "stringData": {"a": PLANTED}}
    return lambda: says in server.call("POST", path, body, query={"dryRun": "All"}).message


@pytest.mark.parametrize("reason", ["Forbidden", "Invalid", "RequestEntityTooLarge"])
def test_a_policy_is_named_and_not_quoted(
    actual_server: ApiServer, secrets: KubernetesSecrets, target: Target, reason: str
) -> None:
    """A policy that has the value in its message spills it to the API's answer, not to ours."""
    spilled = text(encoded(a=PLANTED), "a")
    with policy(actual_server, target, reason) as name:
        wait_until(refuses(actual_server, target, spilled))
        with pytest.raises(Permanent, match=name) as caught:
            secrets.apply(target, desired(a=PLANTED), CREATE_ONLY, soon())
    assert caught.value.reason == "AdmissionDenied"
    assert PLANTED not in said(caught.value)
    assert spilled not in said(caught.value)
    assert secrets.read(target, soon()) is None


def test_a_full_quota_is_named(
    actual_server: ApiServer,
    secrets: KubernetesSecrets,
    account: Account,
    target: Target,
    tmp_path: Path,
) -> None:
    """A namespace that may have no more Secrets is no matter of rights, and it is there."""
    path = f"/api/v1/namespaces/{target.namespace}/resourcequotas"
    hard: Document = {"count/secrets": "0"}
    counted: Document = {"hard": hard, "used": {"count/secrets": "0"}}
    body: Document = {"metadata": {"name": "few"}, "spec": {"hard": hard}}
    assert actual_server.call("POST", path, body).status == 201
    status: Document = {"status": counted}
    told = actual_server.call("PATCH", f"{path}/few/status", status, media=MERGE)
    assert told.status == 200, told.message
    wait_until(refuses(actual_server, target, "exceeded quota"))
    with raises(Permanent, "QuotaExceeded", "ResourceQuota few") as caught:
        secrets.apply(target, desired(a=PLANTED), CREATE_ONLY, soon())
    assert PLANTED not in said(caught.value)
    clusters = connect(actual_server, tmp_path, account.token)
    assert ClusterAccess(clusters).has_namespace(target, soon()) is True
    clusters.close()


def test_a_webhook_that_is_down_may_pass(
    actual_server: ApiServer, secrets: KubernetesSecrets, target: Target
) -> None:
    """Who cannot be asked is named; the write is tried again."""
    webhook: Document = {
        "name": "down.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["secrets"],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": target.namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    name = f"down-{target.namespace}"
    with made(actual_server, "validatingwebhookconfigurations", name, {"webhooks": [webhook]}):
        wait_until(refuses(actual_server, target, "failed calling webhook"))
        with pytest.raises(Transient, match=r"down\.example\.com") as caught:
            secrets.apply(target, desired(a=PLANTED), CREATE_ONLY, soon())
    assert caught.value.reason == "ClusterUnavailable"
    assert PLANTED not in said(caught.value)


def test_what_a_stolen_token_is_good_for(
    actual_server: ApiServer, account: Account, target: Target
) -> None:
    """With the app's token nothing else is read, listed, watched, removed or taken over."""
    home = f"/api/v1/namespaces/{target.namespace}"
    everything: Document = {"metadata": {"name": "other"}, "stringData": {"a": PLANTED}}
    assert actual_server.call("POST", f"{home}/secrets", everything).status == 201
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{target.namespace}"
    tried = [
        ("GET", f"{home}/secrets/other"),
        ("GET", f"{home}/secrets"),
        ("GET", f"{home}/secrets?watch=1&timeoutSeconds=1"),
        ("GET", f"{home}/secrets?fieldSelector=metadata.name%3D{_NAME}"),
        ("GET", "/api/v1/secrets"),
        ("PATCH", f"{home}/secrets/other"),
        ("PUT", f"{home}/secrets/{_NAME}"),
        ("DELETE", f"{home}/secrets/{_NAME}"),
        ("DELETE", f"{home}/secrets"),
        ("POST", f"{home}/secrets"),
        ("GET", f"/api/v1/namespaces/default/secrets/{_NAME}"),
        ("GET", "/api/v1/namespaces"),
        ("GET", home),
        ("DELETE", home),
        ("GET", f"{home}/configmaps"),
        ("GET", f"{home}/pods"),
        ("POST", f"{home}/pods"),
        ("POST", f"{home}/serviceaccounts/default/token"),
        ("GET", f"{rbac}/roles"),
        ("POST", f"{rbac}/rolebindings"),
        ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ("GET", "/api/v1/nodes"),
        ("GET", "/metrics"),
    ]
    for method, path in tried:
        media = MERGE if method == "PATCH" else "application/json"
        answer = actual_server.call(method, path, {}, media=media, token=account.token)
        assert (answer.status, text(answer.body, "reason")) == (403, "Forbidden"), (
            f"{method} {path}"
        )
        assert PLANTED not in json.dumps(answer.body)
    for header in ({"Impersonate-User": "admin"}, {"Impersonate-User": "system:masters"}):
        answer = actual_server.call(
            "GET", f"{home}/secrets/other", token=account.token, headers=header
        )
        assert answer.status == 403, header
