"""Applications: what they list is in a Secret of their own, and nothing else ever leaves one."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sync.app.requests import Resync
from sync.app.status import State, VaultStatus, statuses
from sync.applications.kinds import Kind
from sync.applications.paths import Names, parse_path
from sync.core.annotation import decode
from sync.core.errors import Permanent, Transient
from sync.core.model import FIELD_MANAGER, STATE_ANNOTATION, Variables, VaultName
from sync.core.outcomes import Converged, Failed, Outcome
from sync.core.reasons import Reason
from sync.projection.rules import Pattern, Rules
from tests.kit.applications import KIND, Declaring
from tests.kit.fakes import Call

OWN = "keyvault-project"
FORBIDDEN = Permanent(Reason.APPLICATIONS_FORBIDDEN, "No.")


def of_one(*secrets: str, prepare: bool = False) -> Declaring:
    """Return an application `checkout` that lists these secrets of the vault, in step."""
    world = Declaring.new(prepare=prepare)
    for name in secrets:
        world.world.put(name, json.dumps({f"{name.upper()}_USER": f"{name}'s user"}))
    world.objects.put("checkout", *secrets)
    world.settle()
    return world


def reasons(outcome: Outcome) -> Mapping[str, Reason]:
    """Return the reason of each refused secret."""
    assert isinstance(outcome, Failed)
    return {str(name): error.reason for name, error in outcome.refused.items()}


def memory(world: Declaring) -> Mapping[str, str]:
    """Return the applications that the own Secret remembers."""
    stored = world.world.cluster.secrets.get(world.world.target.place)
    state = decode(stored.part("annotation")[STATE_ANNOTATION].decode()) if stored else None
    return state.applications if state else {}


def test_each_application_gets_what_it_lists_as_variables() -> None:
    """Members as they are written, a plain value under its name; the own Secret has all as ever."""
    world = Declaring.new()
    world.world.put("postgres-credentials", '{"POSTGRES_USER": "u", "POSTGRES_PORT": 5432}')
    world.world.put("api-key", "k")
    world.world.put("unlisted", "x")
    world.objects.put("checkout", "postgres-credentials", "API-KEY")
    world.objects.put("search", "api-key")
    world.settle()
    assert world.held("checkout") == {
        "POSTGRES_USER": "u",
        "POSTGRES_PORT": "5432",
        "API_KEY": "k",
    }
    assert world.held("search") == {"API_KEY": "k"}
    assert world.held(OWN).keys() == {"postgres-credentials", "api-key", "unlisted"}


def test_a_quiet_pass_costs_a_list_and_a_read_more() -> None:
    """One list of the kind, and a read of each application's Secret; the vault is listed once."""
    world = of_one("a", "b")
    outcomes = world.sweep()
    assert {type(outcome) for outcome in outcomes.values()} == {Converged}
    assert sorted(call.verb for call in world.world.wire.calls) == [
        "list", "list-applications", "read", "read",
    ]  # fmt: skip


def test_an_event_goes_to_the_applications_that_list_its_secret() -> None:
    """A rotation is in the own Secret and in theirs; a list serves the events of ten seconds."""
    world = of_one("a", "b")
    world.objects.put("search", "b")
    world.settle()
    world.world.put("b", '{"B_USER": "new"}')
    outcomes = world.event("b")
    assert outcomes.keys() == {OWN, "checkout", "search"}
    assert world.held("checkout") == {"A_USER": "a's user", "B_USER": "new"}
    assert world.held("search") == {"B_USER": "new"}
    world.world.put("a", '{"A_USER": "new"}')
    assert world.event("a").keys() == {OWN, "checkout"}
    assert world.world.wire.count("list-applications") == 1
    world.world.clock.tick(11)
    world.event("a")
    assert world.world.wire.count("list-applications") == 2


