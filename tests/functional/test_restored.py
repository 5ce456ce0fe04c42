"""Secrets that come back from a backup: Velero, GKE backup, or export and apply."""

from collections.abc import Mapping

import pytest

from local.kubernetes.cluster import Fields
from local.kubernetes.documents import child, items, text
from tests.functional.secrets_held import assert_quiet, other
from tests.functional.world import Place, World, outcome
from tests.leaks.dye import value

RESTORES: Mapping[str, tuple[str, Fields]] = {
    "no-managed-fields": ("velero-server", "none"),
    "older-velero": ("velero-server", "lost"),
    "velero-keeps-them": ("velero-server", "kept"),
    "kubectl-apply": ("kubectl-client-side-apply", "lost"),
    "kubectl-create": ("kubectl-create", "lost"),
}
MANAGERS: Mapping[str, set[str]] = {
    "no-managed-fields": set(),
    "older-velero": {"velero-server"},
    "velero-keeps-them": {"keyvault-sync", "somebody"},
    "kubectl-apply": {"kubectl-client-side-apply"},
    "kubectl-create": {"kubectl-create"},
}


def managers(place: Place) -> set[str]:
    """Return who manages fields of the Secret."""
    metadata = child(place.document(), "metadata")
    return {text(entry, "manager") for entry in items(metadata, "managedFields")}


def assert_nobody_says_taken(world: World, place: Place) -> None:
    """Status, explain and doctor see Secrets that are the sync's."""
    for ask in ("status", "explain", "doctor"):
        answer = world.get(f"/api/{ask}?vault={place.name}")
        assert answer.status == 200
        assert "TargetTaken" not in answer.text


@pytest.mark.parametrize("how", RESTORES)
@pytest.mark.parametrize("since", ["nothing", "rotation", "edit"])
def test_restored_secrets_are_ours_again(world: World, how: str, since: str) -> None:
    """One pass brings the vault's values into own and further Secrets; foreign keys stay."""
    place = world.place(age=600, silent=True)
    web = other(world, place, "keyvault-project-web")
    place.vault.set_secret("plain", value())
    place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    assert world.resync(place).status == 200
    for each in (place, web):
        each.stack.cluster.patch_data(each.namespace, each.secret, {"mine": b"by hand"})
        each.stack.cluster.patch_data(each.namespace, each.secret, {each.secret: b"edited"})
    place.vault.set_secret("more", value())
    place.vault.set_secret("other", value(), tags={"k8s-secret": "web"})
    assert world.resync(place).status == 200
    backups = [place.document(), web.document()]
    if since == "rotation":
        place.clock.ahead = -300
        place.vault.set_secret("plain", value())
        place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
        assert world.resync(place).status == 200
    elif since == "edit":
        child(backups[0], "data")["plain"] = "ZWRpdGVk"
        child(backups[1], "data")["token"] = "ZWRpdGVk"
    manager, fields = RESTORES[how]
    for each, backup in zip((place, web), backups, strict=True):
        each.stack.cluster.restore_secret(backup, manager=manager, fields=fields)
        assert managers(each) == MANAGERS[how]
    assert_nobody_says_taken(world, place)
    assert world.resync(place).status == 200
    wanted = place.wanted()
    foreign = {"mine": "by hand"}
    assert place.data() == foreign | {
        place.secret: "edited",
        "plain": wanted["plain"],
        "more": wanted["more"],
    }
    assert web.data() == foreign | {
        web.secret: "edited",
        "token": wanted["token"],
        "other": wanted["other"],
    }
    assert_nobody_says_taken(world, place)
    assert_quiet(world, place, web)


def test_a_copy_at_a_name_that_a_tag_asks_for_stays_refused(world: World) -> None:
    """Somebody's copy of a Secret of ours says of which one it is, and is not written."""
    place = world.place(age=600, silent=True)
    web = other(world, place, "keyvault-project-web")
    api = other(world, place, "keyvault-project-api")
    place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    assert world.resync(place).status == 200
    copy = web.document()
    metadata = {**child(copy, "metadata"), "name": api.secret}
    place.stack.cluster.restore_secret({**copy, "metadata": metadata}, manager="kubectl-create")
    held = api.data()
    place.vault.set_secret("key", value(), tags={"k8s-secret": "api"})
    answer = world.resync(place)
    assert answer.status == 422
    assert outcome(answer)["reason"] == "TargetTaken"
    assert "is a copy of Secret 'keyvault-project-web'" in answer.text
    assert api.data() == held
