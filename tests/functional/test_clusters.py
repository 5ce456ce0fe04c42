"""Any cluster: where each vault goes, by which login, and what is renewed without a restart."""

import json
import secrets
import sys
from collections.abc import Iterator

import pytest

from local.api_server import AKS_AUDIENCE, ApiServer
from local.key_vault import Vault
from local.stack import SUBSCRIPTION
from tests.functional.world import Place, World, outcome, wait_until
from tests.leaks.dye import value

OTHER_AUDIENCE = "api://33333333-0000-4000-8000-000000000003"
AKS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/prod"
    "/providers/Microsoft.ContainerService/managedClusters/main"
)
ACCOUNT = "system:serviceaccount:platform:keyvault-sync"


@pytest.fixture
def server(world: World) -> Iterator[ApiServer]:
    """Start a cluster beside the stack's own."""
    server = world.stack.another_cluster()
    yield server
    server.stop()


@pytest.fixture
def keeper(world: World) -> Vault:
    """Make a vault that is none of the platform's, for credentials."""
    return world.stack.vault(f"kept-{secrets.token_hex(4)}")


def clusters(*each: dict[str, object]) -> str:
    """Write the setting; a cluster without a name gets one."""
    return json.dumps([{"name": f"c{number}", **item} for number, item in enumerate(each)])


def at(server: ApiServer, **fields: object) -> dict[str, object]:
    """Describe the server by its URL and authority."""
    return {"server": server.url, "ca": server.authority.pem.decode(), **fields}


def silent(world: World, stage: str = "dev") -> Place:
    """Make a vault with one secret, and no namespace in the stack's own cluster."""
    return world.filled("key", name=f"weu-DS-AKV-{{}}-{stage}-1", silent=True, namespace=False)


def test_stages_have_clusters_of_their_own(world: World, server: ApiServer) -> None:
    """Events reach dev in one cluster and prod in another; the rest is told to add a cluster."""
    dev = world.place("weu-DS-AKV-{}-dev-1")
    prod = world.place("neu-DS-AKV-{}-prod1-1", namespace=False)
    neither = world.place("weu-DS-AKV-{}-qa-1", namespace=False)
    server.namespace(prod.namespace)
    kubeconfig = str(world.stack.app_kubeconfig)
    own: dict[str, object] = {"match": {"stage": "dev"}, "kubeconfig": kubeconfig}
    setting = clusters(own, at(server, match={"stage": "PROD*", "region": "neu"}))
    with world.app(dev, prod, neither, SYNC_CLUSTERS=setting) as app:
        for place in (dev, prod, neither):
            place.vault.set_secret("key", value())
        app.settle()
        refused = outcome(app.resync(neither))
    assert dev.data() == dev.wanted()
    assert prod.data() is None
    assert server.data(prod.namespace) == prod.wanted()
    assert refused["reason"] == "NoCluster"
    assert neither.name in str(refused["message"])


def test_the_first_match_wins(world: World, server: ApiServer) -> None:
    """A vault that two clusters match goes to the one that stands first."""
    place = silent(world)
    server.namespace(place.namespace)
    other: dict[str, object] = {"kubeconfig": str(world.stack.app_kubeconfig)}
    with world.app(place, SYNC_CLUSTERS=clusters(at(server, match={"stage": "d*"}), other)) as app:
        assert app.resync(place).status == 200
    assert server.data(place.namespace) == place.wanted()
    assert place.data() is None


def test_each_cluster_has_its_audience(world: World, server: ApiServer) -> None:
    """Two clusters get tokens of two audiences; the wrong one is refused with the remedy."""
    other = world.stack.another_cluster(OTHER_AUDIENCE)
    dev, prod, qa = silent(world, "dev"), silent(world, "prod"), silent(world, "qa")
    server.namespace(dev.namespace)
    for place in (prod, qa):
        other.namespace(place.namespace)
    setting = clusters(
        at(server, match={"stage": "dev"}),
        at(other, match={"stage": "prod"}, audience=OTHER_AUDIENCE),
        at(other, match={"stage": "qa"}),
    )
    with world.app(dev, prod, qa, SYNC_CLUSTERS=setting) as app:
        assert app.resync(dev).status == 200
        assert app.resync(prod).status == 200
        refused = app.resync(qa)
    other.stop()
    assert server.data(dev.namespace) == dev.wanted()
    assert other.data(prod.namespace) == prod.wanted()
    assert (refused.status, outcome(refused)["reason"]) == (422, "ClusterUnauthorized")
    assert "audience" in str(outcome(refused)["message"])