def test_a_list_that_fails_fails_the_event_and_the_pass_and_removes_nothing() -> None:
    """Nothing is known of the applications then; the vault's own Secret is synced."""
    world = of_one("a")
    world.world.clock.tick(60)
    world.world.wire.fail("list-applications", FORBIDDEN)
    world.world.put("a", "changed")
    for outcomes in (world.event("a"), world.sweep()):
        assert isinstance(outcomes[OWN], Converged)
        failed = outcomes[""]
        assert isinstance(failed, Failed)
        assert failed.error.reason is Reason.APPLICATIONS_FORBIDDEN
    assert world.held("checkout") == {"A_USER": "a's user"}


def test_a_name_off_the_list_takes_its_keys_out_once_the_object_confirms_it() -> None:
    """The others stay, and one get is all that it costs."""
    world = of_one("a", "b")
    world.objects.put("checkout", "a")
    outcome = world.sweep()["checkout"]
    assert isinstance(outcome, Converged)
    (change,) = outcome.changes
    assert (change.key, change.why) == (
        "B_USER",
        "application platformapplications.meta.p6m.dev/checkout does not list it",
    )
    assert world.held("checkout") == {"A_USER": "a's user"}
    assert world.world.wire.count("get-application") == 1


def test_an_old_list_removes_nothing_and_brings_nothing_back() -> None:
    """The object is read again after its Secret, and what it lists then counts."""
    world = of_one("a", "b")
    world.objects.put("checkout", "a")

    def renew(call: Call) -> None:
        if call.verb == "get-application":
            world.objects.put("checkout", "a", "b")

    world.world.wire.before = renew
    world.sweep()
    assert world.held("checkout").keys() == {"A_USER", "B_USER"}


def test_an_object_that_is_gone_takes_its_keys_out_and_is_forgotten() -> None:
    """Its Secret stays, empty, and the own Secret knows it no longer once ten minutes are over."""
    world = of_one("a")
    assert memory(world) == {"checkout": f"{KIND}/checkout"}
    world.objects.delete("checkout")
    outcome = world.sweep()["checkout"]
    assert isinstance(outcome, Converged)
    assert [change.why for change in outcome.changes] == [
        "application platformapplications.meta.p6m.dev/checkout is gone"
    ]
    assert world.held("checkout") == {}
    world.sweep()
    assert memory(world) == {"checkout": f"{KIND}/checkout"}
    world.world.clock.tick(601)
    world.sweep()
    assert memory(world) == {}
    assert "checkout" not in world.sweep()


@pytest.mark.parametrize("why", ["no list", "no get", "listed", "being deleted", "there after all"])
def test_what_is_not_certainly_gone_keeps_its_keys(why: str) -> None:
    """Only a complete list without it and a get that finds none count."""
    world = of_one("a", "b")
    world.objects.delete("checkout")
    match why:
        case "no list":
            world.world.wire.fail("list-applications", FORBIDDEN)
        case "no get":
            world.world.wire.fail("get-application", FORBIDDEN, "checkout")
        case "listed":
            world.objects.put("checkout", "a")

            def lost(call: Call) -> None:
                if call.verb == "get-application":
                    world.objects.delete("checkout")

            world.world.wire.before = lost
        case _:
            listed = () if why == "being deleted" else ("a", "b")

            def back(call: Call) -> None:
                if call.verb == "get-application":
                    world.objects.put("checkout", *listed, deleting=not listed)

            world.world.wire.before = back
    world.sweep()
    assert world.held("checkout").keys() == {"A_USER", "B_USER"}


def test_an_application_that_lists_nothing_any_more_is_guarded() -> None:
    """A path that leads nowhere any more looks just so: an operator has to say that it is meant."""
    world = of_one("a")
    world.objects.put("checkout")
    outcome = world.sweep()["checkout"]
    assert reasons(outcome) == {"a": Reason.UNSAFE_PLAN}
    assert isinstance(outcome, Failed)
    assert "lists no secrets" in outcome.error.message
    assert world.held("checkout") == {"A_USER": "a's user"}
    world.sweep(removals=True)
    assert world.held("checkout") == {}


