"""`keyvault-sync doctor` on the local stack, with rights and parts taken away one by one."""

import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from subprocess import CompletedProcess

import pytest

from local.faults import Fault
from local.key_vault import Quirks, Vault
from local.kubernetes.documents import Document
from local.stack import APP_USER, SUBSCRIPTION, Stack
from tests.functional.clusters import started_stack
from tests.functional.test_cli import on_a_terminal
from tests.leaks.dye import value
from tests.leaks.search import leaks

_NUMBERS = count(1)
_SECRET = "keyvault-project"
_SET_UP = ("permissions", "recovery", "network", "audit")
_RIGHTS = ("may get", "may create", "may patch")


@dataclass(frozen=True, slots=True)
class Findings:
    """What the doctor said in a pipe."""

    code: int
    checks: Sequence[dict[str, str]] = field(repr=False)
    vaults: Sequence[dict[str, object]] = field(default=(), repr=False)

    @classmethod
    def of(cls, done: CompletedProcess[str]) -> "Findings":
        """Read the answer, which shows no planted value and complains of nothing else."""
        assert leaks(done.stdout + done.stderr) == []
        answer = json.loads(done.stdout)
        return cls(done.returncode, answer["checks"], answer.get("vaults", ()))

    def of_result(self, result: str) -> list[str]:
        """Return the names of the checks with that result."""
        return [check["check"] for check in self.checks if check["result"] == result]

    @property
    def failed(self) -> dict[str, str]:
        """The failed checks, each with what it says and its remedy."""
        return {
            check["check"]: f"{check['sentence']}\n{check['remedy']}"
            for check in self.checks
            if check["result"] == "failed"
        }

    def __getitem__(self, name: str) -> dict[str, str]:
        (check,) = (check for check in self.checks if check["check"] == name)
        return check