def test_a_token_that_expires_in_a_pass_is_renewed(world: World, server: ApiServer) -> None:
    """Tokens that live three seconds at most last through a pass that takes longer."""
    places = [silent(world) for _ in range(4)]
    for place in places:
        server.namespace(place.namespace)
        place.vault.faults.delay(1.6, None)
    identity = world.stack.identity
    usual, identity.lifetime = identity.lifetime, 3
    try:
        with world.app(*places, SYNC_CLUSTERS=clusters(at(server))) as app:
            assert app.timer == 202
    finally:
        identity.lifetime = usual
    assert [server.data(place.namespace) for place in places] == [
        place.wanted() for place in places
    ]


def test_revoked_tokens_are_replaced(world: World, server: ApiServer) -> None:
    """When Entra's token is worthless before its time, the next call gets another one."""
    place = silent(world)
    server.namespace(place.namespace)
    with world.app(place, SYNC_CLUSTERS=clusters(at(server))) as app:
        assert app.resync(place).status == 200
        world.stack.identity.revoke_for(AKS_AUDIENCE)
        place.vault.set_secret("key", value())
        assert app.resync(place).status == 200
    assert server.data(place.namespace) == place.wanted()


def test_a_replaced_service_account_token_is_picked_up(
    world: World, server: ApiServer, keeper: Vault
) -> None:
    """A ServiceAccount's token is revoked: a new one in its vault works without a restart."""
    place = silent(world)
    server.namespace(place.namespace, ACCOUNT)
    first, second = value(), value()
    server.cluster.add_token(first, ACCOUNT)
    keeper.set_secret("cluster-token", first)
    setting = clusters(at(server, token_secret=f"{keeper.name}/cluster-token"))
    with world.app(place, SYNC_CLUSTERS=setting) as app:
        assert app.resync(place).status == 200
        server.cluster.remove_token(first)
        server.cluster.add_token(second, ACCOUNT)
        keeper.set_secret("cluster-token", second)
        place.vault.set_secret("key", value())
        assert app.resync(place).status == 200
        server.cluster.remove_token(second)
        refused = outcome(app.resync(place))
        third = value()
        server.cluster.add_token(third, ACCOUNT)
        keeper.set_secret("cluster-token", third)
        wait_until(lambda: app.resync(place).status == 200)
    assert server.data(place.namespace) == place.wanted()
    assert refused["reason"] == "ClusterUnauthorized"
    assert f"--vault-name {keeper.name} --name cluster-token" in str(refused["message"])


def test_a_kubeconfig_from_a_vault_is_followed(
    world: World, server: ApiServer, keeper: Vault
) -> None:
    """A whole kubeconfig is kept in a vault; what replaces it is used once the old one fails."""
    place = silent(world)
    server.namespace(place.namespace, ACCOUNT)
    token = value()
    server.cluster.add_token(token, ACCOUNT)
    keeper.set_secret("kubeconfig", server.kubeconfig(token))
    setting = clusters({"kubeconfig_secret": f"{keeper.name}/kubeconfig"})
    with world.app(place, SYNC_CLUSTERS=setting) as app:
        assert app.resync(place).status == 200
        server.move()
        keeper.set_secret("kubeconfig", server.kubeconfig(token))
        place.vault.set_secret("key", value())
        assert app.resync(place).status == 200
    assert server.data(place.namespace) == place.wanted()


def test_what_is_kept_nowhere_is_told(world: World, server: ApiServer, keeper: Vault) -> None:
    """A credential that its vault does not have, or that is none, is told with the command."""
    gone, broken = silent(world, "dev"), silent(world, "prod")
    keeper.set_secret("broken", f"{value()}: [")
    setting = clusters(
        at(server, match={"stage": "dev"}, token_secret=f"{keeper.name}/gone"),
        {"kubeconfig_secret": f"{keeper.name}/broken"},
    )
    with world.app(gone, broken, SYNC_CLUSTERS=setting) as app:
        missing, unusable = outcome(app.resync(gone)), outcome(app.resync(broken))
    assert missing["reason"] == "ClusterCredentialMissing"
    assert f"--vault-name {keeper.name} --name gone" in str(missing["message"])
    assert unusable["reason"] == "ClusterConfig"


