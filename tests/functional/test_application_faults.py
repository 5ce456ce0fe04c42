"""Every fault of the calls that applications add: how each ends, that it does no harm, and mends.

What must come of each is written by hand, as for all other calls (tests/functional/faults).
"""

from collections.abc import Callable, Mapping, Sequence

import pytest

from local.faults import Fault, Healing
from local.kubernetes.faults import Where
from tests.functional.declaring import Declaring, declaring
from tests.functional.faults.vocabulary import BY_SERVER, LASTS_LONG
from tests.functional.world import World

type Table = Mapping[str, Sequence[str]]
_WRITTEN = frozenset({"half a body", "half a chunked body"})
"""Faults of an answer, which come after the write."""

type Plant = Callable[[Declaring, Fault], Healing]

_CLUSTER: Table = {
    "": ["slow"],
    "ClusterUnavailable": ["429", "429, Retry-After 1", "429, Retry-After 600",
                           "500", "502", "503", "408", "redirect"],
    "ClusterUnreachable": ["reset", "half a body", "half a chunked body", "hang"],
    "ClusterUnauthorized": ["401"],
    "ClusterAnswerBroken": ["other JSON", "HTML"],
}  # fmt: skip
_OBJECTS: Table = {
    **_CLUSTER,
    "ClusterAnswerBroken": ["other JSON", "HTML", "409", "413", "422"],
    "ApplicationsForbidden": ["403"],
    "ApplicationsUnknown": ["404", "404 in HTML"],
}
_OBJECT: Table = {
    **_OBJECTS,
    "": ["slow", "404"],  # the list has it, so it is not gone
    "ApplicationsUnknown": ["404 in HTML"],
}
_SECRET: Table = {
    **_CLUSTER,
    "ClusterAnswerBroken": ["other JSON", "HTML", "404 in HTML"],
    "ClusterForbidden": ["403"],
    "SecretRefused": ["413", "422"],
    "Conflict": ["409"],
}
_READ: Table = {**_SECRET, "Conflict": ["404", "409"]}
_APPLY: Table = {**_SECRET, "NamespaceMissing": ["404"]}
_PUT: Table = {
    "ListedSecretDisabled": ["slow", "500", "503", "half a body"],
    "ListedSecretMissing": ["401", "403", "404", "404 in HTML", "408", "409", "413", "422", "429",
                            "429, Retry-After 600", "502", "redirect", "reset", "other JSON"],
}  # fmt: skip


def _of_objects(verb: str) -> Plant:
    def plant(app: Declaring, fault: Fault) -> Healing:
        where = Where(verb, "platformapplications", app.place.namespace)
        return app.place.cluster.faults.plan(fault, None, where)

    return plant


def _of_secret(verb: str, secret: str) -> Plant:
    def plant(app: Declaring, fault: Fault) -> Healing:
        where = Where(verb, "secrets", app.place.namespace, secret)
        return app.place.cluster.faults.plan(fault, None, where)

    return plant


CALLS: Mapping[str, tuple[Plant, Table]] = {
    "list of applications": (_of_objects("list"), _OBJECTS),
    "get of an application": (_of_objects("get"), _OBJECT),
    "read of an application's Secret": (_of_secret("get", "checkout"), _READ),
    "apply of an application's Secret": (_of_secret("patch", "checkout"), _APPLY),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_fault_of_a_call_ends_as_it_must(world: World, call: str) -> None:
    """No variable is lost to it, the vault's own Secret is in step, and a pass mends the rest."""
    plant, table = CALLS[call]
    assert {fault for faults in table.values() for fault in faults} == {*BY_SERVER} - {
        *LASTS_LONG - {"hang"}
    }
    with declaring(world, "checkout") as app:
        app.place.renew("one", "two", "three")
        world.settle()
        for reason, faults in table.items():
            for fault in faults:
                app.declare("checkout", "one", "two")
                app.resync()
                app.declare("checkout", "one", "three")
                before = app.variables("checkout")
                assert before.keys() == {"ONE", "TWO"}
                heal = plant(app, BY_SERVER[fault])
                found = app.tried()
                heal()
                assert found == reason, fault
                if reason and fault not in _WRITTEN:
                    assert app.variables("checkout") == before, fault
                assert app.variables("checkout")["ONE"] == before["ONE"], fault
                assert app.place.data() == app.place.wanted()
                app.resync()
                assert app.variables("checkout").keys() == {"ONE", "THREE"}


@pytest.mark.parametrize("reason", _PUT)
def test_a_fault_while_a_secret_is_made_is_told_and_mended(world: World, reason: str) -> None:
    """It is missing as before, or made by the retry, and never made over another."""
    with declaring(world, "checkout", SYNC_APPLICATIONS_PREPARE="true") as app:
        for number, fault in enumerate(_PUT[reason]):
            name = f"new-{number}"
            app.declare("checkout", name)
            once = 1 if reason == "ListedSecretDisabled" else None
            heal = app.place.vault.faults.plan(BY_SERVER[fault], once, "set")
            assert app.refused() == {name: reason}, fault
            heal()
            assert app.refused() == {name: "ListedSecretDisabled"}
            assert all(not each.enabled for each in app.place.vault.versions(name))
