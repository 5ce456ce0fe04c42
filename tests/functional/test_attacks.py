"""Attacks on the app from each place that somebody may have got into, and what they gain."""

import asyncio
import base64
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event
from urllib.parse import quote

import pytest
import urllib3

from local.kubernetes import Write
from local.kubernetes.documents import Document, child
from local.kubernetes.faults import Where
from local.kubernetes.kinds import SECRET
from tests.functional.gate import closed_gate
from tests.functional.world import EVENTS, Place, World, outcome, wait_until
from tests.leaks.dye import value

VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
APP = "keyvault-sync"
"""The field manager's name, by which anybody in the namespace may write as well."""

HOSTILE_NAMES = [
    "evil.example/",
    "weu-DS-AKV-shop-dev-1.evil.example",
    "weu-DS-AKV-shop-dev-1:443",
    "weu-DS-AKV-shop-dev-1@evil.example",
    "weu-DS-AKV-shop-dev-1#",
    "weu-DS-AKV-shop-dev-1?",
    "weu-DS-AKV-shop-dev-1/../..",
    "weu-DS-AKV-shop%2fdev-dev-1",
    "weu-DS-AKV-..-dev-1",
    "weu-DS-AKV-{stage}-dev-1",
    "weu-DS-AKV-shop-dev-1\nINJECTED",
    "weu-DS-A\N{KELVIN SIGN}V-shop-dev-1",
    "weu-DS-AKV-shop-dev-\N{ARABIC-INDIC DIGIT ONE}",
    "weu-DS-AKV-shop-dev-\N{FULLWIDTH DIGIT ONE}",
    "weu-DS-AKV-sh\N{CYRILLIC SMALL LETTER O}p-dev-1",
    "weu-DS-AKV-shop--dev-1",
    "weu-DS-AKV-shop-dev-01",
    "weu-DS-AKV-shop-dev-100",
    "weu-DS-AKV-" + "a" * 70_000 + "-dev-1",
]


def forge(place: Place, data: Mapping[str, str], **fields: object) -> None:
    """Write the Secret as its namespace's administrator who passes for the app."""
    metadata = child(place.document(), "metadata")
    state = json.dumps({**json.loads(place.state()), **fields})
    body: Document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": place.secret,
            "namespace": place.namespace,
            "labels": metadata["labels"],
            "annotations": {"keyvault-sync/state": state},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
    write = Write(APP, force=True)
    place.stack.cluster.patch(SECRET, place.namespace, place.secret, "apply", body, write)


def altered(place: Place, data: Mapping[str, str], **changes: str) -> Mapping[str, object]:
    """Return an event of the vault with parts of its data, and of itself, altered."""
    event = place.event("key")
    honest = event["data"]
    assert isinstance(honest, dict)
    return {**event, **changes, "data": {**honest, **data}}


def filled(world: World) -> Place:
    """Return a vault with a secret that is in the cluster."""
    place = world.filled("key", age=100)
    world.settle()
    assert place.data() == place.wanted()
    return place


def share(place: Place) -> None:
    """Let another manager hold the keys of a Secret as well, as a team may in its namespace."""
    body: Document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": place.secret, "namespace": place.namespace},
        "data": place.document()["data"],
    }
    write = Write("gitops", force=True)
    place.stack.cluster.patch(SECRET, place.namespace, place.secret, "apply", body, write)


def test_without_the_webhooks_key_no_event_is_taken(world: World) -> None:
    """Neither no key, a made-up one nor the function key delivers an event."""
    place = world.filled("key", silent=True)
    address, _, _ = world.host.webhook(EVENTS).partition("&code=")
    headers = {"aeg-event-type": "Notification", "Content-Type": "application/json"}
    keys = ("", "made-up", world.host.function_key)
    shown = [(f"&code={key}", headers, key) for key in keys]
    shown += [("", {**headers, "x-functions-key": key}, key) for key in keys]
    for code, with_key, key in (("", headers, ""), *shown):
        body = json.dumps([place.event("key")])
        answer = urllib3.request("POST", address + code, body=body, headers=with_key)
        assert answer.status == (403 if key == world.host.function_key else 401)
    assert place.data() is None
    assert world.deliver(place.event("key")) == 202
    assert place.data() == place.wanted()


