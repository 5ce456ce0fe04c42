"""Applications list what they read, and get it as variables: the deployed app on both emulators."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping

import pytest

from local.host_process import Answer
from local.kubernetes.documents import Document, child
from local.kubernetes.workloads import DEPLOYMENT
from local.platform import EXAMPLE
from tests.functional.declaring import Declaring, declaring
from tests.functional.world import World
from tests.kit.chains import chain_of, key_pem, pem
from tests.kit.deployments import start
from tests.kit.waiting import wait_until
from tests.leaks.dye import value

KUBECTL = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def reasons(outcome: Mapping[str, object]) -> dict[str, str]:
    """Return the reason of each refused secret of an outcome."""
    refused = outcome["refused"]
    assert isinstance(refused, list)
    return {each["secret"]: each["reason"] for each in refused}


def rows(answer: Answer) -> dict[str, str]:
    """Return the state of each row of a status, by Secret."""
    found = answer.body["vaults"]
    assert isinstance(found, list)
    return {each["target"]["secret"]: each["state"] for each in found}


def checks(answer: Answer) -> dict[tuple[str, str], str]:
    """Return the verdict of each check of the doctor's, by what it is about and its name."""
    assert answer.status == 200, answer.text
    found = answer.body["checks"]
    assert isinstance(found, list)
    return {(each["about"], each["check"]): each["result"] for each in found}


def credentials(**members: str) -> str:
    """Return a JSON object of these members."""
    return json.dumps(members)


def test_an_application_gets_its_variables_and_their_rotation(world: World) -> None:
    """Members as they are written, a plain value under its name, a certificate as three."""
    chain = chain_of("P-256", 2)
    with declaring(world, "checkout") as app:
        vault = app.place.vault
        user, password, token = value(), value(), value()
        vault.set_secret(
            "dev-postgres", credentials(POSTGRES_USER=user, POSTGRES_PASSWORD=password)
        )
        vault.set_secret("api-token", token)
        vault.set_secret("common-tls", key_pem(chain.key) + pem(*chain.certificates))
        vault.set_secret("prod-postgres", credentials(POSTGRES_USER=value()))
        world.settle()
        app.declare("checkout", "dev-postgres", "prod-postgres", "api-token", "common-tls")
        app.resync()
        names = {"POSTGRES_USER", "POSTGRES_PASSWORD", "API_TOKEN", "TLS_CRT", "TLS_KEY", "CA_CRT"}
        got = app.variables("checkout")
        assert got.keys() == names
        assert (got["POSTGRES_USER"], got["API_TOKEN"]) == (user, token)
        rotated = value()
        vault.set_secret("dev-postgres", credentials(POSTGRES_USER=user, POSTGRES_PASSWORD=rotated))
        world.settle()
        assert app.variables("checkout")["POSTGRES_PASSWORD"] == rotated
        app.declare("checkout", "dev-postgres")
        app.resync()
        assert app.variables("checkout").keys() == {"POSTGRES_USER", "POSTGRES_PASSWORD"}
        app.delete("checkout")
        app.resync()
        assert app.variables("checkout") == {}


def test_an_annotated_deployment_is_an_application_as_well(world: World) -> None:
    """Its annotation lists the names, and its Secret is called after it."""
    with declaring(world, "web-env") as app:
        app.place.renew("api-token", "other", "more")
        world.settle()
        app.annotate("web", "api-token, other")
        app.resync()
        assert app.variables("web-env").keys() == {"API_TOKEN", "OTHER"}


def test_what_goes_wrong_is_told_by_name_and_keeps_what_is_there(world: World) -> None:
    """A missing secret, a clash, and a Secret that the Role does not name."""
    with declaring(world, "checkout") as app:
        vault = app.place.vault
        vault.set_secret("one", credentials(USERNAME=value()))
        vault.set_secret("two", credentials(USERNAME=value(), HOST=value()))
        world.settle()
        app.declare("checkout", "one", "missing")
        app.declare("search", "one")
        outcomes = app.resync(422)
        assert reasons(outcomes["checkout"]) == {"missing": "ListedSecretMissing"}
        assert outcomes["search"]["reason"] == "ClusterForbidden"
        assert "components/self-service" in str(outcomes["search"]["message"])
        assert app.variables("checkout").keys() == {"USERNAME"}
        before = app.variables("checkout")
        app.declare("checkout", "one", "two")
        outcomes = app.resync(422)
        assert reasons(outcomes["checkout"]) == {"two": "KeyClash"}
        assert app.variables("checkout") == before


def test_without_the_right_to_list_nothing_is_removed(world: World) -> None:
    """The vault's own Secret is synced, and the error names what to apply."""
    with declaring(world, "checkout") as app:
        app.place.renew("api-token")
        world.settle()
        app.declare("checkout", "api-token")
        app.resync()
        app.delete("checkout")
        app.bind("checkout", components=())
        answer = app.world.resync(app.place)
        assert answer.status == 422
        assert "components/applications" in answer.text
        assert app.variables("checkout").keys() == {"API_TOKEN"}
        assert app.place.data() == app.place.wanted()
        app.bind("checkout")
        app.resync()
        assert app.variables("checkout") == {}


