"""An adoption: what it shows, what it writes, what it refuses, and what the command line asks."""

import json
from dataclasses import dataclass

import pytest

from sync.app.requests import Resync
from sync.app.takeover import Adoption, Fate, adopt, look
from sync.app.use_cases import App, Budget
from sync.core.errors import Conflict, Permanent, Transient
from sync.core.model import MANAGED_BY_LABEL
from sync.core.outcomes import Converged
from sync.core.ports import Known
from sync.core.reasons import Reason
from tests.kit.apps import app_of
from tests.kit.command_line import say
from tests.kit.errors import raises
from tests.kit.world import World

BUDGET = Budget(target=10, total=20)
ESO_MANAGED = ("label", "reconcile.external-secrets.io/managed")
ESO_OWNER = ("label", "reconcile.external-secrets.io/created-by")


@dataclass(frozen=True, slots=True)
class Handover:
    """A vault of `equal`, `other` and `new`, and the Secret of a former owner."""

    world: World
    app: App

    @classmethod
    def prepared(cls, *, owner: bool = False) -> "Handover":
        """Make both: what External Secrets Operator left, or still owns."""
        world = World.new()
        for name in ("equal", "other", "new"):
            world.put(name, f"{name}'s value")
        data = {"equal": b"equal's value", "other": b"of old", "theirs": b"kept"}
        fields = {("data", key): value for key, value in data.items()}
        marks = {ESO_MANAGED: b"true", ESO_OWNER: b"3f9a1c"}
        world.cluster.edit(world.target, {**fields, **marks}, "eso")
        if owner:
            world.cluster.secrets[world.target.place].owners = ("ExternalSecret/shop",)
        return cls(world, app_of(world.reconciler))

    @property
    def known(self) -> Known:
        """The one vault."""
        return Known((self.world.vault,))

    @property
    def revision(self) -> int:
        """How often the Secret was written."""
        return self.world.cluster.secrets[self.world.target.place].revision

    def look(self, *, takeover: bool = False) -> Adoption:
        """Plan."""
        return look(self.app, self.known, Resync(takeover=takeover), BUDGET)

    def say(self, *argv: str, typed: str | None = None, width: int | None = 100) -> tuple[int, str]:
        """Run the command line; return its exit code and all it showed."""
        said = say(self.app, "adopt", self.world.vault.text, *argv, typed=typed, width=width)
        return said.code, said.out + said.err


ADOPTED = {"equal": "equal's value", "other": "other's value", "new": "new's value"}


def test_a_plan_tells_every_key_and_writes_nothing() -> None:
    """Equal values are taken over, others changed, new ones added, and what is left is kept."""
    handover = Handover.prepared()
    before = handover.revision
    adoption = handover.look()
    assert adoption
    assert adoption.fates == {
        "equal": Fate.TAKEN_OVER,
        "new": Fate.ADDED,
        "other": Fate.CHANGED,
        "theirs": Fate.KEPT,
    }
    assert adoption.former is not None
    assert adoption.former.holder == "External Secrets Operator"
    assert handover.revision == before


def test_an_adoption_writes_what_it_showed_and_loses_no_key() -> None:
    """At no moment is a key gone; ours are kept in step from then on, others stay foreign."""
    handover = Handover.prepared()
    world = handover.world
    outcome = adopt(handover.app, handover.known, handover.look(), BUDGET)
    assert isinstance(outcome, Converged)
    assert world.data == ADOPTED | {"theirs": "kept"}
    assert all({"equal", "other", "theirs"} <= data.keys() for data in world.cluster.history)
    world.event(world.hint("equal", world.put("equal", "rotated")))
    world.clock.tick(300)
    assert world.sweep().changes == ()
    assert world.data == ADOPTED | {"equal": "rotated", "theirs": "kept"}
    assert not handover.look()


