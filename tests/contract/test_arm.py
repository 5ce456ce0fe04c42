"""The adapters of Azure Resource Manager, credential included, against the local one."""

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from azure.identity import ManagedIdentityCredential

from local.arm import HOST, RESOURCE, resource_manager_app
from local.arm import ResourceManager as Emulator
from local.authority import Authority
from local.identity import Identity, identity_app
from local.key_vault import KeyVaults
from local.serving import Servers
from sync.adapters.azure.aks import managed_cluster_endpoint
from sync.adapters.azure.resource_graph import LET_GO_AFTER, ResourceGraph
from sync.adapters.azure.resource_manager import ResourceManager
from sync.core.errors import Permanent, SyncError
from sync.core.ports import Deadline
from tests.kit.apps import NAMING
from tests.kit.errors import raises
from tests.kit.scripted import behind_proxy, said, soon

HOME = "00000000-0000-4000-8000-000000000001"
AWAY = "00000000-0000-4000-8000-00000000000a"
FOREIGN = "00000000-0000-4000-8000-00000000000f"
SCOPE = f"/subscriptions/{HOME}"
CLUSTER = (
    f"/subscriptions/{HOME}/resourceGroups/rg-aks/providers"
    "/Microsoft.ContainerService/managedClusters/aks-weu-dev"
)
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
NAMES = f"/subscriptions/{HOME}/providers/Microsoft.KeyVault/checkNameAvailability"
SERVER = "https://aks-weu-dev-0a1b.hcp.westeurope.azmk8s.io:443"
FOUR_MINUTES = 241.0


@dataclass(slots=True)
class World:
    """The local resource manager with its vaults, the identity that asks, and the time."""

    emulator: Emulator
    identity: Identity
    arm: ResourceManager
    authority: Authority
    vaults: KeyVaults = field(default_factory=KeyVaults)
    now: float = 0.0

    def vault(self, name: str, subscription: str = HOME) -> str:
        """Make a vault; return its resource id."""
        resource_id = self.vaults.create(name, subscription).resource_id
        self.emulator.show_vault(resource_id)
        return resource_id

    def directory(self, *listed: str, subscriptions: tuple[str, ...] = (HOME,)) -> ResourceGraph:
        """Make the adapter, with the platform's default names."""
        names = [NAMING.vault(name) for name in listed]
        return ResourceGraph(self.arm, NAMING, subscriptions, names, clock=lambda: self.now)

    def pass_over(self, directory: ResourceGraph) -> tuple[list[str], str | None]:
        """Ask the directory four minutes later; return the names, and the fault's reason."""
        self.now += FOUR_MINUTES
        known = directory.known(soon())
        return [vault.text for vault in known.vaults], known.fault.reason if known.fault else None


@pytest.fixture
def world(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[World]:
    """Serve the resource manager and a managed identity behind the proxy."""
    identity = Identity()
    emulator = Emulator(token_valid=lambda token: identity.valid(token, RESOURCE))
    environment = identity.environment(servers.serve(identity_app(identity)))
    hosts = {HOST: resource_manager_app(emulator)}
    with (
        behind_proxy(servers, authority, tmp_path, hosts, environment),
        ManagedIdentityCredential(retry_total=0) as credential,
    ):
        arm = ResourceManager(credential)
        yield World(emulator, identity, arm, authority)
        arm.close()


def failure(world: World, cluster: str = CLUSTER) -> SyncError:
    """Return what asking for the cluster's endpoint ends in."""
    with pytest.raises(SyncError) as caught:
        managed_cluster_endpoint(world.arm, cluster, soon())
    said(caught.value)
    return caught.value


def test_a_cluster_tells_its_endpoint_and_authority(world: World) -> None:
    """The endpoint can be used as it is: an https URL and a PEM that TLS takes."""
    world.emulator.put_cluster(CLUSTER, SERVER, world.authority.pem)
    endpoint = managed_cluster_endpoint(world.arm, CLUSTER, soon())
    assert endpoint.server == SERVER
    assert ssl.create_default_context(cadata=endpoint.ca_pem).cert_store_stats()["x509_ca"] == 1


def test_a_cluster_is_asked_anew_each_time(world: World) -> None:
    """A cluster that was made anew shows its new authority and endpoint."""
    world.emulator.put_cluster(CLUSTER, SERVER, world.authority.pem)
    managed_cluster_endpoint(world.arm, CLUSTER, soon())
    other = Authority.create()
    world.emulator.put_cluster(CLUSTER, "https://10.0.0.4:443", other.pem)
    endpoint = managed_cluster_endpoint(world.arm, CLUSTER.upper(), soon())
    assert (endpoint.server, endpoint.ca_pem) == ("https://10.0.0.4:443", other.pem.decode())


def test_a_missing_role_on_the_cluster_names_it(world: World) -> None:
    """Without the role the message has the command that assigns it, on that cluster."""
    world.emulator.put_cluster(CLUSTER, SERVER, world.authority.pem)
    world.emulator.cluster_user(CLUSTER, granted=False)
    error = failure(world)
    assert (type(error), error.reason) == (Permanent, "ResourceManagerForbidden")
    assert 'az role assignment create --role "Azure Kubernetes Service Cluster User Role"' in str(
        error
    )
    assert f"--scope {CLUSTER}" in str(error)
    world.emulator.cluster_user(CLUSTER, granted=True)
    assert managed_cluster_endpoint(world.arm, CLUSTER, soon()).server == SERVER


def test_an_absent_cluster_is_permanent(world: World) -> None:
    """A cluster that is not there is a matter of the settings."""
    world.emulator.put_cluster(CLUSTER, SERVER, world.authority.pem)
    world.emulator.remove_cluster(CLUSTER)
    error = failure(world)
    assert (type(error), error.reason) == (Permanent, "ResourceMissing")
    assert "SYNC_CLUSTERS" in str(error)


def test_threads_share_a_client(world: World) -> None:
    """Any number of threads may ask at once, the first time too."""
    world.emulator.put_cluster(CLUSTER, SERVER, world.authority.pem)
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(managed_cluster_endpoint, world.arm, CLUSTER, soon()) for _ in range(16)
        ]
    assert {one.result().server for one in asked} == {SERVER}


