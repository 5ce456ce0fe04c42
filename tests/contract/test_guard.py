"""The component `guard` on a real API server: who may change and delete what the app wrote."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.kubernetes import Rule
from local.kubernetes.documents import Document, Json, child, dump, text
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.core.model import CREATE_ONLY, STATE_ANNOTATION, Desired, Target
from tests.contract.api_servers import APPLY, JSON, MERGE, STRATEGIC, Account, Answer, ApiServer
from tests.contract.policies import installed
from tests.contract.test_cluster_port import LABELS, VAULT, connect, encoded
from tests.kit.scripted import soon
from tests.kit.waiting import wait_until
from tests.leaks.dye import value

BREAK_GLASS = "22222222-2222-4222-8222-222222222222"
NAME = "keyvault-project"
_CONTROLLERS = "system:serviceaccount:kube-system:"
JSON_PATCH = "application/json-patch+json"
_A, _B, _OTHER = value(), value(), value()
_OWNED = {**LABELS, "keyvault-sync/project": "shop", "cost-centre": "42"}
_LINK = "link.argocd.argoproj.io/external-link"


def desired(uid: str = "", **data: str) -> Desired:
    """Return what the app applies for these keys, with a label and a link that settings ask for."""
    values = {key: held.encode() for key, held in data.items()}
    return Desired(values, _OWNED, {STATE_ANNOTATION: "{}", _LINK: "https://a.example"}, uid=uid)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server with the guard, its app, and a team that may do anything with any Secret."""

    server: ApiServer
    app: KubernetesSecrets = field(repr=False)
    team: Account

    def create(self, wanted: Desired | None = None) -> Target:
        """Let the app make a Secret in a new namespace."""
        target = Target(VAULT, "main", self.server.create_namespace(), NAME)
        self.app.apply(target, wanted or desired(a=_A, b=_B), CREATE_ONLY, soon())
        return target

    def ask(  # noqa: PLR0913 - a request has this many parts
        self,
        target: Target,
        method: str,
        body: Json = None,
        media: str = JSON,
        *,
        query: dict[str, str] | None = None,
        who: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request for the Secret as the team, or as the one whom the headers name."""
        forced = {"force": "true"} if media == APPLY else {}
        asked = {"fieldManager": "team", **forced, **(query or {})}
        token = None if who else self.team.token
        path = of(target)
        return self.server.call(
            method, path, body, media=media, token=token, headers=who, query=asked
        )

    def document(self, target: Target) -> Document:
        """Return the Secret as it is."""
        return self.server.call("GET", of(target)).body


def of(target: Target) -> str:
    """Return the path of the Secret."""
    return f"/api/v1/namespaces/{target.namespace}/secrets/{target.secret}"


@pytest.fixture(scope="module")
def guarded(
    actual_server: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """Install the guard, and wait until it refuses something."""
    app = actual_server.user("app", [Rule(("get", "create", "patch"), ("secrets",), (NAME,))])
    verbs = ("get", "list", "create", "update", "patch", "delete", "deletecollection")
    team = actual_server.user("team", [Rule(verbs, ("secrets",))])
    clusters = connect(actual_server, Path(tmp_path_factory.mktemp("guard")), app.token)
    made = Guarded(actual_server, KubernetesSecrets(clusters), team)
    values = {"app": f"'{app.user}'", "breakGlass": f"'{BREAK_GLASS}'"}
    target = made.create()
    with installed(actual_server, "guard", values):
        wait_until(lambda: deletion(made, target) == 403)
        yield made
    wait_until(lambda: deletion(made, target) == 200)  # lest other tests meet the guard
    clusters.close()


def deletion(guarded: Guarded, target: Target) -> int:
    """Return the status that a deletion by the team would have."""
    return guarded.ask(target, "DELETE", query={"dryRun": "All"}).status


def broken_glass(account: Account) -> dict[str, str]:
    """Return the headers by which the administrator acts as that user, in the break-glass group."""
    return {"Impersonate-User": account.user, "Impersonate-Group": BREAK_GLASS}


def controller(name: str) -> dict[str, str]:
    """Return the headers by which the administrator acts as a controller's service account."""
    return {
        "Impersonate-User": f"{_CONTROLLERS}{name}",
        "Impersonate-Group": "system:serviceaccounts:kube-system",
    }


def labelled(**labels: str | None) -> Document:
    """Return a patch of labels below keyvault-sync/."""
    return {"metadata": {"labels": {f"keyvault-sync/{name}": to for name, to in labels.items()}}}


def applied(body: Document) -> Document:
    """Return a body for an apply."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, **body}


def as_ours(labels: dict[str, str] | None = None, **data: str) -> Document:
    """Return a body for an apply that names each field that the app's own apply names."""
    annotations: Document = {STATE_ANNOTATION: "{}", _LINK: "https://a.example"}
    metadata: Document = {
        "name": NAME,
        "labels": {**_OWNED, **(labels or {})},
        "annotations": annotations,
    }
    return applied({"metadata": metadata, "type": "Opaque", "data": encoded(**data)})


_OWNER: Document = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "1-2-3"}
_OURS = {"fieldManager": "keyvault-sync"}
_REFUSED: dict[str, tuple[Json, str, dict[str, str]]] = {
    "merge-value": ({"data": encoded(a=_OTHER)}, MERGE, {}),
    "merge-removal": ({"data": {"a": None}}, MERGE, {}),
    "merge-all-removed": ({"data": None}, MERGE, {}),
    "merge-string-data": ({"stringData": {"a": _OTHER}}, MERGE, {}),
    "merge-in-our-name": ({"data": encoded(a=_OTHER)}, MERGE, _OURS),
    "merge-added-in-our-name": ({"data": encoded(c=_OTHER)}, MERGE, _OURS),
    "strategic-value": ({"data": encoded(b=_OTHER)}, STRATEGIC, {}),
    "json-patch": ([{"op": "remove", "path": "/data/b"}], JSON_PATCH, {}),
    "apply-forced": (applied({"data": encoded(a=_OTHER)}), APPLY, {}),
    "apply-string-data": (applied({"stringData": {"a": _OTHER}}), APPLY, {}),
    "apply-in-our-name": (applied({"data": encoded(a=_OTHER, b=_B)}), APPLY, _OURS),
    "apply-the-same-fields-in-our-name": (as_ours(a=_OTHER, b=_B), APPLY, _OURS),
    "apply-a-label-in-our-name": (as_ours({"cost-centre": "1"}, a=_A, b=_B), APPLY, _OURS),
    "apply-nothing-in-our-name": (applied({}), APPLY, _OURS),
    "label": (labelled(project="other"), MERGE, {}),
    "label-removed": (labelled(project=None), MERGE, {}),
    "label-added": (labelled(stage="prod"), MERGE, {}),
    "label-of-settings": ({"metadata": {"labels": {"cost-centre": "1"}}}, MERGE, {}),
    "manager": ({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}, MERGE, {}),
    "no-labels": ({"metadata": {"labels": None}}, MERGE, {}),
    "state": ({"metadata": {"annotations": {STATE_ANNOTATION: "{} "}}}, MERGE, {}),
    "state-removed": ({"metadata": {"annotations": {STATE_ANNOTATION: None}}}, MERGE, {}),
    "link": ({"metadata": {"annotations": {_LINK: "https://b.example"}}}, MERGE, {}),
    "managed-fields": ({"metadata": {"managedFields": [{}]}}, MERGE, {}),
    "immutable": ({"immutable": True}, MERGE, {}),
    "finalizer": ({"metadata": {"finalizers": ["example.com/keep"]}}, MERGE, {}),
    "owner": ({"metadata": {"ownerReferences": [_OWNER]}}, MERGE, {}),
}