def test_a_missing_secret_is_prepared_once_and_never_over_another(world: World) -> None:
    """It is disabled, empty and says who waits; a soft-deleted one is left to people."""
    with declaring(world, "checkout", SYNC_APPLICATIONS_PREPARE="true") as app:
        vault = app.place.vault
        app.place.renew("deleted")
        vault.delete("deleted")
        world.settle()
        app.declare("checkout", "new", "deleted")
        refused = app.resync(422)["checkout"]["refused"]
        assert isinstance(refused, list)
        told = {each["secret"]: each for each in refused}
        assert told["new"]["reason"] == "ListedSecretDisabled"
        assert told["deleted"]["reason"] == "ListedSecretMissing"
        assert "is soft-deleted" in told["deleted"]["message"]
        app.resync(422)
        (version,) = vault.versions("new")
        assert (version.enabled, version.value) == (False, "")
        waiting = f"{app.place.namespace}/platformapplications.meta.p6m.dev/checkout"
        assert version.tags == {"keyvault-sync-waits": waiting}
        vault.set_secret("new", text := value())
        world.settle()
        assert app.variables("checkout") == {"NEW": text}
        assert len(vault.versions("new")) == 2


def test_status_explain_and_plan_tell_of_each_application(world: World) -> None:
    """Each is a row of its own, and can be asked for by its Secret."""
    with declaring(world, "checkout") as app:
        app.place.renew("api-token", "other")
        world.settle()
        app.declare("checkout", "api-token", "missing")
        planned = app.world.get(f"/api/plan?vault={app.place.name}")
        assert planned.status == 422
        assert app.variables("checkout") == {}
        app.resync(422)
        target = f"{app.place.namespace}/checkout"
        status = app.world.get(f"/api/status?vault={app.place.name}&target={target}")
        assert status.status == 200
        assert rows(status) == {"checkout": "drifted"}
        assert "ListedSecretMissing" in status.text
        everything = app.world.get("/api/status")
        assert rows(everything).keys() == {"keyvault-project", "checkout"}
        explained = app.world.get(f"/api/explain?vault={app.place.name}&target={target}")
        assert "ListedSecretMissing" in explained.text
        assert "other" not in explained.text


def test_the_doctor_examines_applications(world: World) -> None:
    """Their lists, and the rights on the Secret of each."""
    with declaring(world, "checkout") as app:
        app.place.renew("api-token")
        world.settle()
        app.declare("checkout", "api-token")
        app.resync()
        query = f"/api/doctor?vault={app.place.name}"
        told = checks(app.world.get(query))
        about = f"vault {app.place.name}"
        assert told[about, "applications"] == "ok"
        assert told[f"{about} ({app.place.namespace}/checkout)", "secrets"] == "ok"
    with declaring(world, "checkout") as app:
        app.bind("checkout", components=())
        told = checks(app.world.get(f"/api/doctor?vault={app.place.name}"))
        assert told[f"vault {app.place.name}", "applications"] == "failed"


@KUBECTL
def test_the_whole_walk(world: World) -> None:
    """Kustomize's output is applied, vault secrets are set, and a pod has what its users expect."""
    with declaring(world, "web-application", SYNC_STAGE_PREFIXES="keep") as app:
        subprocess.run(  # noqa: S603 - our own files
            [
                *("kubectl", "--kubeconfig", str(world.stack.admin_kubeconfig)),
                *("--namespace", app.place.namespace, "apply", "-k", str(EXAMPLE / "dev")),
            ],
            check=True,
            capture_output=True,
        )
        vault, chain = app.place.vault, chain_of("P-256", 2)
        vault.set_secret(
            "dev-database-credentials",
            credentials(POSTGRES_USER=(user := value()), POSTGRES_PASSWORD=value()),
        )
        vault.set_secret("dev-api-keys", credentials(STRIPE_KEY=value()))
        vault.set_secret("common-api-keys", credentials(MAPS_KEY=value()))
        vault.set_secret("common-tls-certificates", key_pem(chain.key) + pem(*chain.certificates))
        world.settle()
        app.resync()
        got = app.variables("web-application")
        assert got.keys() == {
            *("POSTGRES_USER", "POSTGRES_PASSWORD", "STRIPE_KEY", "MAPS_KEY"),
            *("TLS_CRT", "TLS_KEY", "CA_CRT"),
        }
        assert got["POSTGRES_USER"] == user


def test_a_rotation_restarts_what_reads_the_variables(world: World) -> None:
    """From the vault to the pods: the Deployment that takes the Secret as its environment rolls."""
    settings = {"SYNC_RESTART": "annotated", "SYNC_RESTART_QUIET": "1"}
    with declaring(world, "checkout", **settings) as app:
        app.bind("checkout", components=("applications", "restart"))
        app.place.renew("api-token")
        world.settle()
        app.declare("checkout", "api-token")
        app.resync()
        reads: Document = {"secretRef": {"name": "checkout", "optional": True}}
        container: Document = {"name": "a", "image": "registry.example/a", "envFrom": [reads]}
        labels: Document = {"app": "web"}
        template: Document = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        body: Document = {
            "metadata": {"annotations": {"keyvault-sync/restart": "true"}},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        app.apply(DEPLOYMENT, "web", body)
        start(app.place, "web")
        time.sleep(2)  # what is made within the second of a change may have read either value
        app.resync()
        before = template_of(app)
        app.place.renew("api-token")
        world.settle()
        wait_until(lambda: template_of(app) != before)


def template_of(app: Declaring) -> Document:
    """Return the metadata of the Deployment's template."""
    spec = child(app.place.cluster.document(DEPLOYMENT, app.place.namespace, "web"), "spec")
    return child(child(spec, "template"), "metadata")
