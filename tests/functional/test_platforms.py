"""What four platforms ask for, each as its users have it: vaults, names, tags and variables."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.functional.world import Place, World, outcome
from tests.kit.chains import chain_of, key_pem, pem
from tests.kit.site import Clock, new_vault
from tests.leaks.dye import value

type Entry = Mapping[str, object]


@contextmanager
def placed(world: World, vault: str, *entries: Entry, **settings: str) -> Iterator[list[Place]]:
    """Run an app with a table of these entries for one vault; yield the place of each."""
    stack, clock = world.stack, Clock(0)
    made = new_vault(stack, vault, clock)
    places: list[Place] = []
    for entry in entries:
        namespace, secret = str(entry["namespace"]), str(entry["secret"])
        stack.namespace(namespace, secret)
        place = Place(
            vault=made,
            cluster=stack.cluster,
            namespace=namespace,
            secret=secret,
            clock=clock,
            stack=stack,
        )
        places.append(place)
    world.places.extend(places)
    table = json.dumps([{"vault": vault, **entry} for entry in entries])
    with world.app(SYNC_PLACEMENTS=table, **settings):
        yield places


def variables(place: Place) -> dict[str, str]:
    """Return the variables that a container gets with `envFrom` on the Secret."""
    return place.data() or {}


def json_value(**members: str) -> str:
    """Return a JSON object of these members."""
    return json.dumps(members)


def test_a_project_reads_the_secrets_of_its_numbered_vaults(world: World) -> None:
    """Vaults by project and stage: what the platform and its teams put in is in one namespace."""
    first = world.place("weu-DS-AKV-{}-dev-1")
    second = world.place(first.vault.name[:-1] + "2")
    for name in (
        "confluent-bootstrap-url",
        "confluent-sa-project-key",
        "confluent-sa-project-secret",
    ):
        first.vault.set_secret(name, value())
    sample = value()
    first.vault.set_secret("sample-secret", sample)
    second.vault.set_secret("Team-Secret", value())
    world.settle()
    assert (first.secret, second.secret) == ("keyvault-project", "keyvault-2")
    assert first.namespace == second.namespace
    assert (first.data() or {})["sample-secret"] == sample  # env by secretKeyRef
    assert first.data() == first.wanted()
    assert second.data() == second.wanted()


def test_an_application_lists_names_and_gets_its_variables(world: World) -> None:
    """One vault for dev, stg and prd, and the last in namespace default: no YAML beside."""
    settings = {"SYNC_STAGE_PREFIXES": "strip", "SYNC_KEY_STYLE": "env"}
    spaces = {"dev": "web-dev", "stg": "web-stg", "prd": "default"}
    entries = [
        {"project": "web", "stage": stage, "namespace": space, "secret": "web-application"}
        for stage, space in spaces.items()
    ]
    chain = chain_of("P-256", 2)
    with placed(world, "web-application", *entries, **settings) as (dev, stg, prd):
        vault = dev.vault
        secrets: dict[str, dict[str, str]] = {}
        for stage in ("dev", "prod"):
            secrets[stage] = {
                "POSTGRES_USER": value(),
                "POSTGRES_PASSWORD": value(),
                "POSTGRES_HOST": "db",
                "POSTGRES_DB": "web",
                "POSTGRES_PORT": "5432",
            }
            members = {name.lower(): text for name, text in secrets[stage].items()}
            vault.set_secret(
                f"{stage}-database-credentials",
                json_value(**members),
                tags={"k8s-expand": "json"},
            )
        shared = {"API_KEY": value(), "API_SECRET": value()}
        vault.set_secret(
            "common-api-credentials",
            json_value(api_key=shared["API_KEY"], api_secret=shared["API_SECRET"]),
            tags={"k8s-expand": "json"},
        )
        vault.set_secret("common-webhook-token", (token := value()))
        vault.set_secret(
            "common-tls-certificates",
            key_pem(chain.key) + pem(*chain.certificates),
            tags={"k8s-expand": "certificate", "k8s-key": "TLS"},
        )
        world.settle()
        common = {*shared, "WEBHOOK_TOKEN", "TLS_CRT", "TLS_KEY", "CA_CRT"}
        got = {place.namespace: variables(place) for place in (dev, stg, prd)}
    assert set(got["web-dev"]) == {*secrets["dev"], *common}
    assert secrets["dev"].items() <= got["web-dev"].items()
    assert secrets["prod"].items() <= got["default"].items()
    assert set(got["default"]) == {*secrets["prod"], *common}
    assert set(got["web-stg"]) == common
    assert all(each["WEBHOOK_TOKEN"] == token for each in got.values())


def test_members_get_the_names_that_values_files_gave_them(world: World) -> None:
    """A JSON secret for a database and one for an API: members under other names by one tag."""
    place = world.place()
    user, password, key = value(), value(), value()
    place.vault.set_secret(
        "database",
        json_value(username=user, password=password, engine="postgres"),
        tags={
            "k8s-expand": "json",
            "k8s-keys": "POSTGRES_USER=username, POSTGRES_PASSWORD=password",
        },
    )
    place.vault.set_secret(
        "api",
        json_value(key=key, owner="team"),
        tags={"k8s-expand": "json", "k8s-keys": "API_KEY=key"},
    )
    world.settle()
    assert place.data() == {
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "API_KEY": key,
    }


def test_vaults_of_any_name_go_where_their_entries_say(world: World) -> None:
    """A vault with roles, and one with access policies that only grant get until list is added."""
    entry = {"project": "myapp", "stage": "prd", "namespace": "production", "secret": "myapp"}
    with placed(world, "myapp-kv", entry) as (place,):
        for name in ("db-password", "api-key", "tls-cert"):
            place.vault.set_secret(name, value())
        world.settle()
        assert place.data() == place.wanted()
        assert place.labels()["keyvault-sync/project"] == "myapp"
        assert "keyvault-sync/number" not in place.labels()
    older = entry | {"secret": "older"}
    with placed(world, "kuberneteskeyvault", older) as (place,):
        place.vault.access.policies = True
        place.vault.access.deny("list", "versions")
        place.vault.set_secret("secret1", value())
        world.settle()
        assert place.data() is None
        with world.app(
            SYNC_PLACEMENTS=json.dumps([{"vault": "kuberneteskeyvault", **older}])
        ) as app:
            answer = app.resync(place)
            assert answer.status == 422
            assert "list" in str(outcome(answer)["message"])
            place.vault.access.allow()
            assert app.resync(place).status == 200
        assert place.data() == place.wanted()
