"""The component `self-service` on a real API server: which Secrets the app's identity may write."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, text
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.errors import Permanent
from sync.core.model import CREATE_ONLY, Target
from tests.contract.api_servers import APPLY, JSON, MERGE, Account, Answer, ApiServer
from tests.contract.policies import installed
from tests.contract.test_cluster_port import LABELS, VAULT, connect, desired, encoded
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.kit.waiting import wait_until
from tests.leaks.dye import PLANTED

_RIGHTS = ("get", "create", "patch")
_POLICY = "keyvault-sync-self-service"


@dataclass(frozen=True, slots=True)
class Served:
    """A server with the policy, and the app's identity in a namespace without names in its Role."""

    server: ApiServer
    app: KubernetesSecrets = field(repr=False)
    account: Account
    namespace: str

    def target(self, name: str) -> Target:
        """Aim at a Secret of the namespace."""
        return Target(VAULT, "main", self.namespace, name)

    def path(self, name: str = "") -> str:
        """Return the path of a Secret, or of all."""
        return f"/api/v1/namespaces/{self.namespace}/secrets{name and '/'}{name}"

    def apply(self, name: str, **body: object) -> Answer:
        """Apply a Secret with the app's token, as a thief would: with its label unless it says."""
        whole = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": LABELS},
            **body,
        }
        query = {"fieldManager": "keyvault-sync", "force": "true"}
        sent = json.dumps(whole).encode()
        token = self.account.token
        return self.server.call(
            "PATCH", self.path(name), sent, media=APPLY, token=token, query=query
        )

    def have(self, name: str, labels: Document | None = None, kind: str = "Opaque") -> None:
        """Let somebody make a Secret."""
        body: Document = {
            "metadata": {"name": name, "labels": labels or {}},
            "type": kind,
            "data": encoded(a=PLANTED),
        }
        made = self.server.call("POST", self.path(), body)
        assert made.status == 201, made.message


@pytest.fixture(scope="module")
def served(actual_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Install the policy for a namespace, and wait until it refuses something."""
    namespace = actual_server.create_namespace()
    account = actual_server.user("app", [Rule(_RIGHTS, ("secrets",), (), (namespace,))])
    clusters = connect(actual_server, Path(tmp_path_factory.mktemp("served")), account.token)
    made = Served(actual_server, KubernetesSecrets(clusters), account, namespace)
    values = {
        "the-app-asks": f"request.userInfo.username == '{account.user}'",
        "placements": f"{{'{namespace}': ['myapp']}}",
        "secretNames": "'orders, billing-*,v?'",
        "takeovers": f"['{namespace}/keyvault-9']",
    }
    with installed(actual_server, "self-service", values):
        wait_until(lambda: made.apply("probe").status == 403)
        yield made
    clusters.close()


@pytest.mark.parametrize(
    "name",
    [
        *("keyvault-project", "keyvault-2", "keyvault-99", "keyvault-project-db", "keyvault-2-db"),
        *("myapp", "myapp-db", "orders", "billing-eu", "v1"),
    ],
)
def test_names_by_rule_are_written(served: Served, name: str) -> None:
    """Vaults' own Secrets, placements', those derived from them, and names that settings allow."""
    target = served.target(name)
    served.app.apply(target, desired(a=PLANTED), CREATE_ONLY, soon())
    actual = served.app.read(target, soon())
    assert actual is not None
    served.app.apply(target, desired(b=PLANTED), actual.resource_version, soon())


@pytest.mark.parametrize(
    "name",
    [
        *("probe", "keyvault", "keyvault-0", "keyvault-100", "keyvault-01"),
        *(
            "keyvault-projects",
            "my-keyvault-2",
            "myapps",
            "xmyapp",
            "order",
            "orders-2",
            "v",
            "v10",
        ),
        *("billing", "xbilling-eu", "keyvault-project.x", "orders.x"),
    ],
)
def test_other_names_are_refused(served: Served, name: str) -> None:
    """What only looks alike is not written; the message says where the name is added."""
    refused = served.apply(name, data=encoded(a=PLANTED))
    assert is_refusal(refused), refused.message
    assert "Add it to placements or secretNames" in refused.message


def is_refusal(answer: Answer) -> bool:
    """Return whether the policy refused the request, and quoted no value."""
    told = json.dumps(answer.body)
    return (
        (answer.status, answer.reason) == (403, "Forbidden")
        and f"ValidatingAdmissionPolicy '{_POLICY}'" in answer.message
        and PLANTED not in told
        and text(encoded(a=PLANTED), "a") not in told
    )


def test_the_label_is_needed(served: Served) -> None:
    """The app's token neither makes a Secret without the label nor takes the label off."""
    bare = served.apply("keyvault-3", metadata={"name": "keyvault-3"}, data={})
    assert is_refusal(bare), bare.message
    assert served.apply("keyvault-3", data=encoded(a=PLANTED)).status == 201
    unlabel: Document = {"metadata": {"labels": None}}
    token = served.account.token
    taken = served.server.call(
        "PATCH", served.path("keyvault-3"), unlabel, media=MERGE, token=token
    )
    assert is_refusal(taken), taken.message


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "Helm"}])
def test_a_secret_without_the_label_is_not_taken_over(
    served: Served, labels: dict[str, str]
) -> None:
    """Though the apply itself sets the label, and forces; the app names the policy."""
    name = f"myapp-{len(labels)}"
    served.have(name, {**labels})
    refused = served.apply(name, data=encoded(a=PLANTED))
    assert is_refusal(refused), refused.message
    assert "add its namespace and name to takeovers" in refused.message
    actual = served.app.read(served.target(name), soon())
    assert actual is not None
    with raises(Permanent, "AdmissionDenied", _POLICY) as caught:
        served.app.apply(served.target(name), desired(b=PLANTED), actual.resource_version, soon())
    assert PLANTED not in said(caught.value)