@pytest.mark.parametrize("takeover", [True, False])
def test_an_owner_that_is_still_there_has_to_be_overruled(*, takeover: bool) -> None:
    """Without that nothing is even read from the vault."""
    handover = Handover.prepared(owner=True)
    if takeover:
        adopt(handover.app, handover.known, handover.look(takeover=True), BUDGET)
        assert handover.world.data == ADOPTED | {"theirs": "kept"}
        return
    with raises(Permanent, "TargetTaken", "kubectl delete externalsecret shop"):
        handover.look()
    assert handover.world.wire.count("list") == 0


def test_a_secret_made_by_hand_can_be_looked_at_first() -> None:
    """Nobody's Secret needs no adoption, but one shows which of its values would change."""
    handover = Handover.prepared()
    handover.world.cluster.edit(handover.world.target, {ESO_MANAGED: None, ESO_OWNER: None})
    adoption = handover.look()
    assert adoption.former is None
    assert adoption.fates["other"] is Fate.CHANGED


def test_what_was_shown_is_what_is_written() -> None:
    """A Secret that changed between the look and the answer is not written."""
    handover = Handover.prepared()
    adoption = handover.look()
    handover.world.cluster.edit(handover.world.target, {("data", "late"): b"x"}, "eso")
    before = handover.revision
    with raises(Conflict, "SecretChanged"):
        adopt(handover.app, handover.known, adoption, BUDGET)
    assert handover.revision == before


def test_another_vaults_secret_is_not_adopted() -> None:
    """A Secret that another vault fills is refused, whatever is asked for."""
    handover = Handover.prepared()
    rival = handover.world.rival()
    rival.put("of-the-rival", "x")
    rival.sweep(takeover=True)
    before = handover.revision
    for takeover in (False, True):
        with raises(Permanent, "TargetTaken", f"--takeover-from {rival.vault}"):
            handover.look(takeover=takeover)
    assert handover.revision == before


def test_keys_that_we_wrote_are_not_adopted_away() -> None:
    """Where our own keys would go the adoption is refused, and says what lets them go."""
    handover = Handover.prepared()
    world = handover.world
    world.put("gone", "x")
    world.sweep(takeover=True)
    world.vaults.delete(world.vault, "gone")
    world.clock.tick(300)
    world.cluster.edit(world.target, {("label", MANAGED_BY_LABEL): b"Helm"}, "helm")
    before = handover.revision
    with raises(Permanent, "AdoptionRemoves", "--takeover"):
        handover.look(takeover=True)
    assert handover.revision == before


def test_only_the_vaults_own_secret_is_adopted() -> None:
    """What goes to another Secret is written with the rest, but is no key of the adoption."""
    handover = Handover.prepared()
    world = handover.world
    world.vaults.put(world.vault, "cert", "x", tags={"k8s-secret": "web"})
    adoption = handover.look()
    assert "cert" not in adoption.fates
    assert isinstance(adopt(handover.app, handover.known, adoption, BUDGET), Converged)
    web = world.target.further(f"{world.target.secret}-web")
    assert world.cluster.data(web) == {"cert": b"x"}
    assert not handover.look()


def test_an_adoption_takes_no_other_secret_with_it() -> None:
    """A Secret that tags ask for and that somebody else has is not taken by the way."""
    handover = Handover.prepared(owner=True)
    world = handover.world
    world.vaults.put(world.vault, "cert", "x", tags={"k8s-secret": "web"})
    web = world.target.further(f"{world.target.secret}-web")
    world.cluster.edit(web, {("data", "theirs"): b"y"})
    with raises(Permanent, "TargetTaken", web.secret):
        handover.look(takeover=True)


def test_there_must_be_a_secret_to_adopt() -> None:
    """Where there is none a resync makes it."""
    handover = Handover.prepared()
    handover.world.cluster.secrets.clear()
    with raises(Permanent, "NothingToAdopt", "keyvault-sync resync"):
        handover.look()


