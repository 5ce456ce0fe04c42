"""Labels that the platform sets, and those that it lets tags set, on the deployed app."""

from local.kubernetes import Write
from local.kubernetes.kinds import SECRET
from tests.functional.secrets_held import assert_quiet, other
from tests.functional.world import Place, World, outcome
from tests.leaks.dye import value

ARGO = "argocd.argoproj.io/secret-type"
LABELS = "team=shop,example.org/env=dev"


def added(place: Place) -> dict[str, str]:
    """Return the Secret's labels beside those that say whose it is."""
    return {
        name: text
        for name, text in place.labels().items()
        if not name.startswith(("keyvault-sync/", "app.kubernetes.io/managed-by"))
    }


def test_the_platforms_labels_come_and_go(world: World) -> None:
    """Every Secret has them; another setting replaces them with the next pass, others' stay."""
    place = world.place(age=600, silent=True)
    web = other(world, place, "keyvault-project-web")
    place.vault.set_secret("plain", value())
    place.vault.set_secret("token", value(), tags={"k8s-secret": "web"})
    with world.app(place, SYNC_LABELS=LABELS) as app:
        assert app.timer == 202
        assert added(place) == added(web) == {"team": "shop", "example.org/env": "dev"}
        assert_quiet(app, place, web)
    place.stack.cluster.patch(
        SECRET,
        place.namespace,
        place.secret,
        "merge",
        {"metadata": {"labels": {"mine": "kept"}}},
        Write("somebody"),
    )
    place.vault.reset_requests()
    with world.app(place, SYNC_LABELS="team=till") as app:
        assert app.timer == 202
        assert (added(place), added(web)) == ({"team": "till", "mine": "kept"}, {"team": "till"})
    assert place.vault.requests()["get"] == 0
    with world.app(place) as app:
        assert app.timer == 202
    assert (added(place), added(web)) == ({"mine": "kept"}, {})


def test_tags_set_only_labels_that_the_platform_allows(world: World) -> None:
    """What is not on the list is refused by name; what is, is on the secret's Secret alone."""
    place = world.place(age=600, silent=True)
    web = other(world, place, "keyvault-project-web")
    place.vault.set_secret("plain", value())
    tags = {"k8s-secret": "web", f"k8s-label-{ARGO.upper()}": "repository"}
    place.vault.set_secret("token", value(), tags=tags)
    answer = world.resync(place)
    assert answer.status == 422
    assert outcome(answer)["reason"] == "TagWrong"
    assert "the platform allows one by its name in SYNC_LABEL_TAGS" in answer.text
    assert web.data() is None
    with world.app(place, SYNC_LABEL_TAGS=f"team,{ARGO}") as app:
        assert app.resync(place).status == 200
        assert (added(place), added(web)) == ({}, {ARGO: "repository"})
        assert_quiet(app, place, web)
        place.vault.update("token", tags={"k8s-secret": "web", "k8s-label-team": "a"})
        assert app.resync(place).status == 200
        assert added(web) == {"team": "a"}
        held = web.data()
    assert world.resync(place).status == 422
    assert (added(web), web.data()) == ({}, held)


def test_two_values_of_one_label_are_told(world: World) -> None:
    """The secret that has the label keeps it, and the other one is refused with its reason."""
    place = world.place(age=600, silent=True)
    place.vault.set_secret("a", value(), tags={"k8s-label-team": "shop"})
    with world.app(place, SYNC_LABEL_TAGS="team") as app:
        assert app.resync(place).status == 200
        place.vault.set_secret("b", value(), tags={"k8s-label-team": "till"})
        answer = app.resync(place)
        assert answer.status == 422
        assert outcome(answer)["reason"] == "LabelsDiffer"
        assert (added(place), list(place.data() or {})) == ({"team": "shop"}, ["a"])
        place.vault.update("b", tags={"k8s-label-team": "shop"})
        assert app.resync(place).status == 200
        assert sorted(place.data() or {}) == ["a", "b"]