def test_a_named_secret_is_taken_over(served: Served) -> None:
    """The platform lists the one Secret, by namespace and name."""
    served.have("keyvault-9")
    taken = served.apply("keyvault-9", data=encoded(a=PLANTED))
    assert taken.status == 200, taken.message


@pytest.mark.parametrize(
    "kind", ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "Other"]
)
def test_other_types_are_refused(served: Served, kind: str) -> None:
    """A Secret that Kubernetes would fill with a ServiceAccount's token is not made."""
    metadata = {
        "name": "keyvault-4",
        "labels": LABELS,
        "annotations": {"kubernetes.io/service-account.name": "default"},
    }
    refused = served.apply("keyvault-4", metadata=metadata, type=kind)
    assert is_refusal(refused), refused.message


def test_what_a_stolen_token_is_good_for_without_names(served: Served) -> None:
    """It reads each Secret of the namespace, by name; it lists, watches and deletes none."""
    served.have("database")
    token = served.account.token
    read = served.server.call("GET", served.path("database"), token=token)
    assert read.status == 200, "no admission limits what is read"
    tried = [
        ("GET", served.path(), JSON),
        ("GET", f"{served.path()}?watch=1&timeoutSeconds=1", JSON),
        ("GET", "/api/v1/secrets", JSON),
        ("GET", "/api/v1/namespaces/default/secrets/keyvault-project", JSON),
        ("PATCH", served.path("database"), MERGE),
        ("PUT", served.path("database"), JSON),
        ("DELETE", served.path("database"), JSON),
        ("DELETE", served.path("keyvault-project"), JSON),
        ("DELETE", served.path(), JSON),
    ]
    for method, path, media in tried:
        answer = served.server.call(method, path, {}, media=media, token=token)
        assert (answer.status, answer.reason) == (403, "Forbidden"), f"{method} {path}"
        assert PLANTED not in json.dumps(answer.body)
    posted: Document = {"metadata": {"name": "made"}, "data": encoded(a=PLANTED)}
    made = served.server.call("POST", served.path(), posted, token=token)
    assert is_refusal(made), made.message
    generated: Document = {"metadata": {"generateName": "keyvault-", "labels": {**LABELS}}}
    made = served.server.call("POST", served.path(), generated, token=token)
    assert is_refusal(made), made.message


def test_others_are_not_judged(served: Served) -> None:
    """The policy is about the app's identity alone."""
    served.have("anything")
    path = served.path("anything")
    assert served.server.call("PATCH", path, {"data": None}, media=MERGE).status == 200
    assert served.server.call("DELETE", path).status == 200