def test_an_aks_cluster_is_found_and_followed(world: World, server: ApiServer) -> None:
    """Azure is asked once where an AKS cluster is, and once more when it has moved."""
    place = silent(world)
    server.namespace(place.namespace)
    manager = world.stack.resource_manager
    manager.put_cluster(AKS, server.url, server.authority.pem)
    asked = manager.requests["credential"]
    with world.app(place, SYNC_CLUSTERS=clusters({"aks": AKS})) as app:
        for _ in range(3):
            place.vault.set_secret("key", value())
            assert app.resync(place).status == 200
        assert manager.requests["credential"] == asked + 1
        server.move()
        manager.put_cluster(AKS, server.url, server.authority.pem)
        place.vault.set_secret("key", value())
        assert app.resync(place).status == 200
        assert manager.requests["credential"] == asked + 2
        server.stop()
        for _ in range(3):
            assert app.resync(place).status == 503
        assert manager.requests["credential"] == asked + 2
        server.start()
    assert server.data(place.namespace) == place.wanted()


def test_an_aks_cluster_without_its_role_is_told(world: World) -> None:
    """Without the Cluster User role the message says which role to assign, and where."""
    place = silent(world)
    manager = world.stack.resource_manager
    manager.cluster_user(AKS, granted=False)
    try:
        with world.app(place, SYNC_CLUSTERS=clusters({"aks": AKS})) as app:
            answer = app.resync(place)
    finally:
        manager.cluster_user(AKS, granted=True)
    assert answer.status == 422
    assert "Azure Kubernetes Service Cluster User Role" in str(outcome(answer)["message"])


def test_an_inline_kubeconfig(world: World, server: ApiServer) -> None:
    """A kubeconfig may stand in the setting itself, as text or as an object."""
    place = silent(world)
    server.namespace(place.namespace, ACCOUNT)
    token = value()
    server.cluster.add_token(token, ACCOUNT)
    config = server.kubeconfig(token)
    for number, inline in enumerate((config, json.loads(config))):
        with world.app(place, SYNC_CLUSTERS=clusters({"kubeconfig": inline})) as app:
            place.vault.set_secret(f"key-{number}", value())
            assert app.resync(place).status == 200
    assert server.data(place.namespace) == place.wanted()


def test_plugins_are_the_command_lines_alone(world: World) -> None:
    """A kubeconfig that runs a program is refused by the app and used by an operator's command."""
    place = world.filled("key", silent=True)
    text = json.loads(world.stack.app_kubeconfig.read_text())
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": text["users"][0]["user"],
    }
    run = {
        "apiVersion": credential["apiVersion"],
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(credential)!r})"],
        "interactiveMode": "Never",
    }
    text["users"][0]["user"] = {"exec": run}
    kubeconfig = world.stack.folder / "plugin.kubeconfig"
    kubeconfig.write_text(json.dumps(text))
    with world.app(place, KUBECONFIG=str(kubeconfig)) as app:
        refused = app.resync(place)
    assert (refused.status, outcome(refused)["reason"]) == (422, "ClusterConfig")
    assert "(exec)" in str(outcome(refused)["message"])
    done = world.stack.command("resync", place.name, KUBECONFIG=str(kubeconfig))
    assert done.returncode == 0, done.stderr
    assert place.data() == place.wanted()


@pytest.mark.parametrize(
    ("user", "cluster", "words"),
    [
        ({"token": "two\nlines"}, {}, "token is not one line"),
        ({}, {"proxy-url": "socks5://127.0.0.1:1080"}, "proxy-url is no http:// or https://"),
        ({}, {"server": "https://127.0.0.1:99999"}, "no URL of a host and a port"),
    ],
    ids=["token", "proxy", "port"],
)
def test_what_no_connection_can_be_made_of_is_told(
    world: World, user: dict[str, str], cluster: dict[str, str], words: str
) -> None:
    """A kubeconfig with a slip is the operator's to correct, and no bug of the app."""
    place = silent(world)
    text = json.loads(world.stack.app_kubeconfig.read_text())
    text["users"][0]["user"] |= user
    text["clusters"][0]["cluster"] |= cluster
    with world.app(place, SYNC_CLUSTERS=clusters({"kubeconfig": text})) as app:
        answer = app.resync(place)
    assert (answer.status, outcome(answer)["reason"]) == (422, "ClusterConfig")
    assert words in str(outcome(answer)["message"])


def test_public_authorities_are_trusted_as_in_a_deployment(world: World) -> None:
    """A pass over several vaults is made with a bundle of some 140 authorities, not with one."""
    places = [world.place(silent=True) for _ in range(4)]
    for place in places:
        place.vault.set_secret("key", value())
    with world.app(*places, **world.stack.public_trust()) as app:
        assert app.timer == 202
    assert [place.data() for place in places] == [place.wanted() for place in places]