def test_many_keys_of_one_that_is_gone_are_guarded() -> None:
    """As everywhere: more than 30 % of ten or more."""
    world = of_one(*(f"s{n}" for n in range(12)))
    world.objects.delete("checkout")
    assert isinstance(world.sweep()["checkout"], Failed)
    assert len(world.held("checkout")) == 12
    _, kept = statuses(world.app, world.app.choose(Resync()))
    assert isinstance(kept, VaultStatus)
    assert (kept.own.secret.target.secret, kept.state) == ("checkout", State.DRIFTED)
    world.sweep(removals=True)
    assert world.held("checkout") == {}


def test_what_the_vault_lacks_is_refused_by_name_and_comes_later() -> None:
    """The others are in; the status says why one is not, without asking the vault."""
    world = of_one("a")
    world.objects.put("checkout", "a", "absent")
    assert reasons(world.sweep()["checkout"]) == {"absent": Reason.LISTED_SECRET_MISSING}
    assert world.held("checkout") == {"A_USER": "a's user"}
    world.world.wire.calls.clear()
    known = world.app.choose(Resync())
    _, status = statuses(world.app, known)
    assert isinstance(status, VaultStatus)
    state = status.own.secret.state
    assert state is not None
    assert (status.state, *state.refused) == (State.DRIFTED, "absent")
    world.world.put("absent", "there now")
    world.event("absent")
    assert world.held("checkout") == {"A_USER": "a's user", "ABSENT": "there now"}


def test_a_disabled_one_waits_for_its_value() -> None:
    """It is told as such; one that was in goes out, as everywhere."""
    world = of_one("a", "b")
    world.world.vaults.put(world.world.vault, "c", "", enabled=False)
    world.objects.put("checkout", "a", "b", "c")
    assert reasons(world.sweep()["checkout"]) == {"c": Reason.LISTED_SECRET_DISABLED}
    world.world.vaults.enable(world.world.vault, "b", enabled=False)
    world.sweep()
    assert world.held("checkout") == {"A_USER": "a's user"}


def test_a_missing_one_is_prepared_once() -> None:
    """It is made for its team to fill in, tells who waits, and is in once it has a value."""
    world = of_one("a", prepare=True)
    world.objects.put("checkout", "a", "new")
    assert reasons(world.sweep(dry_run=True)["checkout"]) == {"new": Reason.LISTED_SECRET_MISSING}
    assert world.preparer.made == {}
    assert reasons(world.sweep()["checkout"]) == {"new": Reason.LISTED_SECRET_DISABLED}
    assert world.preparer.made == {"new": f"shop-dev/{KIND}/checkout"}
    world.sweep()
    assert world.world.wire.count("prepare") == 1
    assert "NEW" not in world.held("checkout")
    world.world.put("new", "value")
    world.event("new")
    assert world.held("checkout")["NEW"] == "value"


def test_what_cannot_be_prepared_is_missing_as_before() -> None:
    """Its refusal tells why."""
    world = of_one("a", prepare=True)
    world.objects.put("checkout", "a", "new")
    world.world.wire.fail("prepare", Permanent(Reason.VAULT_FORBIDDEN, "Forbidden."), "new")
    outcome = world.sweep()["checkout"]
    assert reasons(outcome) == {"new": Reason.LISTED_SECRET_MISSING}
    assert isinstance(outcome, Failed)
    assert "It was not made there: Forbidden." in outcome.error.message


def test_two_secrets_with_one_member_name_are_refused_and_a_prefix_helps() -> None:
    """Neither gets the key that nobody has; its holder would keep it."""
    world = Declaring.new()
    for name in ("redis", "postgres"):
        world.world.put(name, json.dumps({"username": name, f"{name}_host": "h"}))
    world.objects.put("checkout", "redis", "postgres")
    outcome = world.sweep()["checkout"]
    assert reasons(outcome) == dict.fromkeys(("redis", "postgres"), Reason.KEY_CLASH)
    assert isinstance(outcome, Failed)
    assert "`prefix` in SYNC_APPLICATIONS" in outcome.error.message
    prefixed = replace(KIND, variables=Variables((("redis", "REDIS_"),)))
    again = Declaring.new(prefixed, world=world.world)
    again.objects.put("checkout", "redis", "postgres")
    again.settle()
    assert again.held("checkout") == {
        "REDIS_username": "redis", "REDIS_redis_host": "h",
        "username": "postgres", "postgres_host": "h",
    }  # fmt: skip


