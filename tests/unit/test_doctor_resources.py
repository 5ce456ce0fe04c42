"""What the doctor makes of how vaults are set up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.checks import Check, Verdict
from sync.doctor.doctor import EXAMINATION_SECONDS, RESOURCE_SECONDS, Doctor
from sync.doctor.vault_resources import (
    Network,
    PermissionMode,
    Unseen,
    VaultProperties,
    VaultResource,
)
from sync.http_api.convert import checks_of
from sync.http_api.dataclass_json import to_json
from tests.kit.fakes import Clock, vault_name
from tests.unit.test_doctor import ALL, Clinic, of_verdict, only

SHOP = vault_name("weu-ds-akv-shop-dev-1")
ABOUT = f"vault {SHOP}"
PROPERTIES = VaultProperties(
    PermissionMode.RBAC,
    soft_delete_days=90,
    purge_protection=True,
    network=Network.FIREWALL,
    network_rules=2,
    trusted_services=True,
)
SOUND = VaultResource(PROPERTIES, ("logs",))
POLICIES = replace(PROPERTIES, permissions=PermissionMode.ACCESS_POLICIES)
NAMES = ["permissions", "recovery", "network", "audit"]
ROLE = 'az role assignment create --role "Key Vault Secrets User"'
ENTRY = f"az keyvault set-policy --name {SHOP} --object-id IDENTITY --secret-permissions get list"


@dataclass(slots=True)
class Resources:
    """Vaults that are set up alike, or a failure; each takes some seconds to read."""

    told: VaultResource | SyncError = SOUND
    clock: Clock = field(default_factory=Clock)
    seconds: float = 0.0

    def read(self, vault: VaultName, deadline: Deadline) -> VaultResource:
        """Return it."""
        del vault
        deadline.remaining()
        self.clock.tick(self.seconds)
        if isinstance(self.told, SyncError):
            raise self.told
        return self.told


def examined(clinic: Clinic, resources: Resources) -> Sequence[Check]:
    """Run the doctor with these vaults in Resource Manager."""
    doctor = Doctor(
        clinic.app,
        clinic.vaults,
        clinic.login,
        clinic.access,
        routes=clinic.routes,
        resources=resources,
    )
    return list(doctor.examine(ALL))


def of(told: VaultResource) -> Sequence[Check]:
    """Return the four checks of a vault in good health that is set up so."""
    checks = examined(Clinic(SHOP).in_step(), Resources(told))
    return [check for check in checks if check.name in NAMES]


def facts(checks: Sequence[Check]) -> Mapping[str, object]:
    """Return the answer's facts of the one vault."""
    answer = to_json(checks_of(checks, "the app"))
    assert isinstance(answer, dict)
    (told,) = answer["vaults"]
    assert isinstance(told, dict)
    return told


def test_a_vault_that_is_set_up_well_is_told_and_warns_of_nothing() -> None:
    """Four checks before the listing, and the facts once for each vault."""
    checks = examined(Clinic(SHOP).in_step(), Resources())
    names = [check.name for check in checks if check.about == ABOUT]
    assert names[3:8] == [*NAMES, "list"]
    assert {check.verdict for check in checks} == {Verdict.OK}
    assert facts(checks) == {
        "vault": SHOP.text,
        "permissions": "rbac",
        "soft_delete": True,
        "soft_delete_days": 90,
        "purge_protection": True,
        "network": "firewall",
        "network_rules": 2,
        "trusted_services": True,
        "audit_events": True,
    }


@pytest.mark.parametrize(
    ("told", "name", "sentence", "remedy"),
    [
        (
            VaultResource(replace(PROPERTIES, soft_delete_days=None), ("logs",)),
            "recovery",
            "Soft delete is off",
            "az resource update --ids",
        ),
        (
            VaultResource(replace(PROPERTIES, purge_protection=False), ("logs",)),
            "recovery",
            "for 90 days, but without purge protection",
            f"az keyvault update --name {SHOP} --enable-purge-protection true",
        ),
        (
            VaultResource(PROPERTIES, ()),
            "audit",
            "who read a secret is recorded nowhere",
            "az monitor diagnostic-settings create",
        ),
    ],
    ids=["no soft delete", "no purge protection", "no audit events"],
)
def test_what_is_dangerous_is_a_warning(
    told: VaultResource, name: str, sentence: str, remedy: str
) -> None:
    """It keeps nothing from working; the command that mends it is told."""
    checks = of(told)
    assert of_verdict(checks, Verdict.WARNING) == [(ABOUT, name)]
    check = only(checks, ABOUT, name)
    assert sentence in check.sentence
    assert check.remedy.startswith(remedy)
    assert check.link == f"docs/outcomes.md#vault-{name}"


@pytest.mark.parametrize(
    ("network", "trusted", "sentence"),
    [
        (Network.PUBLIC, True, "It takes calls from every network."),
        (
            Network.FIREWALL,
            True,
            "Its firewall lets in 2 address range(s) and subnet(s), and Azure's trusted services.",
        ),
        (Network.PRIVATE, False, "It takes calls by private endpoints, and nothing else."),
        (Network.PERIMETER, True, "A network security perimeter decides whose calls reach it."),
    ],
)
def test_the_network_is_told(network: Network, sentence: str, *, trusted: bool) -> None:
    """None of them is a fault: whether the app gets through is another check's."""
    told = replace(PROPERTIES, network=network, trusted_services=trusted)
    check = only(of(VaultResource(told, ("logs",))), ABOUT, "network")
    assert (check.verdict, check.sentence) == (Verdict.OK, sentence)