def test_a_search_finds_the_platforms_vaults(world: World) -> None:
    """Vaults of the allowed subscriptions that have the platform's names are known, by name."""
    for name, subscription in {
        "weu-DS-AKV-shop-dev-2": HOME,
        "weu-ds-akv-shop-dev-1": AWAY,
        "weu-ds-akv-shop-dev-3": FOREIGN,
        "terraform-state": HOME,
    }.items():
        world.vault(name, subscription)
    directory = world.directory(subscriptions=(HOME, AWAY))
    assert world.pass_over(directory) == (
        ["weu-ds-akv-shop-dev-1", "weu-ds-akv-shop-dev-2"],
        None,
    )


def test_listed_vaults_come_first_and_once(world: World) -> None:
    """What the settings list is known in its order, whether a search finds it or not."""
    for number in (1, 2, 3):
        world.vault(f"weu-ds-akv-shop-dev-{number}")
    directory = world.directory("weu-ds-akv-own-dev-9", "weu-ds-akv-shop-dev-3")
    names, fault = world.pass_over(directory)
    assert [name[-1] for name in names] == ["9", "3", "1", "2"]
    assert fault is None


def test_a_search_reads_every_page(world: World) -> None:
    """However few vaults a page holds, all are found."""
    for number in range(1, 8):
        world.vault(f"weu-ds-akv-shop-dev-{number}")
    world.emulator.page_size = 3
    names, fault = world.pass_over(world.directory())
    assert (len(names), fault) == (7, None)
    assert world.emulator.requests["graph"] == 3 + 1


def test_a_search_is_good_for_a_while(world: World) -> None:
    """Passes, commands and requests within four minutes share one search of two queries."""
    world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    gate = threading.Barrier(6)

    def ask() -> int:
        gate.wait()
        return len(directory.known(soon()).vaults)

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask) for _ in range(6)]
    assert {one.result() for one in asked} == {1}
    world.now += 239
    directory.known(soon())
    assert world.emulator.requests["graph"] == 2
    world.vault("weu-ds-akv-shop-dev-2")
    assert len(world.pass_over(directory)[0]) == 2


def test_a_failed_search_keeps_what_is_known(world: World) -> None:
    """A search that fails is reported, repeated soon, and forgets nothing."""
    world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    world.pass_over(directory)
    world.emulator.fail(500, requests=3)
    assert world.pass_over(directory) == (
        ["weu-ds-akv-shop-dev-1"],
        "ResourceManagerUnavailable",
    )
    world.now += 29
    assert directory.known(soon()).fault
    world.now += 2
    assert directory.known(soon()).fault is None


def test_a_throttled_search_waits_as_told(world: World) -> None:
    """The service is not asked again before the time it names."""
    world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    world.emulator.fail(429, Retry_After="90")
    assert world.pass_over(directory) == ([], "ResourceManagerThrottled")
    world.now += 89
    assert not directory.known(soon()).vaults
    world.now += 2
    assert directory.known(soon()).vaults