@pytest.mark.parametrize("dry", [{}, {"dryRun": "All"}], ids=["stored", "dry-run"])
@pytest.mark.parametrize("change", _REFUSED.values(), ids=_REFUSED)
def test_what_the_app_wrote_is_not_changed(
    guarded: Guarded, change: tuple[Json, str, dict[str, str]], dry: dict[str, str]
) -> None:
    """Whatever the way, a change to what the app wrote is refused, and no word of it is quoted."""
    target = guarded.create()
    before = guarded.document(target)
    body, media, query = change
    refused = guarded.ask(target, "PATCH", body, media, query={**query, **dry})
    assert is_refusal(refused), refused.message
    assert guarded.document(target) == before


def is_refusal(answer: Answer) -> bool:
    """Return whether the guard refused the request, in words that hold no value and no name."""
    said = json.dumps(answer.body)
    quoted = (_A, _B, _OTHER, *map(str, encoded(a=_A, b=_B, c=_OTHER).values()))
    return (
        (answer.status, answer.reason) == (403, "Forbidden")
        and "ValidatingAdmissionPolicy 'keyvault-sync-guard'" in answer.message
        and not any(held in said for held in quoted)
    )


@pytest.mark.parametrize("dry", [{}, {"dryRun": "All"}], ids=["stored", "dry-run"])
def test_what_the_app_wrote_is_not_replaced_or_deleted(
    guarded: Guarded, dry: dict[str, str]
) -> None:
    """A replace with another value or with less of it is refused, and so is a deletion."""
    target = guarded.create()
    before = guarded.document(target)
    other, bare = copy.deepcopy(before), copy.deepcopy(before)
    child(other, "data").update(encoded(a=_OTHER))
    bare["metadata"] = {"name": NAME}
    for body in (other, bare):
        refused = guarded.ask(target, "PUT", body, query=dry)
        assert is_refusal(refused), refused.message
    for deleted in ({}, {"propagationPolicy": "Foreground"}, {"propagationPolicy": "Orphan"}):
        refused = guarded.ask(target, "DELETE", query={**deleted, **dry})
        assert is_refusal(refused), refused.message
    home = f"/api/v1/namespaces/{target.namespace}/secrets"
    refused = guarded.server.call("DELETE", home, token=guarded.team.token, query=dry)
    assert is_refusal(refused), refused.message
    assert guarded.document(target) == before