def test_a_vault_that_cannot_be_read_is_not_adopted_from() -> None:
    """Why the vault cannot be read is the error, and nothing is written."""
    handover = Handover.prepared()
    handover.world.wire.fail("list", Transient(Reason.VAULT_THROTTLED, "The vault throttles."))
    with raises(Transient, "VaultThrottled"):
        handover.look()


SHOWN = """\
VAULT                  SECRET                             HELD BY
weu-ds-akv-shop-dev-1  default/shop-dev/keyvault-project  External Secrets Operator (label
                                                          reconcile.external-secrets.io/managed)

KEY     BECOMES     VERSION
equal   taken over  v000001
new     added       v000003
other   changed     v000002
theirs  kept        -

4 keys: 1 added, 1 changed, 1 kept, 1 taken over
"""


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_no_is_the_answer_unless_somebody_says_yes(typed: str) -> None:
    """The plan is shown before the question, and anything but yes writes nothing."""
    handover = Handover.prepared()
    before = handover.revision
    code, shown = handover.say(typed=typed)
    assert code == 2
    assert shown.startswith(SHOWN)
    assert "Take over Secret shop-dev/keyvault-project in cluster default? [y/N]" in shown
    assert shown.endswith("Nothing was written.\n")
    assert handover.revision == before


def test_yes_adopts() -> None:
    """The outcome of the reconcile follows, and a second adoption has nothing to ask."""
    handover = Handover.prepared()
    code, shown = handover.say(typed="y\n")
    assert code == 0
    assert shown.endswith("1 vault: 1 changed\n")
    assert handover.world.data == ADOPTED | {"theirs": "kept"}
    assert handover.world.cluster.secrets[handover.world.target.place].part("label")[
        MANAGED_BY_LABEL
    ]
    code, shown = handover.say()
    assert code == 0
    assert shown.endswith("4 keys: 3 in step, 1 kept\n")


@pytest.mark.parametrize("output", ["table", "json"])
def test_without_a_terminal_yes_is_an_option(output: str) -> None:
    """Where nobody can be asked the plan is shown, and --yes is needed to write."""
    handover = Handover.prepared()
    before = handover.revision
    code, shown = handover.say("-o", output)
    assert code == 1
    assert "confirm it with --yes" in shown
    assert handover.revision == before
    assert handover.say("--yes", "-o", output)[0] == 0
    assert handover.world.data == ADOPTED | {"theirs": "kept"}


def test_json_is_one_document() -> None:
    """The JSON holds the plan and the outcome, names and versions and never values."""
    handover = Handover.prepared()
    code, shown = handover.say("--yes", "-o", "json")
    told = json.loads(shown)
    assert code == 0
    assert told["adoption"]["former"]["holder"] == "External Secrets Operator"
    fates = {key["key"]: key["fate"] for key in told["adoption"]["keys"]}
    assert fates == {"equal": "taken over", "new": "added", "other": "changed", "theirs": "kept"}
    assert [outcome["outcome"] for outcome in told["outcomes"]] == ["converged"]
    assert "'s value" not in shown
    assert "of old" not in shown


def test_a_refusal_says_how_the_owner_lets_go() -> None:
    """The command line fails with the owner's name and the commands."""
    handover = Handover.prepared(owner=True)
    code, shown = handover.say("--yes")
    assert code == 1
    assert "TargetTaken" in shown
    assert "--cascade=orphan" in shown
    assert handover.say("--yes", "--takeover")[0] == 0


def test_an_app_adopts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an app chosen adopt needs --no-app, which says whose rights are used."""
    handover = Handover.prepared()
    monkeypatch.setenv("KEYVAULT_SYNC_APP", "https://app.example.com")
    before = handover.revision
    code, shown = handover.say("--yes")
    assert code == 1
    assert "--no-app" in shown
    assert handover.revision == before
    assert handover.say("--yes", "--no-app")[0] == 0