@dataclass(frozen=True, slots=True)
class Patient:
    """A vault with one secret, the namespace it leads to, and the app's rights there."""

    stack: Stack
    vault: Vault
    namespace: str

    @property
    def name(self) -> str:
        """The vault's name as the doctor has it."""
        return self.vault.name.lower()

    def examine(self, *arguments: str, **settings: str) -> Findings:
        """Run the doctor, with the vault in the settings."""
        settings = {"SYNC_VAULTS": self.name, **settings}
        return Findings.of(self.stack.command("doctor", *arguments, "-o", "json", **settings))

    def deny(self, *verbs: str) -> None:
        """Take verbs out of the app's Role."""
        self.stack.bind(self.namespace, _SECRET, without=verbs)

    def plant(self, *, metadata: Document | None = None, immutable: bool = False) -> None:
        """Make the Secret as somebody else."""
        self.stack.cluster.put_secret(
            self.namespace,
            _SECRET,
            {"key": value().encode()},
            metadata=metadata,
            immutable=immutable,
        )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a stack without an app on it."""
    with started_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def patient(stack: Stack) -> Patient:
    """Return one in good health."""
    project = f"d{next(_NUMBERS)}"
    vault = stack.vault(f"weu-DS-AKV-{project}-dev-1")
    vault.set_secret("db-password", value())
    stack.namespace(f"{project}-dev", _SECRET)
    return Patient(stack, vault, f"{project}-dev")


def test_all_is_well(patient: Patient) -> None:
    """Where nothing is missing every check is ok, the exit code 0, and nothing is written."""
    found = patient.examine()
    assert (found.code, found.of_result("warning")) == (0, ["secrets"])
    assert found["secrets"]["sentence"].startswith("Nothing is written yet")
    assert "ManagedIdentityCredential" in found["log-in"]["sentence"]
    assert f"{patient.namespace}/{_SECRET}" in found["target"]["sentence"]
    assert APP_USER in found["answers"]["sentence"]
    assert "not exist yet" in found["owner"]["sentence"]
    assert patient.stack.command("status", patient.name).returncode == 2
    assert patient.stack.command("resync", patient.name).returncode == 0
    found = patient.examine()
    assert (found.code, {check["result"] for check in found.checks}) == (0, {"ok"})
    assert "kept by this sync" in found["owner"]["sentence"]


@pytest.mark.parametrize(("kind", "skipped"), [("list", ["read", "secrets"]), ("get", [])])
def test_a_vault_right_is_missing(patient: Patient, kind: str, skipped: list[str]) -> None:
    """Without the role on the vault its list or its read fails, with the role to assign."""
    patient.vault.access.deny("list" if kind == "list" else "get")
    found = patient.examine()
    name = "list" if kind == "list" else "read"
    assert (found.code, list(found.failed), found.of_result("skipped")) == (1, [name], skipped)
    assert "VaultForbidden" in found.failed[name]
    assert 'az role assignment create --role "Key Vault Secrets User"' in found[name]["remedy"]
    assert f"--name {patient.name} " in found[name]["remedy"]


@pytest.mark.parametrize(("kind", "name"), [("list", "list"), ("get", "read")])
def test_an_entry_is_missing(patient: Patient, kind: str, name: str) -> None:
    """In a vault with access policies the entry is named, by them or, unseen, by the vault."""
    manager, vault = patient.stack.resource_manager, patient.vault
    manager.set_up_vault(vault.resource_id, enableRbacAuthorization=None)
    vault.access.policies = True
    vault.access.deny("list" if kind == "list" else "get")
    found = patient.examine()
    assert (found.code, list(found.failed)) == (1, [name])
    entry = f"az keyvault set-policy --name {patient.name} --object-id IDENTITY"
    assert found[name]["remedy"] == f"{entry} --secret-permissions get list"
    assert f"no entry with {kind} for the app's identity" in found[name]["sentence"]
    assert found.vaults[0]["permissions"] == "access-policies"
    manager.hide_vault(vault.resource_id)
    found = patient.examine()
    assert found[name]["remedy"] == f"{entry} --secret-permissions get list"
    assert found.of_result("skipped")[:4] == list(_SET_UP)
    assert found.vaults[0]["permissions"] == "unknown"
    assert {found[each]["result"] for each in _SET_UP} == {"skipped"}


def test_how_the_vault_is_set_up(patient: Patient) -> None:
    """What is dangerous is a warning with its command, and does not fail the examination."""
    manager, vault = patient.stack.resource_manager, patient.vault.resource_id
    assert patient.stack.command("resync", patient.name).returncode == 0
    manager.set_up_vault(vault, enablePurgeProtection=None, publicNetworkAccess="Disabled")
    manager.set_diagnostics(vault, logs={"audit": False, "AzurePolicyEvaluationDetails": True})
    found = patient.examine()
    assert (found.code, found.of_result("warning")) == (0, ["recovery", "audit"])
    assert "--enable-purge-protection true" in found["recovery"]["remedy"]
    assert "az monitor diagnostic-settings create" in found["audit"]["remedy"]
    (told,) = found.vaults
    assert (told["network"], told["purge_protection"], told["audit_events"]) == (
        "private",
        False,
        False,
    )
    manager.set_up_vault(vault, enableSoftDelete=False)
    assert "Soft delete is off" in patient.examine()["recovery"]["sentence"]


def test_without_reader_the_set_up_is_unknown(patient: Patient) -> None:
    """Nothing fails, and each check names the right that would show it."""
    assert patient.stack.command("resync", patient.name).returncode == 0
    manager = patient.stack.resource_manager
    about = f"{patient.vault.resource_id}/providers/microsoft.insights"
    heal = manager.plan(Fault(403), None, about)
    found = patient.examine()
    heal()
    assert (found.code, found.of_result("skipped")) == (0, ["audit"])
    assert "Microsoft.Insights/diagnosticSettings/read" in found["audit"]["sentence"]
    manager.reader(SUBSCRIPTION, granted=False)
    found = patient.examine()
    manager.reader(SUBSCRIPTION, granted=True)
    assert (found.code, found.of_result("skipped")) == (0, list(_SET_UP))
    assert "takes Reader on the vault" in found["permissions"]["sentence"]


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_a_verb_is_missing(patient: Patient, verb: str) -> None:
    """Each verb that the Role lacks fails on its own, with the Role and binding to create."""
    patient.deny(verb)
    found = patient.examine()
    assert (found.code, list(found.failed)) == (1, [f"may {verb}"])
    remedy = found[f"may {verb}"]["remedy"]
    role = f"keyvault-sync --namespace {patient.namespace} --verb=get,create,patch"
    assert f"kubectl create role {role} --resource=secrets --resource-name={_SECRET}" in remedy
    assert f"--user='{APP_USER}'" in remedy
    assert found.of_result("skipped") == (["secrets", "owner", "settings"] if verb == "get" else [])


def test_a_missing_namespace_fails_where_it_can_be_told(patient: Patient) -> None:
    """Rights that outlive the namespace show that it is missing; the rest would be pointless."""
    patient.stack.cluster.delete_namespace(patient.namespace)
    found = patient.examine()
    assert (found.code, list(found.failed)) == (1, ["namespace"])
    assert found["namespace"]["remedy"] == f"kubectl create namespace {patient.namespace}"
    assert found.of_result("skipped") == [*_RIGHTS, "no more rights", "owner", "settings"]


def test_a_missing_namespace_is_unknown_to_the_least_role(stack: Stack) -> None:
    """A Role goes with its namespace: the rights fail, and a warning says what that hides."""
    name = f"weu-ds-akv-d{next(_NUMBERS)}-dev-1"
    stack.vault(name).set_secret("db-password", value())
    found = Findings.of(stack.command("doctor", name, "-o", "json", SYNC_VAULTS=name))
    assert (found.code, list(found.failed)) == (1, list(_RIGHTS))
    assert found.of_result("warning") == ["namespace"]


def test_the_cluster_is_down(patient: Patient) -> None:
    """A cluster that does not answer fails once, and the vault is looked at nevertheless."""
    patient.stack.stop_cluster()
    try:
        found = patient.examine()
    finally:
        patient.stack.start_cluster()
    assert (found.code, list(found.failed)) == (1, ["answers"])
    assert "ClusterUnreachable" in found["answers"]["sentence"]
    skipped = ["secrets", "namespace", *_RIGHTS, "no more rights", "owner", "settings"]
    assert found.of_result("skipped") == skipped
    assert found["read"]["result"] == "ok"


def test_the_cluster_refuses_the_token(patient: Patient) -> None:
    """A refused token fails the cluster, and is not shown."""
    kubeconfig = patient.stack.folder / f"{patient.namespace}.kubeconfig"
    document = json.loads(patient.stack.app_kubeconfig.read_text())
    document["users"][0]["user"]["token"] = value()
    kubeconfig.write_text(json.dumps(document))
    found = patient.examine(KUBECONFIG=str(kubeconfig))
    assert (found.code, list(found.failed)) == (1, ["answers"])
    assert "ClusterUnauthorized" in found["answers"]["sentence"]


def test_the_identity_endpoint_is_down(patient: Patient) -> None:
    """Without a token the vaults are skipped, and the cluster is looked at nevertheless."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}/msi/token"
    found = patient.examine(IDENTITY_ENDPOINT=nobody)
    assert (found.code, list(found.failed)) == (1, ["log-in"])
    assert found.of_result("skipped") == [*_SET_UP, "list", "read", "secrets"]
    assert found["owner"]["result"] == "ok"