def test_the_holder_of_a_key_keeps_it() -> None:
    """A newcomer with the same member name is refused alone, and rotations go on."""
    world = of_one("a")
    world.world.put("b", '{"A_USER": "stolen"}')
    world.objects.put("checkout", "a", "b")
    assert reasons(world.sweep()["checkout"]) == {"b": Reason.KEY_CLASH}
    world.world.put("a", '{"A_USER": "rotated"}')
    world.event("a")
    assert world.held("checkout") == {"A_USER": "rotated"}


def test_a_secret_that_was_there_before_is_refused() -> None:
    """Whoever made it keeps it, and the app has nothing to remember of it."""
    world = of_one()
    world.world.cluster.edit(world.world.target.further("checkout"), {("data", "theirs"): b"x"})
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    outcome = world.sweep()["checkout"]
    assert isinstance(outcome, Failed)
    assert outcome.error.reason is Reason.TARGET_TAKEN
    assert f"application {KIND}/checkout that asks for it" in outcome.error.message
    assert world.held("checkout") == {"theirs": "x"}
    assert memory(world) == {}


@pytest.mark.parametrize("name", [OWN, "keyvault-7", "with.dot"])
def test_a_name_that_no_application_can_have_is_refused(name: str) -> None:
    """That is a vault's own Secret, or none of Kubernetes."""
    world = of_one()
    world.world.put("a", "x")
    world.objects.put(name, "a")
    outcome = world.sweep()[""]
    assert isinstance(outcome, Failed)
    assert outcome.error.reason is Reason.APPLICATION_REFUSED
    assert world.held(OWN) == {"a": "x"}


def test_two_objects_that_lead_to_one_secret_are_refused_and_a_holder_goes_on() -> None:
    """Which of the two comes first decides nothing."""
    kind = replace(KIND, secret="env")
    world = Declaring.new(kind)
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    world.objects.put("search", "a")
    outcomes = list(world.app.resync(Resync()))
    refused = [each.error.reason for each in outcomes if isinstance(each, Failed)]
    assert refused == [Reason.APPLICATION_REFUSED] * 2
    assert world.held("env") == {}
    world.objects.delete("search")
    world.settle()
    assert world.held("env") == {"A": "x"}
    world.objects.put("search", "a")
    world.world.put("a", "y")
    outcomes = list(world.app.resync(Resync()))
    refused = [each.error.reason for each in outcomes if isinstance(each, Failed)]
    assert refused == [Reason.TARGET_TAKEN]
    assert world.held("env") == {"A": "y"}
    world.objects.delete("checkout")
    world.settle()
    world.settle()
    assert world.held("env") == {"A": "y"}
    assert memory(world) == {"env": f"{kind}/search"}


def test_an_emptied_secret_is_remembered_before_another_application_has_it() -> None:
    """Otherwise nothing would find it if that one were gone before the next pass."""
    env = replace(KIND, secret="env")
    world = Declaring.new(env)
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    world.settle()
    world.objects.delete("checkout")
    world.sweep()
    world.objects.put("search", "a")
    world.sweep()
    assert world.held("env") == {"A": "x"}
    assert memory(world) == {"env": f"{KIND}/search"}


def test_two_that_lead_to_an_emptied_secret_do_not_write_it_in_turn() -> None:
    """The one that had it goes on; the other is refused, though there is nothing to keep."""
    env = replace(KIND, secret="env")
    world = Declaring.new(env)
    world.world.put("a", "x")
    world.objects.put("checkout", "a", "b")
    world.settle()
    world.world.vaults.put(world.world.vault, "a", "", enabled=False)
    world.world.put("b", '{"1st": "x"}')
    world.objects.put("search", "a", "b")
    world.settle()
    assert world.held("env") == {}
    world.sweep()
    assert not [call for call in world.world.wire.calls if call.verb == "apply"]