def test_a_lost_role_loses_no_vault(world: World) -> None:
    """A search that is refused keeps every vault for good, and says which role to assign."""
    world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    world.pass_over(directory)
    world.emulator.reader(HOME, granted=False)
    for _ in range(2 * LET_GO_AFTER):
        assert world.pass_over(directory) == (
            ["weu-ds-akv-shop-dev-1"],
            "ResourceManagerForbidden",
        )
    fault = directory.known(soon()).fault
    assert f"az role assignment create --role Reader --assignee IDENTITY --scope {SCOPE}" in str(
        fault
    )
    world.emulator.reader(HOME, granted=True)
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-1"], None)


def test_a_search_that_turns_empty_loses_no_vault(world: World) -> None:
    """A role for less than a subscription can be lost without a refusal: no vault is let go."""
    resource_id = world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    world.pass_over(directory)
    world.emulator.hide_vault(resource_id)
    for _ in range(2 * LET_GO_AFTER):
        assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-1"], "DiscoveryShrank")
    fault = directory.known(soon()).fault
    assert "no longer shows weu-ds-akv-shop-dev-1" in str(fault)
    assert f"az role assignment create --role Reader --assignee IDENTITY --scope {SCOPE}" in str(
        fault
    )


def test_one_dark_subscription_loses_no_vault(world: World) -> None:
    """The role may be lost in one subscription of several: its vaults stay known all the same."""
    world.vault("weu-ds-akv-shop-dev-1", HOME)
    world.vault("weu-ds-akv-shop-dev-2", AWAY)
    directory = world.directory(subscriptions=(HOME, AWAY))
    world.pass_over(directory)
    world.emulator.reader(AWAY, granted=False)
    for _ in range(2 * LET_GO_AFTER):
        names, fault = world.pass_over(directory)
        assert (len(names), fault) == (2, "DiscoveryShrank")
    assert f"--scope /subscriptions/{AWAY}" in str(directory.known(soon()).fault)


def test_a_dark_subscription_is_reported_from_the_start(world: World) -> None:
    """Resource Graph leaves out silently what may not be read, so what it sees is asked, too."""
    world.vault("weu-ds-akv-shop-dev-1", HOME)
    world.vault("weu-ds-akv-shop-dev-2", AWAY)
    world.emulator.reader(AWAY, granted=False)
    directory = world.directory(subscriptions=(HOME, AWAY))
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-1"], "DiscoveryIncomplete")
    assert f"--scope /subscriptions/{AWAY}" in str(directory.known(soon()).fault)


def test_a_subscription_without_vaults_is_no_fault(world: World) -> None:
    """Where nothing is hidden nothing is reported, though a subscription holds no vault."""
    world.vault("weu-ds-akv-shop-dev-1", HOME)
    directory = world.directory(subscriptions=(HOME, AWAY))
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-1"], None)


def test_the_last_vault_of_a_subscription_can_go(world: World) -> None:
    """A subscription that is seen and empty has lost its vault by deletion, not by a role."""
    world.vault("weu-ds-akv-shop-dev-1", HOME)
    gone = world.vault("weu-ds-akv-shop-dev-2", AWAY)
    directory = world.directory(subscriptions=(HOME, AWAY))
    world.pass_over(directory)
    world.emulator.hide_vault(gone)
    for _ in range(LET_GO_AFTER):
        assert world.pass_over(directory)[1] == "DiscoveryShrank"
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-1"], None)


def test_a_deleted_vault_is_let_go_in_the_end(world: World) -> None:
    """One vault gone from among others is reported three times, and then no longer covered."""
    gone = world.vault("weu-ds-akv-shop-dev-1")
    world.vault("weu-ds-akv-shop-dev-2")
    directory = world.directory()
    world.pass_over(directory)
    world.emulator.hide_vault(gone)
    for _ in range(LET_GO_AFTER - 1):
        names, fault = world.pass_over(directory)
        assert (len(names), fault) == (2, "DiscoveryShrank")
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-2"], "DiscoveryShrank")
    assert world.pass_over(directory) == (["weu-ds-akv-shop-dev-2"], None)


def test_a_vault_that_returns_is_as_good_as_new(world: World) -> None:
    """Only searches in a row count: what is seen in between is seen."""
    flickers = world.vault("weu-ds-akv-shop-dev-1")
    world.vault("weu-ds-akv-shop-dev-2")
    directory = world.directory()
    world.pass_over(directory)
    for _ in range(LET_GO_AFTER):
        world.emulator.hide_vault(flickers)
        world.pass_over(directory)
        world.emulator.show_vault(flickers)
        names, fault = world.pass_over(directory)
        assert (len(names), fault) == (2, None)