def test_a_secret_of_another_controller(patient: Patient) -> None:
    """A Secret that another controller owns fails, with the command that takes it over."""
    owner: Document = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "name": "shop",
        "uid": "00000000-0000-4000-8000-000000000009",
    }
    patient.plant(metadata={"ownerReferences": [owner]})
    found = patient.examine()
    assert (found.code, list(found.failed)) == (1, ["owner"])
    assert "ExternalSecret" in found["owner"]["sentence"]
    assert found["owner"]["remedy"] == f"keyvault-sync adopt {patient.name}"


def test_an_administrator_may_too_much(patient: Patient) -> None:
    """Rights that the sync never needs are a warning, each named; the exit code stays 0."""
    found = patient.examine(KUBECONFIG=str(patient.stack.admin_kubeconfig))
    assert (found.code, found.of_result("warning")) == (0, ["secrets", "no more rights"])
    told = found["no more rights"]["sentence"]
    for excess in ("list", "any Secret of any namespace", "update", "delete"):
        assert excess in told


def test_wrong_settings_end_the_examination(patient: Patient) -> None:
    """Every fault of the settings is told at once, and the rest is skipped."""
    found = patient.examine(SYNC_PRUNE="maybe", SYNC_SCHEDULE="soon")
    assert (found.code, found.of_result("failed")) == (1, ["parse", "parse"])
    assert found.of_result("skipped") == ["log-in", "vaults", "clusters"]