_TRACKING = "/metadata/annotations/argocd.argoproj.io~1tracking-id"
_FREE: dict[str, tuple[Json, str, dict[str, str]]] = {
    "key": ({"data": encoded(c=_OTHER)}, MERGE, {}),
    "string-data": ({"stringData": {"c": _OTHER}}, MERGE, {}),
    "applied": (applied({"data": encoded(c=_OTHER)}), APPLY, {}),
    "the-same-value": (applied({"data": encoded(a=_A)}), APPLY, {}),
    "label": ({"metadata": {"labels": {"team": "shop"}}}, MERGE, {}),
    "annotation": ({"metadata": {"annotations": {"example.com/note": "x"}}}, MERGE, {}),
    "the-same-fields-in-our-name": (as_ours(a=_A, b=_B), APPLY, _OURS),
    "several": (
        [
            {
                "op": "add",
                "path": "/metadata/annotations/argocd.argoproj.io~1tracking-id",
                "value": "x",
            },
            {"op": "add", "path": "/data/c", "value": "eA=="},
        ],
        JSON_PATCH,
        {},
    ),
}


@pytest.mark.parametrize("change", _FREE.values(), ids=_FREE)
def test_what_others_add_is_free(
    guarded: Guarded, change: tuple[Json, str, dict[str, str]]
) -> None:
    """Others add keys, labels and annotations, change them and remove them again."""
    target = guarded.create()
    body, media, query = change
    added = guarded.ask(target, "PATCH", body, media, query=query)
    assert added.status == 200, added.message
    theirs: Document = {
        "data": {"c": None},
        "metadata": {"labels": {"team": "web"}, "annotations": {"example.com/note": None}},
    }
    changed = guarded.ask(target, "PATCH", theirs, MERGE)
    assert changed.status == 200, changed.message
    actual = guarded.app.read(target, soon())
    assert actual is not None
    assert actual.data == {"a": _A.encode(), "b": _B.encode()}
    assert actual.owned == {"a", "b"}


def test_a_replace_without_a_change_is_free(guarded: Guarded) -> None:
    """What tools do that write each Secret again, for encryption or a storage version, passes."""
    target = guarded.create()
    whole = guarded.document(target)
    without = copy.deepcopy(whole)
    del child(without, "metadata")["managedFields"]
    for body in (whole, without):
        again = guarded.ask(target, "PUT", body)
        assert again.status == 200, again.message
    actual = guarded.app.read(target, soon())
    assert actual is not None
    assert actual.owned == {"a", "b"}


def test_the_app_rotates_removes_and_evicts(guarded: Guarded) -> None:
    """The guard does not stand in the app's way, whatever others added."""
    target = guarded.create()
    assert guarded.ask(target, "PATCH", {"data": encoded(c=_OTHER)}, MERGE).status == 200
    actual = guarded.app.read(target, soon())
    assert actual is not None
    guarded.app.evict(target, frozenset({"c"}), actual.resource_version, soon())
    actual = guarded.app.read(target, soon())
    assert actual is not None
    guarded.app.apply(target, desired(actual.uid, a=_OTHER), actual.resource_version, soon())
    actual = guarded.app.read(target, soon())
    assert actual is not None
    assert actual.data == {"a": _OTHER.encode()}
    refused = guarded.ask(target, "PATCH", {"data": encoded(a=_A)}, MERGE)
    assert is_refusal(refused), refused.message


