"""The components beside a real kube-controller-manager, by both identities that it can have."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from local.kubernetes.documents import Document, child
from tests.contract.api_servers import MERGE, ApiServer
from tests.contract.controllers import (
    USER,
    WHY_NO_CONTROLLERS,
    controller_manager,
    controllers,
)
from tests.contract.policies import POLICIES, installed
from tests.contract.test_guard import Guarded, broken_glass, guarded, is_refusal, of
from tests.kit.waiting import wait_until

__all__ = ["guarded"]

_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


@pytest.fixture(params=[True, False], ids=["service-accounts", "one-user"])
def controlled(
    request: pytest.FixtureRequest, actual_server: ApiServer, guarded: Guarded, tmp_path: Path
) -> Iterator[Guarded]:
    """Run the controllers beside the guard; the one user has the rights that they need."""
    program = controller_manager()
    if program is None:
        pytest.skip(WHY_NO_CONTROLLERS)
    group = "rbac.authorization.k8s.io"
    binding: Document = {
        "metadata": {"name": "controllers"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }
    assert actual_server.call("POST", _BINDINGS, binding).status == 201
    try:
        with controllers(actual_server, program, tmp_path, accounts=request.param):
            yield guarded
    finally:
        actual_server.call("DELETE", f"{_BINDINGS}/controllers")


def test_a_namespace_goes_with_its_secrets(controlled: Guarded) -> None:
    """A namespace that holds what the app wrote does not stay Terminating."""
    target = controlled.create()
    home = f"/api/v1/namespaces/{target.namespace}"
    assert is_refusal(controlled.ask(target, "DELETE"))
    assert controlled.server.call("DELETE", home).status in {200, 202}
    wait_until(lambda: controlled.server.call("GET", home).status == 404)


def test_a_secret_goes_with_its_owner(controlled: Guarded) -> None:
    """The garbage collector deletes what had an owner before the guard was there."""
    target = controlled.create()
    home = f"/api/v1/namespaces/{target.namespace}/configmaps"
    owner = controlled.server.call("POST", home, {"metadata": {"name": "owner"}})
    assert owner.status == 201
    reference: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": child(owner.body, "metadata")["uid"],
    }
    owned: Document = {"metadata": {"ownerReferences": [reference]}}
    assert is_refusal(controlled.ask(target, "PATCH", owned, MERGE))
    who = broken_glass(controlled.team)
    assert controlled.ask(target, "PATCH", owned, MERGE, who=who).status == 200
    assert controlled.server.call("DELETE", f"{home}/owner").status == 200
    wait_until(lambda: controlled.server.call("GET", of(target)).status == 404)


def test_the_type_check_finds_nothing(controlled: Guarded) -> None:
    """The cluster checks the expressions against the kinds' schemas, and has no warning."""
    server = controlled.server
    with (
        installed(server, "self-service", {}) as names,
        installed(server, "restart-only", {}) as limits,
    ):
        for name in ("keyvault-sync-guard", names, limits):
            wait_until(partial(is_checked, server, name))
            status = child(server.call("GET", f"{POLICIES}/{name}").body, "status")
            assert status["typeChecking"] == {}


def is_checked(server: ApiServer, policy: str) -> bool:
    """Return whether the controller has looked at the policy."""
    return "typeChecking" in child(server.call("GET", f"{POLICIES}/{policy}").body, "status")