def test_a_tag_cannot_take_the_secret_of_an_application() -> None:
    """Even where the platform lets tags name Secrets outright."""
    world = Declaring.new(rules=Rules(names=("*",)))
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    world.settle()
    world.world.put("b", "theirs", secret="checkout")
    outcome = world.sweep()[OWN]
    assert reasons(outcome) == {"b": Reason.TARGET_TAKEN}
    assert world.held("checkout") == {"A": "x"}


def test_tags_of_other_places_do_not_count_but_k8s_sync_does() -> None:
    """A vault secret may be a typed Secret elsewhere; one that is left out is out everywhere."""
    world = Declaring.new()
    world.world.put("a", "x", key="K", nonsense="1")
    world.world.put("b", "y", sync="false")
    world.objects.put("checkout", "a", "b")
    outcome = world.sweep()["checkout"]
    assert isinstance(outcome, Converged)
    assert world.held("checkout") == {"A": "x"}


def test_a_setting_that_names_another_prefix_is_followed() -> None:
    """The keys of before go once the new ones are there, and a refused value is tried anew."""
    world = of_one("a")
    world.world.put("odd", '{"1st": "x"}')
    world.objects.put("checkout", "a", "odd")
    world.world.clock.tick(100)
    assert reasons(world.sweep()["checkout"]) == {"odd": Reason.VARIABLE_INVALID}
    prefixed = replace(KIND, variables=Variables((("*", "P_"),)))
    again = Declaring.new(prefixed, world=world.world)
    again.objects.put("checkout", "a", "odd")
    again.settle()
    assert again.held("checkout") == {"P_A_USER": "a's user", "P_1st": "x"}


def test_a_secret_is_remembered_before_it_is_made() -> None:
    """A crash in between loses no track, and a note that was lost is written again."""
    world = Declaring.new()
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    writes: list[Call] = []

    def note(call: Call) -> None:
        if call.verb == "apply" and call.subject == "checkout":
            assert memory(world) == {"checkout": f"{KIND}/checkout"}
            writes.append(call)

    world.world.wire.before = note
    world.settle()
    assert len(writes) == 1
    del world.world.cluster.secrets[world.world.target.place]
    world.settle()
    assert memory(world) == {"checkout": f"{KIND}/checkout"}
    assert world.held("checkout") == {"A": "x"}


def test_the_own_secret_is_made_for_the_note_alone() -> None:
    """Where the vault has nothing else for it, an application can be found again all the same."""
    world = Declaring.new(rules=Rules(include=(Pattern("a"),)))
    world.world.put("a", "x", sync="true", secret="else")
    world.objects.put("checkout", "a")
    world.settle()
    assert world.held(OWN) == {}
    assert memory(world) == {"checkout": f"{KIND}/checkout"}
    assert world.held("checkout") == {"A": "x"}


def test_a_crash_at_any_call_is_made_good() -> None:
    """Whatever call is the last of an instance, the next pass brings all in step."""

    def history(world: Declaring) -> None:
        world.world.put("a", '{"A_USER": "1"}')
        world.objects.put("checkout", "a")
        world.sweep()
        world.world.put("b", "x")
        world.objects.put("checkout", "b")
        world.sweep()
        world.objects.delete("checkout")
        world.sweep()

    quiet = Declaring.new()
    history(quiet)
    for last in range(len(quiet.world.wire.calls)):
        world = Declaring.new()

        def crash(_call: Call, world: Declaring = world, last: int = last) -> None:
            if len(world.world.wire.calls) == last:
                world.world.wire.before = lambda _call: None
                raise Transient(Reason.CLUSTER_UNREACHABLE, "Gone.")

        world.world.wire.before = crash
        history(world)
        world.settle()
        world.settle()
        assert world.held("checkout") == {}, last
        assert world.held(OWN) == {"a": '{"A_USER": "1"}', "b": "x"}, last