def test_others_add_though_the_server_merges_managers(guarded: Guarded) -> None:
    """Of more than ten that update, the oldest lose their entry, the app's too: nobody is stopped.

    The app has such an entry besides that of its applies once it has put a value in the place of a
    key that others hold. It guards that value until the app's next apply does.
    """
    target = guarded.create()
    actual = guarded.app.read(target, soon())
    assert actual is not None
    put = {"c": _B.encode()}
    guarded.app.evict(target, frozenset(), actual.resource_version, soon(), values=put)
    refused = guarded.ask(target, "PATCH", {"data": encoded(c=_OTHER)}, MERGE)
    assert is_refusal(refused), refused.message
    for number in range(12):
        note: Document = {"metadata": {"annotations": {f"example.com/{number}": "x"}}}
        query = {"fieldManager": f"team-{number}"}
        added = guarded.ask(target, "PATCH", note, MERGE, query=query)
        assert added.status == 200, added.message
    managers = guarded.document(target)["metadata"]
    assert "ancient-changes" in json.dumps(managers)
    refused = guarded.ask(target, "PATCH", {"data": encoded(a=_OTHER)}, MERGE)
    assert is_refusal(refused), refused.message


def test_the_break_glass_group_may(guarded: Guarded) -> None:
    """A member of the group changes and deletes, and removes what was there before the guard."""
    target, who = guarded.create(), broken_glass(guarded.team)
    drift: Document = {"data": encoded(a=_OTHER), "metadata": {"finalizers": ["example.com/x"]}}
    assert guarded.ask(target, "PATCH", drift, MERGE, who=who).status == 200
    freed = guarded.ask(target, "PATCH", {"metadata": {"finalizers": None}}, MERGE)
    assert freed.status == 200, freed.message
    assert guarded.ask(target, "DELETE", who=who).status == 200
    assert guarded.app.read(target, soon()) is None


def test_a_copy_and_a_secret_of_others_are_free(guarded: Guarded) -> None:
    """What has only the label, or only the field manager, is not the app's writing."""
    target = guarded.create()
    home = f"/api/v1/namespaces/{target.namespace}/secrets"
    source = guarded.document(target)
    copied: Document = {
        "metadata": {"name": "copy", "labels": child(child(source, "metadata"), "labels")},
        "data": child(source, "data"),
    }
    plain: Document = {"metadata": {"name": "plain"}, "data": encoded(a=_A)}
    for body in (copied, plain):
        path = f"{home}/{text(child(body, 'metadata'), 'name')}"
        assert guarded.server.call("POST", home, body).status == 201
        change = dump({"data": encoded(a=_OTHER)})
        token = guarded.team.token
        assert guarded.server.call("PATCH", path, change, media=MERGE, token=token).status == 200
        assert guarded.server.call("DELETE", path, token=token).status == 200


@pytest.mark.parametrize(
    "user",
    [f"{_CONTROLLERS}generic-garbage-collector", "system:kube-controller-manager"],
)
def test_the_garbage_collector_deletes(guarded: Guarded, user: str) -> None:
    """By either of its identities; here it is impersonated."""
    target = guarded.create()
    deleted = guarded.ask(target, "DELETE", who={"Impersonate-User": user})
    assert deleted.status == 200, deleted.message


def test_a_namespace_is_deleted(guarded: Guarded) -> None:
    """The namespace controller, here impersonated, empties a namespace that goes, and no other."""
    target, who = guarded.create(), controller("namespace-controller")
    home = f"/api/v1/namespaces/{target.namespace}"
    refused = guarded.server.call("DELETE", f"{home}/secrets", headers=who)
    assert is_refusal(refused), refused.message
    assert guarded.server.call("DELETE", home).status in {200, 202}
    emptied: list[Answer] = []

    def is_empty() -> bool:
        """Ask as the controller does, again and again: the server learns of the deletion late."""
        emptied.append(guarded.server.call("DELETE", f"{home}/secrets", headers=who))
        return guarded.server.call("GET", of(target)).status == 404

    wait_until(is_empty)
    assert emptied[-1].status == 200, emptied[-1].message


_LARGE = {
    "one-key": {"large": "x" * 1_048_576},
    "1024-keys": {f"large-{number:04}": "x" * 1_024 for number in range(1_024)},
    "3500-keys": {f"large-{number:04}": "x" * 250 for number in range(3_500)},
}


@pytest.mark.parametrize("data", _LARGE.values(), ids=_LARGE)
def test_a_secret_of_1_mib_is_within_the_cost_limit(guarded: Guarded, data: dict[str, str]) -> None:
    """The largest Secrets are judged: an addition passes, a change is refused by its message."""
    target = guarded.create(desired(**data))
    note: Document = {"metadata": {"annotations": {"example.com/note": "x"}}}
    added = guarded.ask(target, "PATCH", note, MERGE)
    assert added.status == 200, added.message
    change: Document = {"data": {max(data): "eA=="}}
    refused = guarded.ask(target, "PATCH", change, MERGE)
    assert is_refusal(refused), refused.message
    assert "change the secret in the Azure Key Vault" in refused.message
    actual = guarded.app.read(target, soon())
    assert actual is not None
    guarded.app.apply(target, desired(actual.uid, a=_A), actual.resource_version, soon())
