"""What the doctor asks of a cluster, on the emulator and on a real API server."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from local.kubernetes import Rule
from sync.adapters.kubernetes.access_reviews import ClusterAccess
from sync.core.errors import Permanent
from sync.core.model import Target, VaultName
from sync.doctor import remedies
from sync.doctor.secret_checks import NEEDED, Right
from tests.contract.api_servers import Account, ApiServer
from tests.contract.test_cluster_port import connect
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.kit.waiting import wait_until
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

VAULT = VaultName("weu-ds-akv-shop-dev-1")
NAME = "keyvault-project"


@dataclass(frozen=True, slots=True)
class Asked:
    """The protocol as an account of the server, and a target in one of its namespaces."""

    server: ApiServer
    folder: Path
    target: Target

    def by(self, account: Account) -> ClusterAccess:
        """Return the protocol as that account."""
        return ClusterAccess(connect(self.server, self.folder, account.token))

    def with_rule(self, *namespaces: str) -> ClusterAccess:
        """Return the protocol with the rights the sync needs in these namespaces, or in all."""
        rule = Rule(NEEDED, ("secrets",), (NAME,), namespaces)
        return self.by(self.server.user("least", [rule]))


@pytest.fixture
def asked(api_server: ApiServer, namespace: str, tmp_path: Path) -> Asked:
    """Return a target whose Secret is absent."""
    return Asked(api_server, tmp_path, Target(VAULT, "main", namespace, NAME))


def test_the_server_names_its_version_and_our_user(asked: Asked) -> None:
    """The server tells both, the user from Kubernetes 1.28 on."""
    account = asked.server.user("nobody", [])
    server = asked.by(account).server("main", soon())
    assert server.version == asked.server.call("GET", "/version").body["gitVersion"]
    assert server.user == (account.user if asked.server.release >= 28 else "")


def test_the_least_role_has_three_rights_and_no_more(asked: Asked) -> None:
    """The Role's verbs are granted on the named Secret, and nothing on others or on all."""
    access, target = asked.with_rule(asked.target.namespace), asked.target
    for verb in NEEDED:
        assert access.allows("main", Right(verb, target.namespace, target.secret), soon())
        assert not access.allows("main", Right(verb, target.namespace), soon())
        assert not access.allows("main", Right(verb), soon())
    for verb in ("list", "update", "delete"):
        assert not access.allows("main", Right(verb, target.namespace, target.secret), soon())


def test_the_least_role_can_tell_that_its_namespace_exists(asked: Asked) -> None:
    """Whether the Secret is there or not, and none is made by asking."""
    access = asked.with_rule(asked.target.namespace)
    secrets = f"/api/v1/namespaces/{asked.target.namespace}/secrets"
    assert access.has_namespace(asked.target, soon()) is True
    assert asked.server.call("GET", f"{secrets}/{NAME}").status == 404
    assert asked.server.call("POST", secrets, {"metadata": {"name": NAME}}).status == 201
    before = asked.server.call("GET", f"{secrets}/{NAME}").version
    assert access.has_namespace(asked.target, soon()) is True
    assert asked.server.call("GET", f"{secrets}/{NAME}").version == before


def test_a_missing_namespace_is_told_from_one_we_know_nothing_of(asked: Asked) -> None:
    """With the rights in every namespace the missing one shows; without any nothing does."""
    missing = Target(VAULT, "main", "contract-missing", NAME)
    assert asked.with_rule().has_namespace(missing, soon()) is False
    reader = asked.server.user("reader", [Rule(("get",), ("namespaces",))])
    assert asked.by(reader).has_namespace(missing, soon()) is False
    assert asked.by(reader).has_namespace(asked.target, soon()) is True
    nobody = asked.by(asked.server.user("nobody", []))
    assert nobody.has_namespace(asked.target, soon()) is None


@pytest.mark.parametrize("namespaces_too", [True, False])
def test_a_namespace_that_is_being_deleted_is_no_place_to_write(
    actual_server: ApiServer, tmp_path: Path, *, namespaces_too: bool
) -> None:
    """It is still there and takes no Secret: the error says so, whoever asks."""
    namespace = actual_server.create_namespace()
    asked = Asked(actual_server, tmp_path, Target(VAULT, "main", namespace, NAME))
    needed = Rule(NEEDED, ("secrets",), (NAME,))
    rules = [needed, Rule(("get",), ("namespaces",))] if namespaces_too else [needed]
    access = asked.by(actual_server.user("cluster-wide", rules))
    path = f"/api/v1/namespaces/{namespace}"
    assert actual_server.call("DELETE", path).status in {200, 202}
    if actual_server.call("GET", path).status != 200:
        pytest.skip("the namespace is gone already")
    with raises(Permanent, "NamespaceTerminating"):
        access.has_namespace(asked.target, soon())


def test_the_remedy_grants_what_the_doctor_misses(actual_server: ApiServer, tmp_path: Path) -> None:
    """Run by an administrator, the commands add a Secret to the rights and take none away."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    namespace = actual_server.create_namespace()
    asked = Asked(actual_server, tmp_path, Target(VAULT, "main", namespace, NAME))
    account = actual_server.user("bare", [])
    admin = tmp_path / "admin.kubeconfig"
    admin.write_text(actual_server.kubeconfig())
    for secret in (NAME, "keyvault-2"):
        command = remedies.role(Target(VAULT, "main", namespace, secret), account.user)
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(admin)}
        subprocess.run(  # noqa: S602 - it is made for a shell
            command, shell=True, check=True, env=environment, capture_output=True
        )
    access = asked.by(account)
    for secret in (NAME, "keyvault-2"):
        for verb in NEEDED:
            wait_until(partial(access.allows, "main", Right(verb, namespace, secret), soon()))
    assert not access.allows("main", Right("get", namespace), soon())


def test_a_refused_token_is_no_answer(asked: Asked) -> None:
    """A token that the server does not know is an error, and is not shown."""
    access = asked.by(Account("stranger", PLANTED))
    with raises(Permanent, "ClusterUnauthorized") as caught:
        access.server("main", soon())
    assert leaks(said(caught.value)) == []