def test_what_cannot_be_read_is_unknown_and_no_failure() -> None:
    """Each part for itself: the checks are skipped, and the facts say that they are unknown."""
    unseen = Unseen("It takes Reader on the vault.")
    checks = of(VaultResource(unseen, ("logs",)))
    assert of_verdict(checks, Verdict.SKIPPED) == [(ABOUT, name) for name in NAMES[:3]]
    assert {check.sentence for check in checks[:3]} == {
        "not checked: It takes Reader on the vault."
    }
    told = facts(checks)
    assert (told["permissions"], told["network"]) == ("unknown", "unknown")
    assert (told["soft_delete"], told["audit_events"]) == (None, True)
    told = facts(of(VaultResource(PROPERTIES, unseen)))
    assert (told["permissions"], told["audit_events"]) == ("rbac", None)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            Transient(Reason.RESOURCE_MANAGER_THROTTLED, "It is busy."),
            "not checked: ResourceManagerThrottled: It is busy.",
        ),
        (Transient(Reason.DEADLINE_EXCEEDED, "It took too long."), "not checked: time."),
    ],
    ids=["busy", "late"],
)
def test_a_question_that_failed_leaves_all_unknown(error: SyncError, sentence: str) -> None:
    """Resource Manager is not what the sync works with: nothing fails for it."""
    checks = examined(Clinic(SHOP).in_step(), Resources(error))
    assert of_verdict(checks, Verdict.FAILED) == []
    assert [check.sentence for check in checks if check.name in NAMES] == [sentence] * 4


def test_without_a_token_nothing_is_asked() -> None:
    """The log-in's failure is told once, and the vault's set-up is unknown."""
    clinic = Clinic(SHOP)
    clinic.login.fault = Permanent(Reason.CREDENTIAL_REFUSED, "No.")
    checks = examined(clinic, Resources())
    assert {check.sentence for check in checks if check.name in NAMES} == {
        "not checked: the log-in gets no token."
    }


@pytest.mark.parametrize(
    ("call", "name", "right"), [("list", "list", "list"), ("get", "read", "get")]
)
def test_the_missing_entry_is_named_where_access_policies_decide(
    call: str, name: str, right: str
) -> None:
    """With the command that adds it, and that the owner's template must carry it."""
    clinic = Clinic(SHOP).in_step()
    subject = "db-password" if call == "get" else ""
    clinic.wire.fail(call, Permanent(Reason.VAULT_FORBIDDEN, f"Grant the role: {ROLE}"), subject)
    check = only(examined(clinic, Resources(VaultResource(POLICIES, ()))), ABOUT, name)
    assert (check.verdict, check.reason, check.remedy) == (
        Verdict.FAILED,
        Reason.VAULT_FORBIDDEN,
        ENTRY,
    )
    assert f"no entry with {right} for the app's identity" in check.sentence
    assert "A role is useless there" in check.sentence
    assert "template" in check.sentence
    assert ROLE not in check.sentence


@pytest.mark.parametrize(
    ("told", "message", "remedy"),
    [
        (SOUND, f"Grant the role: {ROLE}", ROLE),
        (VaultResource(Unseen("Why."), ()), f"Grant the role: {ROLE}", ROLE),
        (VaultResource(Unseen("Why."), ()), f"Add an entry: {ENTRY}", ENTRY),
    ],
    ids=["roles", "unknown", "unknown, but the vault says it"],
)
def test_elsewhere_the_remedy_is_what_the_vault_says(
    told: VaultResource, message: str, remedy: str
) -> None:
    """A role, unless the refusal itself is that of access policies."""
    clinic = Clinic(SHOP).in_step()
    clinic.wire.fail("list", Permanent(Reason.VAULT_FORBIDDEN, message))
    check = only(examined(clinic, Resources(told)), ABOUT, "list")
    assert check.remedy.startswith(remedy)


def test_another_fault_of_such_a_vault_keeps_its_remedy() -> None:
    """An entry helps against a missing right alone."""
    clinic = Clinic(SHOP).in_step()
    clinic.wire.fail("list", Permanent(Reason.VAULT_FIREWALLED, "It is so."))
    check = only(examined(clinic, Resources(VaultResource(POLICIES, ()))), ABOUT, "list")
    assert check.remedy.startswith("az keyvault network-rule add")


def test_many_slow_vaults_leave_time_for_the_clusters() -> None:
    """Once their share of the time is over the rest is unknown, and the others are examined."""
    vaults = [vault_name(f"weu-ds-akv-p{number}-dev-1") for number in range(40)]
    clinic = Clinic(*vaults)
    began = clinic.clock()
    checks = examined(clinic, Resources(clock=clinic.clock, seconds=10.0))
    told = [check for check in checks if check.name == "permissions"]
    assert [check.about for check in told] == [f"vault {vault}" for vault in vaults]
    known = [check.verdict is Verdict.OK for check in told]
    assert 0 < sum(known) <= RESOURCE_SECONDS / 10 + 8  # as many as were under way
    assert all(before >= after for before, after in pairwise(known))
    assert only(checks, "cluster dev", "answers").verdict is Verdict.OK
    assert clinic.clock() - began < EXAMINATION_SECONDS
    assert of_verdict(checks, Verdict.FAILED) == []
