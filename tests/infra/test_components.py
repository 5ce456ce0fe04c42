"""The components of the manifests: what an overlay makes of them, and that they know the app."""

import re
from pathlib import Path

import pytest
import yaml

from local.kubernetes.documents import Document, child, items, text
from local.kubernetes.kinds import ROLE
from local.role import BASE, COMPONENTS
from sync.core.model import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    SECRET_NAME,
    SECRET_TYPE,
    STATE_ANNOTATION,
)
from sync.core.vault_names import is_own_by_rule, own_secret
from sync.projection.tags import SecretType
from tests.contract.api_servers import ApiServer
from tests.contract.conftest import actual_server
from tests.contract.policies import BINDINGS, POLICIES, policy
from tests.infra.test_kubernetes import kubectl, needs_kubectl
from tests.kit.waiting import wait_until

__all__ = ["actual_server"]

GUARDED = BASE.parent / "overlays" / "example-guarded"
IDENTITY = "11111111-1111-4111-8111-111111111111"
GROUP = "22222222-2222-4222-8222-222222222222"
NAMES = ("keyvault-sync-guard", "keyvault-sync-self-service")
KIND = "ValidatingAdmissionPolicy"


def expressions(document: Document) -> dict[str, str]:
    """Return a policy's conditions and variables by name."""
    spec = child(document, "spec")
    return {
        text(item, "name"): text(item, "expression")
        for part in ("matchConditions", "variables")
        for item in items(spec, part)
    }


def built() -> dict[tuple[str, str, str], Document]:
    """Build the guarded example; return its documents by kind, name and namespace."""
    documents: list[Document] = list(yaml.safe_load_all(kubectl("kustomize", str(GUARDED))))
    found: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        metadata = child(document, "metadata")
        key = (text(document, "kind"), text(metadata, "name"), text(metadata, "namespace"))
        found[key] = document
    assert len(found) == len(documents)
    return found


@needs_kubectl
def test_the_overlay_sets_what_is_the_platforms() -> None:
    """The Roles name no Secret, and both policies know identity, group and Secrets."""
    found = built()
    for where in ("shop-dev", "shop-prod", "web-dev"):
        (rule,) = items(found["Role", "keyvault-sync", where], "rules")
        assert rule == {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["get", "create", "patch"],
        }
        (subject,) = items(found["RoleBinding", "keyvault-sync", where], "subjects")
        assert text(subject, "name") == IDENTITY
    guard, self_service = (expressions(found[KIND, name, ""]) for name in NAMES)
    assert (guard["app"], guard["breakGlass"]) == (f"'{IDENTITY}'", f"'{GROUP}'")
    assert self_service["the-app-asks"] == f"request.userInfo.username == '{IDENTITY}'"
    assert self_service["placements"] == "{'web-dev': ['myapp']}"
    assert self_service["secretNames"] == "'orders,billing-*'"
    assert self_service["takeovers"] == "['shop-dev/keyvault-2']"


@needs_kubectl
def test_the_policies_deny_and_stay_out_of_backups() -> None:
    """Each is bound once, denies, fails closed, has no parameters, and no tool restores it."""
    found = built()
    for name in NAMES:
        document, binding = found[KIND, name, ""], found[f"{KIND}Binding", name, ""]
        assert child(binding, "spec") == {"policyName": name, "validationActions": ["Deny"]}
        for each in (document, binding):
            labels = child(child(each, "metadata"), "labels")
            assert labels == {"velero.io/exclude-from-backup": "true"}
        spec = child(document, "spec")
        assert text(spec, "failurePolicy") == "Fail"
        assert "paramKind" not in spec
        for validation in items(spec, "validations"):
            assert "messageExpression" not in validation
            assert text(validation, "reason") == "Forbidden"


def test_the_base_of_each_policy_names_nobody() -> None:
    """As shipped, the identity is one that nobody has, and nothing may be taken over."""
    guard, self_service = (expressions(policy(name, {})) for name in ("guard", "self-service"))
    nobody = "00000000-0000-0000-0000-000000000000"
    assert (guard["app"], guard["breakGlass"]) == (f"'{nobody}'", "'system:masters'")
    assert nobody in self_service["the-app-asks"]
    asked = [self_service[name] for name in ("placements", "secretNames", "takeovers")]
    assert asked == ["{}", "''", "[]"]


@pytest.mark.parametrize("component", ["guard", "self-service"])
def test_the_policies_know_the_app(component: str) -> None:
    """Label, field manager and annotations are spelled as the app writes them."""
    written = (COMPONENTS / component / "policy.yaml").read_text()
    assert f"'{MANAGED_BY_LABEL}'].orValue('') == '{FIELD_MANAGER}'" in written
    if component == "guard":
        assert f"entry.?manager.orValue('') == '{FIELD_MANAGER}'" in written
        prefix = STATE_ANNOTATION.partition("/")[0]
        assert written.count(f"!name.startsWith('{prefix}/')") == 2
    else:
        (types,) = re.findall(r"object\.\?type\.orValue\('Opaque'\) in \[([^]]+)\]", written)
        assert set(re.findall(r"'([^']+)'", types)) == {SECRET_TYPE, *SecretType}


def test_vaults_own_secrets_are_known_by_rule() -> None:
    """The policy's pattern takes each own Secret and those derived from it, and no other."""
    written = (COMPONENTS / "self-service" / "policy.yaml").read_text()
    found = re.search(r"matches\('(\^keyvault-[^']+)'\)", written)
    assert found is not None
    pattern = re.compile(found[1])
    for number in range(1, 100):
        own = own_secret(number)
        assert is_own_by_rule(own)
        assert pattern.search(own)
        assert pattern.search(f"{own}-db")
    for other in ("keyvault-0", "keyvault-100", "keyvault-projects", "keyvault", "a-keyvault-2"):
        assert SECRET_NAME.fullmatch(other)
        assert not pattern.search(other)


@needs_kubectl
@pytest.mark.parametrize("side", ["client", "server"])
def test_the_guarded_example_is_applied(
    actual_server: ApiServer, tmp_path: Path, side: str
) -> None:
    """Kubectl applies first the policies by their label, then all, and again without a change."""
    config = tmp_path / "kubeconfig"
    config.write_text(actual_server.kubeconfig())
    for where in ("shop-dev", "shop-prod", "web-dev"):
        made = actual_server.call("POST", "/api/v1/namespaces", {"metadata": {"name": where}})
        assert made.status in {201, 409}
    apply = ["apply", f"--server-side={str(side == 'server').lower()}", "-k", str(GUARDED)]
    role = ROLE.path("shop-dev", "keyvault-sync")
    try:
        kubectl(*apply, "--selector", "velero.io/exclude-from-backup=true", config=config)
        assert actual_server.call("GET", role).status == 404
        for _ in range(2):
            kubectl(*apply, "--force-conflicts" if side == "server" else "--wait", config=config)
        for name in NAMES:
            held = actual_server.call("GET", f"{POLICIES}/{name}")
            assert child(held.body, "metadata")["generation"] == 1
            assert actual_server.call("GET", f"{BINDINGS}/{name}").status == 200
        wait_until(lambda: "keyvault-sync-self-service" in refusal(config))
    finally:
        kubectl("delete", "--ignore-not-found", "-k", str(GUARDED), config=config)


def refusal(config: Path) -> str:
    """Return what kubectl says of the probe that the README tells to send; empty if it passes."""
    probe = ["create", "secret", "generic", "probe", "--namespace", "shop-dev"]
    try:
        kubectl(*probe, "--dry-run=server", "--as", IDENTITY, config=config)
    except AssertionError as refused:
        return str(refused)
    return ""