def test_a_handshake_makes_the_app_call_nobody(world: World) -> None:
    """A validation event's URL, and the Id of any event, are not asked, inside or outside."""
    calls: list[str] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("called")
        writer.close()

    port = world.stack.servers.listen(answer)
    bait = f"http://127.0.0.1:{port}/validate"
    place = world.filled("key", silent=True)
    asking = {"Id": bait, "validationCode": "1", "validationUrl": bait}
    assert world.deliver(altered(place, asking, eventType=VALIDATION)) == 202
    assert world.deliver(altered(place, asking)) == 202
    world.stack.servers.stop(port)
    assert place.data() == place.wanted()
    assert calls == []


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name[:40]))
def test_a_hostile_name_leads_nowhere(world: World, name: str) -> None:
    """By event or request, such a name is refused before a cluster or a vault is asked."""
    place = world.place(silent=True)
    world.stack.cluster.requests.reset()
    topic = f"{place.vault.resource_id.rpartition('/')[0]}/{name}"
    assert world.deliver(altered(place, {"VaultName": name}, topic=topic)) == 202
    answer = world.post("/api/resync", {"vault": name, "takeover": True})
    assert answer.status in {400, 404}
    assert world.get(f"/api/status?vault={quote(name[:200], safe='')}").status == 404
    assert world.stack.cluster.requests.count() == 0
    assert "\nINJECTED" not in world.log()


def test_no_option_gives_a_vaults_secret_to_another(world: World) -> None:
    """Whoever has a function key and a vault of a fitting name gets nobody's Secret by it."""
    victim = filled(world)
    rival = world.place(victim.name.replace("weu-", "xeu-"), silent=True)
    rival.vault.set_secret("key", value())
    everything = {"removals": True, "takeover": True, "refetch": True}
    for known in ((victim,), ()):
        with world.app(*known) as app:
            for fields in ({}, everything):
                assert outcome(app.resync(rival, **fields))["reason"] == "TargetTaken"
            named = app.resync(rival, **everything, takeover_from=victim.name)
            assert outcome(named)["reason"] == "VaultNotGone"
    assert victim.data() == victim.wanted()
    victim.stack.cluster.delete_secret(victim.namespace, victim.secret)
    with world.app(victim) as app:
        assert outcome(app.resync(rival, **everything))["reason"] == "TargetContested"
    assert victim.data() is None


def test_a_flood_of_made_up_vaults_keeps_nobody_waiting(world: World) -> None:
    """Events of vaults that lead nowhere are all given back; amid them a real one is served."""
    place = world.filled("key", silent=True)
    numbers, answers, ended = count(), list[int](), Event()

    def forged(number: int) -> Mapping[str, object]:
        name = f"weu-DS-AKV-f{number}-dev-1" if number % 2 else f"r{number}-DS-AKV-flood-dev-1"
        topic = f"{place.vault.resource_id.rpartition('/')[0]}/{name}"
        return altered(place, {"VaultName": name}, topic=topic)

    # In an app of its own, whose log the flood may fill.
    with world.app(place) as app, ThreadPoolExecutor(16) as senders:

        def flood() -> None:
            while not ended.is_set():
                answers.append(app.deliver(forged(next(numbers))))

        flooding = [senders.submit(flood) for _ in range(16)]
        try:
            wait_until(lambda: len(answers) >= 300)
            assert app.deliver(place.event("key")) == 202
            assert not any(each.done() for each in flooding)
            assert place.data() == place.wanted()
        finally:
            ended.set()
    assert set(answers) == {500}


