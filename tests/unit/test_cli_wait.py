"""`wait`: what it takes for arrived, for hopeless and for not yet in."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from sync.cli.documents import Document
from sync.cli.sources import Fields
from tests.kit.command_line import Said, say

VAULT = "weu-ds-akv-shop-dev-1"
OWN = "keyvault-project"


def secret(name: str, state: str, version: str = "", **more: object) -> Document:
    """Return how a secret stands."""
    return {
        "name": name,
        "state": state,
        "secrets": [OWN],
        "keys": [name],
        "version": version or None,
        **more,
    }


def failed(name: str, reason: str) -> Document:
    """Return a refused secret."""
    return secret(name, "failed", reason=reason, message="Mend it.")


@dataclass
class Vault:
    """What explain and plan say at each look; the last goes on."""

    looks: Iterator[list[Document] | Document]
    versions: dict[str, str] = field(default_factory=dict)
    refused: list[Document] = field(default_factory=list)
    now: list[Document] | Document = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __call__(self, route: str, fields: Fields) -> Document:
        """Answer."""
        assert fields["vault"] == VAULT
        self.asked.append(route)
        if route == "plan":
            target = {"cluster": "c", "namespace": "n", "secret": OWN}
            changes = [
                {"key": key, "action": "update", "version": version}
                for key, version in self.versions.items()
            ]
            outcome = {"vault": VAULT, "target": target, "changes": changes}
            return {"outcomes": [{**outcome, "refused": self.refused}]}
        self.now = next(self.looks, self.now)
        return self.now if isinstance(self.now, dict) else {"vault": VAULT, "secrets": self.now}


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Wait as the command does, without its pauses."""
    monkeypatch.setattr("sync.cli.wait.POLL_SECONDS", 0.001)

    def run(vault: Vault, *argv: str, seconds: float = 5) -> Said:
        return say(vault, "wait", VAULT, *argv, "--timeout", str(seconds))

    return run


def vault(*looks: list[Document] | Document, **versions: str) -> Vault:
    """Return a vault with these looks, whose plan brings these versions."""
    return Vault(iter(looks), dict(versions))


def test_what_is_in_is_not_waited_for(wait: Callable[..., Said]) -> None:
    """It looks before it waits."""
    asked = vault([secret("a", "in step", "v1")])
    said = wait(asked, "a")
    assert said.code == 0
    assert asked.asked == ["explain"]
    assert said.out.endswith("1 secret: 1 in step\n")


def test_it_waits_until_the_version_is_in(wait: Callable[..., Said]) -> None:
    """A secret that waits is looked at again and again."""
    waiting, done = secret("a", "waiting", "v1"), secret("a", "in step", "v2")
    assert wait(vault([waiting], [waiting], [done], a="v2"), "a").code == 0


def test_the_version_of_the_start_is_enough(wait: Callable[..., Said]) -> None:
    """Whoever sets ever newer versions does not keep a waiting pipeline for ever."""
    asked = vault([secret("a", "waiting", "v1")], [secret("a", "waiting", "v2")], a="v2")
    assert wait(asked, "a").code == 0


@pytest.mark.usefixtures("wait")
def test_a_newer_version_is_enough() -> None:
    """A version that the vault had at a later look is no older than the one of the start."""
    looks = iter(
        [
            [secret("a", "waiting", "v1")],
            [secret("a", "waiting", "v1")],
            [secret("a", "waiting", "v3")],
        ]
    )
    asked = Vault(looks)

    def answer(route: str, fields: Fields) -> Document:
        if route == "plan":
            asked.versions = {"a": {1: "v2", 2: "v3"}.get(asked.asked.count("explain"), "v4")}
        return asked(route, fields)

    assert say(answer, "wait", VAULT, "a", "--timeout", "5").code == 0


def test_an_older_version_is_not_enough(wait: Callable[..., Said]) -> None:
    """What another write brought before is not what is waited for."""
    asked = vault([secret("a", "waiting", "v0")], [secret("a", "waiting", "v1")], a="v2")
    said = wait(asked, "a", seconds=0.05)
    assert said.code == 2


def test_an_absent_secret_is_not_yet_in(wait: Callable[..., Said]) -> None:
    """A vault that does not list the secret yet may do so soon."""
    absent: Document = {"reason": "NoSuchSecret", "message": "Check the name.", "transient": False}
    assert wait(vault(absent, absent, [secret("a", "in step", "v1")]), "a").code == 0
    said = wait(vault(absent), "a", seconds=0.05)
    assert said.code == 2
    assert "NoSuchSecret: Check the name." in said.err


