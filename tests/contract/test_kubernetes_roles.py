"""Roles and RoleBindings as objects of the API: what a server refuses of them, and their effect."""

from local.kubernetes.documents import Document, child, items
from local.kubernetes.kinds import ROLE, ROLE_BINDING
from tests.contract.api_servers import APPLY, MERGE, ApiServer
from tests.kit.waiting import wait_until


def role(*rules: Document) -> Document:
    """Return a Role with these rules."""
    metadata: Document = {"name": "r"}
    return {"apiVersion": ROLE.api_version, "kind": "Role", "metadata": metadata, "rules": [*rules]}


def rule(**changes: list[str]) -> Document:
    """Return a rule that lets Secrets be read."""
    fields = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], **changes}
    return {name: [*words] for name, words in fields.items()}


def binding(name: str, user: str) -> Document:
    """Return a RoleBinding of that Role to a user."""
    group = ROLE.group
    return {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": "RoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def test_a_rule_needs_verbs_groups_and_resources(api_server: ApiServer, namespace: str) -> None:
    """A rule without one of them is refused, and the field named."""
    broken = role(rule(), rule(verbs=[], apiGroups=[], resources=[]))
    refused = api_server.call("POST", ROLE.path(namespace), broken)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert refused.message == (
        'Role.rbac.authorization.k8s.io "r" is invalid: ['
        "rules[1].verbs: Required value: verbs must contain at least one value, "
        "rules[1].apiGroups: Required value: resource rules must supply at least one api group, "
        "rules[1].resources: Required value: resource rules must supply at least one resource]"
    )
    details = child(refused.body, "details")
    assert (details["group"], details["kind"]) == ("rbac.authorization.k8s.io", "Role")
    assert len(items(details, "causes")) == 3


def test_what_is_not_there_is_named_with_its_group(api_server: ApiServer, namespace: str) -> None:
    """A 404 and a 409 name the resource in full."""
    missing = api_server.call("GET", ROLE.path(namespace, "r"))
    assert missing.message == 'roles.rbac.authorization.k8s.io "r" not found'
    assert child(missing.body, "details") == {
        "name": "r",
        "group": "rbac.authorization.k8s.io",
        "kind": "roles",
    }
    assert api_server.call("POST", ROLE.path(namespace), role(rule())).status == 201
    again = api_server.call("POST", ROLE.path(namespace), role(rule()))
    assert again.message == 'roles.rbac.authorization.k8s.io "r" already exists'


def test_a_binding_keeps_its_role(api_server: ApiServer, namespace: str) -> None:
    """The subjects of a RoleBinding may change, its Role may not."""
    path = ROLE_BINDING.path(namespace, "b")
    query = {"fieldManager": "m", "force": "true"}
    for user in ("one", "two"):
        applied = api_server.call("PATCH", path, binding("r", user), media=APPLY, query=query)
        assert applied.status in {200, 201}
        assert [subject["name"] for subject in items(applied.body, "subjects")] == [user]
    refused = api_server.call("PATCH", path, {"roleRef": {"name": "other"}}, media=MERGE)
    assert refused.status == 422
    assert refused.message.startswith('RoleBinding.rbac.authorization.k8s.io "b" is invalid: ')
    assert refused.message.endswith(": cannot change roleRef")


def test_a_field_of_the_wrong_type_is_refused(api_server: ApiServer, namespace: str) -> None:
    """Rules are a list, and an apply of something else says so."""
    broken: Document = {**role(), "rules": "all"}
    query = {"fieldManager": "m"}
    refused = api_server.call("PATCH", ROLE.path(namespace, "r"), broken, media=APPLY, query=query)
    assert refused.status in {400, 500}
    assert "expected list" in refused.message


def test_rights_come_and_go_with_the_role(api_server: ApiServer, namespace: str) -> None:
    """A bound user may what the Role says, from when it says so until it no longer does."""
    account = api_server.user("bound", [])
    secrets = f"/api/v1/namespaces/{namespace}/secrets"

    def until(status: int) -> None:
        path, token = f"{secrets}/s", account.token
        wait_until(lambda: api_server.call("GET", path, token=token).status == status)

    until(403)
    bound = binding("r", account.user)
    assert api_server.call("POST", ROLE_BINDING.path(namespace), bound).status == 201
    assert api_server.call("POST", ROLE.path(namespace), role(rule())).status == 201
    until(404)
    assert api_server.call("PUT", ROLE.path(namespace, "r"), role()).status == 200
    until(403)
    assert api_server.call("PUT", ROLE.path(namespace, "r"), role(rule())).status == 200
    until(404)
    assert api_server.call("DELETE", ROLE_BINDING.path(namespace, "b")).status == 200
    until(403)


def test_a_table_of_bindings_shows_the_role(api_server: ApiServer, namespace: str) -> None:
    """The table that kubectl asks for has each binding's name and Role."""
    assert api_server.call("POST", ROLE_BINDING.path(namespace), binding("r", "u")).status == 201
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    shown = api_server.call("GET", ROLE_BINDING.path(namespace), headers=accept)
    (row,) = items(shown.body, "rows")
    cells = row["cells"]
    assert isinstance(cells, list)
    assert cells[:2] == ["b", "Role/r"]