def test_tags_make_no_secret_that_kubernetes_itself_reads(world: World) -> None:
    """No tag asks for a ServiceAccount's token, a bootstrap token or a Helm release."""
    place = world.place(silent=True)
    for number, tags in enumerate(
        (
            {"k8s-type": "service-account-token"},
            {"k8s-type": "kubernetes.io/service-account-token"},
            {"k8s-type": "bootstrap.kubernetes.io/token"},
            {"k8s-type": "helm.sh/release.v1"},
            {"k8s-secret": "sh.helm.release.v1.shop.v1"},
            {"k8s-secret": "../../kube-system/secrets/x"},
            {"k8s-secret": "keyvault-2"},
            {"k8s-key": "../../etc/passwd"},
            {"k8s-key": ".."},
        )
    ):
        place.vault.set_secret(f"bad-{number}", value(), tags=tags)
    place.vault.set_secret("good", value())
    assert world.resync(place).status == 422
    assert set(place.data() or {}) == {"good"}
    assert set(world.stack.cluster.secrets(place.namespace)) == {place.secret}


@pytest.mark.parametrize("asked", [False, True], ids=["pass", "everything"])
def test_a_forged_annotation_leads_to_no_other_namespace(world: World, *, asked: bool) -> None:
    """A name that climbs out of the namespace is not followed, whatever an operator asks for."""
    victim, attacker = filled(world), filled(world)
    share(victim)
    before = victim.document()
    climbing = f"../../{victim.namespace}/secrets/{victim.secret}"
    forge(attacker, {"key": "forged"}, others={climbing: ["key"]})
    for _ in range(2):
        world.resync(attacker, removals=asked, takeover=asked, refetch=asked)
    assert victim.document() == before
    assert attacker.data() == attacker.wanted()


def test_a_forged_annotation_names_no_other_vault(world: World) -> None:
    """Whoever writes another vault's name into it gets none of that vault's values."""
    victim, attacker = filled(world), filled(world)
    victim.vault.reset_requests()
    forge(attacker, {"key": "forged"}, vault=victim.name)
    for takeover in (False, True):
        answer = outcome(world.resync(attacker, takeover=takeover))
        assert answer["reason"] == "TargetTaken"
        assert f"{attacker.namespace} keyvault-sync/state-" in str(answer["message"])
    assert attacker.data() == {"key": "forged"}
    assert not victim.vault.requests()
    bare: Document = {"metadata": {"annotations": {"keyvault-sync/state": None}}}
    place = (attacker.namespace, attacker.secret)
    attacker.stack.cluster.patch(SECRET, *place, "merge", bare, Write("operator"))
    world.bring(attacker)


def test_a_forged_index_leads_into_no_other_vaults_secret(world: World) -> None:
    """An annotation that names another vault's Secret takes no key from that, by any option."""
    victim = world.place("weu-DS-AKV-{}-dev-1", age=100)
    attacker = world.place(f"{victim.vault.name[:-1]}2", age=100)
    for place in (victim, attacker):
        place.vault.set_secret("key", value())
    world.settle()
    forge(attacker, {"key": "forged"}, others={victim.secret: ["key"]})
    for asked in (False, True):
        world.resync(attacker, removals=asked, takeover=asked, refetch=asked)
        assert victim.data() == victim.wanted()


def test_a_forged_index_keeps_no_other_vault_waiting(world: World) -> None:
    """An annotation full of made-up Secrets costs its own vault's time and nobody else's."""
    victim, attacker = filled(world), filled(world)
    forge(attacker, {"key": "forged"}, others={f"s{number}": [] for number in range(400)})
    made_up = Where("get", SECRET.plural, attacker.namespace, "s0")
    with ThreadPoolExecutor(1) as beside, closed_gate(world.stack.cluster, made_up) as gate:
        slow = beside.submit(world.resync, attacker)
        wait_until(lambda: bool(gate.held))
        victim.vault.set_secret("key", value())
        world.settle()
        assert victim.data() == victim.wanted()
        assert not slow.done()
    assert slow.result().status in {200, 503}


def test_a_value_forged_in_the_apps_name_lasts_until_it_is_asked_for(world: World) -> None:
    """Who may write a namespace may pass for the app there; a resync of the secret undoes it."""
    place = filled(world)
    forge(place, {"key": "forged"})
    assert world.resync(place).status == 200
    assert place.data() == {"key": "forged"}
    assert world.resync(place, secret="key").status == 200
    assert place.data() == place.wanted()