def test_a_permanent_refusal_ends_it_at_once(wait: Callable[..., Said]) -> None:
    """What only somebody can mend is told with its reason."""
    asked = vault([failed("a", "TagUnknown")])
    said = wait(asked, "a", seconds=60)
    assert said.code == 1
    assert "TagUnknown: Mend it." in said.out
    assert asked.asked == ["explain", "plan"]


@pytest.mark.parametrize(("transient", "code"), [(True, 2), (False, 1)])
def test_the_plan_knows_what_may_pass(
    wait: Callable[..., Said], *, transient: bool, code: int
) -> None:
    """Whether a refusal may pass is the app's to say, also with a word that is not known here."""
    asked = vault([failed("a", "OfANewerApp")])
    refused = {"secret": "a", "reason": "OfANewerApp", "message": "", "transient": transient}
    asked.refused.append(refused)
    said = wait(asked, "a", seconds=0.05)
    assert said.code == code
    assert "OfANewerApp: Mend it." in said.out


def test_a_passing_failure_is_waited_out(wait: Callable[..., Said]) -> None:
    """A cluster that is down may come back; at the time-out its reason is the last word."""
    down, done = failed("a", "ClusterUnavailable"), secret("a", "in step", "v1")
    assert wait(vault([down], [done]), "a").code == 0
    said = wait(vault([down]), "a", seconds=0.05)
    assert said.code == 2
    assert "ClusterUnavailable" in said.out
    passing: Document = {"reason": "VaultThrottled", "message": "Wait.", "transient": True}
    assert wait(vault(passing, [done]), "a").code == 0
    said = wait(vault(passing), "a", seconds=0.05)
    assert (said.code, "VaultThrottled: Wait." in said.err) == (2, True)


def test_a_refusal_as_a_whole_ends_it(wait: Callable[..., Said]) -> None:
    """A vault off the pattern, or wrong settings, never come in."""
    off: Document = {"reason": "VaultNameOffPattern", "message": "No.", "transient": False}
    assert wait(vault(off), seconds=60).code == 1
    wrong: Document = {"reason": "SettingsWrong", "faults": ["SYNC_PRUNE is wrong."]}
    assert wait(vault(wrong), seconds=60).code == 1


def test_without_a_secret_it_waits_for_those_of_the_start(wait: Callable[..., Said]) -> None:
    """Each that was listed at the start, without those left out; later ones do not count."""
    start = [secret("a", "in step", "v1"), secret("b", "waiting"), secret("c", "out")]
    later = [*start[:1], secret("b", "in step", "v1"), secret("d", "waiting")]
    said = wait(vault(start, later, b="v1"))
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[1:3]] == ["a", "b"]


def test_a_secret_that_is_left_out_never_comes(wait: Callable[..., Said]) -> None:
    """Asked for by name it is told at once, unless the timer has a time for it."""
    out = secret("a", "out", reason="its tag k8s-sync is false")
    said = wait(vault([out]), "a", seconds=60)
    assert said.code == 1
    assert "its tag k8s-sync is false" in said.out
    later = secret("a", "out", reason="not yet valid", due="2026-01-02T03:10:00+00:00")
    assert wait(vault([later]), "a", seconds=0.05).code == 2


def test_a_version_that_is_not_valid_yet_is_not_in(wait: Callable[..., Said]) -> None:
    """Who asks for one secret waits for its newest version; who asks for all, for what may be."""
    due = "2026-01-02T03:10:00+00:00"
    stands_in, done = secret("a", "in step", "v1", due=due), secret("a", "in step", "v2")
    assert wait(vault([stands_in], [stands_in], [done]), "a").code == 0
    assert wait(vault([stands_in]), "a", seconds=0.05).code == 2
    later = secret("b", "out", reason="it is not valid before then", due=due)
    assert wait(vault([stands_in, later]), seconds=60).code == 0


def test_the_answer_as_json(wait: Callable[..., Said]) -> None:
    """Each secret with its state; what is not in has its line on stderr."""
    waiting = secret("a", "waiting", due="2026-01-02T03:10:00+00:00")
    said = wait(vault([waiting], a="v2"), "a", "-o", "json", seconds=0.05)
    assert said.code == 2
    (told,) = json.loads(said.out)["secrets"]
    assert (told["name"], told["state"]) == ("a", "waiting")
    assert f"{VAULT}/a: it is not written yet; the timer tries at" in said.err