def test_idle_settings_are_a_warning(patient: Patient) -> None:
    """An app that refuses every event and knows no vault is warned of, with the settings to set."""
    found = patient.examine(SYNC_SUBSCRIPTIONS="", SYNC_VAULTS="")
    assert (found.code, found.of_result("warning")) == (0, ["events", "vaults"])
    assert "--settings SYNC_SUBSCRIPTIONS=" in found["events"]["remedy"]
    assert found["answers"]["result"] == "ok"


def test_an_empty_vault_proves_nothing(patient: Patient) -> None:
    """A vault without an enabled secret is listed, and a warning says what that leaves open."""
    patient.vault.disable("db-password")
    found = patient.examine()
    assert (found.code, found.of_result("warning")) == (0, ["read"])


def test_an_entry_that_cannot_be_read_is_named(patient: Patient) -> None:
    """A listed secret that the vault describes oddly fails by its name; the others are read."""
    patient.vault.set_secret("odd", value())
    patient.vault.quirks = Quirks(odd={"odd": {"attributes": "none"}})
    found = patient.examine()
    assert (found.code, found.of_result("failed")) == (1, ["entries"])
    assert "odd: EntryUnreadable" in found["entries"]["sentence"]
    assert found["read"]["result"] == "ok"


def test_a_contest_is_shown_before_it_happens(patient: Patient) -> None:
    """Two vaults that lead to one Secret both fail, each naming the other."""
    rival = patient.name.replace("weu", "neu")
    patient.stack.vault(rival)
    found = patient.examine(SYNC_VAULTS=f"{patient.name},{rival}")
    contests = [check for check in found.checks if check["check"] == "target"]
    assert (found.code, found.of_result("failed")) == (1, ["target", "target"])
    assert [rival in contests[0]["sentence"], patient.name in contests[1]["sentence"]] == [True] * 2


def test_a_terminal_gets_groups_and_whole_commands(patient: Patient) -> None:
    """On a terminal each check is a line below its subject, and a remedy is never folded."""
    patient.deny("patch")
    environment = patient.stack.app_environment([patient.name])
    code, shown = on_a_terminal(environment, ["doctor"])
    assert code == 1
    lines = shown.splitlines()
    lines = lines[lines.index("settings") :]
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "settings",
        f"vault {patient.name}",
        "cluster default",
        f"Secret {patient.namespace}/{_SECRET} in cluster default",
        "21 checks, as the caller sees it: 18 ok, 2 warning, 1 failed",
    ]
    (remedy,) = (line for line in lines if "$ kubectl create role" in line)
    assert remedy.endswith("| kubectl auth reconcile --filename=-")
    assert leaks(shown) == []


def test_a_vault_off_the_pattern_is_refused(patient: Patient) -> None:
    """A name that no vault of the platform has is a plain failure."""
    done = patient.stack.command("doctor", "no-such-name", "-o", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["reason"] == "VaultNameOffPattern"