def test_entries_that_are_no_names_are_told_and_counted() -> None:
    """The others are synced, and nothing of the odd ones is quoted."""
    world = of_one("a")
    key = (str(KIND), "checkout")
    found = world.objects.objects[key]
    odd = replace(found, names=Names(found.names.secrets, unreadable=2))
    world.objects.objects[key] = odd
    outcome = world.sweep()["checkout"]
    assert isinstance(outcome, Converged)
    (warning,) = outcome.warnings
    assert warning.reason is Reason.LISTED_NAME_INVALID
    assert "lists 2 entries" in warning.message


def test_one_target_can_be_asked_for() -> None:
    """A resync of NAMESPACE/SECRET is of that application alone."""
    world = of_one("a")
    world.objects.put("search", "a")
    request = Resync(vault=world.world.vault.text, target="shop-dev/search")
    (outcome,) = world.app.resync(request)
    assert isinstance(outcome, Converged)
    assert str(outcome.target.application) == f"{KIND}/search"
    assert world.held("search") == {"A_USER": "a's user"}


def test_a_secret_that_is_asked_for_goes_to_those_that_list_it() -> None:
    """A resync of one secret asks no application that does not read it."""
    world = of_one("a")
    world.world.put("b", "x")
    assert world.sweep_of("b").keys() == {OWN}
    assert world.sweep_of("a").keys() == {OWN, "checkout"}


@pytest.mark.parametrize(
    ("vault", "mine"),
    [(1, True), (2, False), (VaultName("weu-ds-akv-shop-dev-1"), True), (None, True)],
)
def test_a_kind_belongs_to_one_vault_of_the_namespace(
    vault: int | VaultName | None,
    mine: bool,  # noqa: FBT001 - a case
) -> None:
    """By its number or its name; without one, number 1 or the only vault there is."""
    world = Declaring.new(replace(KIND, vault=vault))
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    world.sweep()
    assert world.held("checkout") == ({"A": "x"} if mine else {})


def test_the_error_of_one_kind_holds_no_other_back() -> None:
    """Each is listed by itself."""
    deployments = Kind(
        "apps", "v1", "deployments", parse_path("metadata.annotations['keyvault-sync/secrets']")
    )
    world = Declaring.new(KIND, deployments)
    world.world.put("a", "x")
    world.objects.put("checkout", "a")
    world.objects.put("search", "a", kind=deployments)
    world.world.wire.fail("list-applications", FORBIDDEN, times=1)
    world.sweep()
    assert world.held("search") == {"A": "x"}
    assert world.held("checkout") == {}


def test_labels_say_whose_the_secret_is() -> None:
    """As on the own Secret."""
    world = of_one("a")
    stored = world.world.cluster.secrets[world.world.target.further("checkout").place]
    labels = {name: text.decode() for name, text in stored.part("label").items()}
    assert labels["app.kubernetes.io/managed-by"] == FIELD_MANAGER
    assert labels["keyvault-sync/project"] == "shop"


def test_names_ignore_case_as_key_vault_does() -> None:
    """An object may spell a name as it likes."""
    world = of_one("a")
    world.objects.put("checkout", "A")
    assert isinstance(world.sweep()["checkout"], Converged)
    assert world.held("checkout") == {"A_USER": "a's user"}


def test_a_bug_in_what_follows_is_an_outcome() -> None:
    """The vault's own Secret is synced all the same."""
    world = of_one("a")

    def broken(_call: Call) -> None:
        if _call.verb == "list-applications":
            raise RuntimeError

    world.world.wire.before = broken
    outcomes = world.sweep()
    assert all(isinstance(each, Failed | Converged) for each in outcomes.values())
    errors = [each.error for each in outcomes.values() if isinstance(each, Failed)]
    assert [error.reason for error in errors] == [Reason.BUG]


def test_without_the_setting_nothing_of_it_is_imported() -> None:
    """A cold start pays for applications only where there are some."""
    script = (
        "import sys; from sync import bootstrap; bootstrap.app(); "
        "print([m for m in sys.modules if 'applications' in m or 'projection.variables' in m])"
    )
    environment = {"PATH": os.environ["PATH"], "SYNC_VAULTS": "weu-ds-akv-shop-dev-1"}
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