def test_a_search_that_never_found_any_is_reported(world: World) -> None:
    """An identity without a role looks like a platform without vaults, so both are told."""
    directory = world.directory("weu-ds-akv-own-dev-1")
    assert world.pass_over(directory) == (["weu-ds-akv-own-dev-1"], "DiscoveryIncomplete")
    assert f"/subscriptions/{HOME}" in str(directory.known(soon()).fault)


def test_what_is_known_is_current_for_ten_minutes(world: World) -> None:
    """A search that fails is made up for by one of some minutes ago, and by no older one."""
    world.vault("weu-ds-akv-shop-dev-1")
    directory = world.directory()
    assert directory.known(soon()).current
    for current in (True, True, False):
        world.emulator.fail(503, 3)
        world.now += FOUR_MINUTES
        known = directory.known(soon())
        assert (known.fault is not None, known.current) == (True, current)
    world.now += FOUR_MINUTES
    assert directory.known(soon()).current


@pytest.mark.parametrize("how", ["fails", "sees nothing", "has no time"])
def test_a_search_that_shows_nothing_makes_nothing_current(world: World, how: str) -> None:
    """Before any search has seen the platform nobody can tell which vaults there are."""
    if how != "sees nothing":
        world.vault("weu-ds-akv-shop-dev-1")
    if how == "fails":
        world.emulator.fail(503, 3)
    known = world.directory("weu-ds-akv-own-dev-1").known(
        Deadline.after(0, time.monotonic) if how == "has no time" else soon()
    )
    assert known.fault is not None
    assert not known.current


def test_a_vault_is_gone_once_its_name_is_free(world: World) -> None:
    """Resource Manager knows of vaults in any subscription, and in any case of their names."""
    here, away = "weu-ds-akv-shop-dev-1", "weu-DS-AKV-shop-dev-2"
    gone = world.vault(here)
    world.vault(away, AWAY)
    directory = world.directory()
    assert not directory.is_gone(here, soon())
    assert not directory.is_gone(away.lower(), soon())
    world.emulator.hide_vault(gone)
    assert directory.is_gone(here, soon())


def test_whether_a_vault_is_gone_takes_a_role(world: World) -> None:
    """Where Resource Manager refuses to tell, the answer has the role that helps, and is no yes."""
    world.emulator.reader(HOME, granted=False)
    with raises(Permanent, "ResourceManagerForbidden", "--role Reader"):
        world.directory().is_gone("weu-ds-akv-shop-dev-1", soon())
    assert not world.directory(subscriptions=()).is_gone("weu-ds-akv-shop-dev-1", soon())


def test_a_search_without_subscriptions_is_not_made(world: World) -> None:
    """Where nothing is allowed nothing is asked, and the setting is named."""
    directory = world.directory("weu-ds-akv-own-dev-1", subscriptions=())
    assert world.pass_over(directory) == (["weu-ds-akv-own-dev-1"], "DiscoveryUnscoped")
    assert "SYNC_SUBSCRIPTIONS" in str(directory.known(soon()).fault)
    assert not world.emulator.requests


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/subscriptions?api-version=2022-12-01", None, 404, "listClusterUserCredential"),
        (f"{GRAPH}?api-version=2021-03-01", {}, 400, "2022-10-01"),
        (f"{GRAPH}?api-version=2022-10-01", {"query": "resources"}, 400, "objectArray"),
        (
            f"{GRAPH}?api-version=2022-10-01",
            {
                "query": "resources | count",
                "subscriptions": [HOME],
                "options": {"$top": 9, "resultFormat": "objectArray"},
            },
            400,
            "where type =~",
        ),
        (f"{NAMES}?api-version=2026-02-01", {"name": "x"}, 400, "Microsoft.KeyVault/vaults"),
        (f"{NAMES}?api-version=2015-06-01", {}, 400, "2026-02-01"),
    ],
    ids=["path", "version", "body", "query", "name", "name's version"],
)
def test_the_emulator_says_what_it_lacks(
    world: World, path: str, body: object, status: int, told: str
) -> None:
    """A request that the local resource manager cannot answer is told what it can."""
    token = world.identity.issue(RESOURCE).secret
    answer = requests.post(
        f"https://{HOST}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=9
    )
    assert answer.status_code == status
    assert told in answer.json()["error"]["message"]


def test_the_emulator_challenges_a_stranger(world: World) -> None:
    """A token for another resource is worth nothing here, and is answered with a challenge."""
    token = world.identity.issue("https://vault.azure.net").secret
    answer = requests.post(
        f"https://{HOST}{CLUSTER}", headers={"Authorization": f"Bearer {token}"}, timeout=9
    )
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
