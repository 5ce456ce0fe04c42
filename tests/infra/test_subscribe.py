"""The event subscriptions: what is asked for, what is repeated, and what is not."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import subscribe
from infra.package import ROOT
from infra.subscribe import EVENT_TYPES, FUNCTION, NAME, desired, main
from sync.app.events import EXPIRY, NEW_VERSION
from sync.core.model import VaultName
from sync.doctor.remedies import event_subscription
from tests.infra.azure_server import (
    APP,
    STORAGE,
    SUBSCRIPTION,
    TOKEN,
    AzureServer,
    Fault,
    Steps,
    azure_server,
    topic,
)
from tests.infra.bicep_files import MODULES
from tests.infra.terraform_files import FILES

# Event Grid's codes, in the cases in which it spells them or might.
LATER = ("Url validation", "Endpoint validation", "Managed Identity Authorization Error")
LATER_SPELT = (*LATER, "URL Validation", "managed identity authorization error")
AT_ONCE = ("Unsupported Azure Function Trigger", "AuthorizationFailed", "InvalidRequest")
WANTED = Path(__file__).parent / "subscription.json"
ways = pytest.mark.parametrize("polled", [False, True], ids=["refused", "failed while polled"])


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    """Serve Azure, with an az that is logged in."""
    with azure_server(tmp_path, monkeypatch) as server:
        yield server


def words(*names: str) -> list[str]:
    """Return the command's words for those topics."""
    topics = json.dumps({name: topic(name) for name in names})
    return ["--app", APP, "--storage", STORAGE, "--topics", topics]


def test_what_is_asked_for_is_held(azure: AzureServer) -> None:
    """A subscription is made of what is held here, and a change to it shows in review."""
    assert main(words("a"), Steps()) == 0
    made = azure.subscriptions[topic("a")]["properties"]
    assert isinstance(made, dict)
    held = json.loads(WANTED.read_text())
    assert {name: made[name] for name in held} == held
    assert made.keys() - held.keys() == {"topic", "provisioningState"}


def test_the_app_is_sent_what_it_reads() -> None:
    """The types of event are those that the app knows, and the function is the app's."""
    assert sorted(EVENT_TYPES) == sorted({*NEW_VERSION, *EXPIRY})
    assert f"def {FUNCTION}(" in (ROOT / "function_app.py").read_text()


def test_the_doctor_tells_the_command(azure: AzureServer) -> None:
    """What the doctor prints, with ids put in, makes the subscription."""
    told, _, _ = event_subscription(VaultName("weu-ds-akv-shop-dev-1")).partition("   # ")
    for name, given in (("APP-ID", APP), ("STORAGE-ID", STORAGE), ("TOPIC-ID", topic("a"))):
        told = told.replace(name, given)
    python, option, module, *rest = shlex.split(told)
    assert (python, option, module) == ("python3", "-m", subscribe.__name__)
    assert main(rest, Steps()) == 0
    assert azure.puts == [topic("a")]


def test_the_templates_make_no_subscription() -> None:
    """They cannot wait for Event Grid; what they know of it is its name, which alerts go by."""
    texts = [path.read_text() for path in (*MODULES, *FILES)]
    assert not any("/eventSubscriptions" in text or "'eventSubscriptions" in text for text in texts)
    assert f'values   = ["{NAME}"]' in (ROOT / "infra/terraform/events.tf").read_text()


@ways
@pytest.mark.parametrize("code", LATER_SPELT)
def test_what_passes_is_repeated(
    azure: AzureServer, capsys: pytest.CaptureFixture[str], code: str, *, polled: bool
) -> None:
    """Each repetition is told, with what Azure said, until the subscription is there."""
    azure.faults[topic("a")] = [Fault(code, polled)] * 3
    assert main(words("a"), Steps()) == 0
    assert azure.puts == [topic("a")] * 4
    *repeated, last = capsys.readouterr().out.splitlines()
    assert last == "a: subscribed"
    assert [line.rpartition(" Again in ")[2] for line in repeated] == ["1 s.", "2 s.", "4 s."]
    assert all(line.startswith(f"a: {code}: As the test wants it.") for line in repeated)


@ways
@pytest.mark.parametrize("code", AT_ONCE)
def test_anything_else_fails_at_once(
    azure: AzureServer, capsys: pytest.CaptureFixture[str], code: str, *, polled: bool
) -> None:
    """What does not pass is not repeated: what Azure said is told, and what to run again."""
    azure.faults[topic("a")] = [Fault(code, polled)]
    assert main(words("a"), Steps()) == 1
    assert azure.puts == [topic("a")]
    told = capsys.readouterr()
    assert f"a: FAILED. {code}: As the test wants it." in told.out
    assert "1 failed: a. Run this again: python3 -m infra.subscribe --topics" in told.err


@ways
@pytest.mark.parametrize("code", LATER)
def test_it_waits_a_quarter_of_an_hour_at_least_and_then_says_what_to_look_at(
    azure: AzureServer, capsys: pytest.CaptureFixture[str], code: str, *, polled: bool
) -> None:
    """A function or a role that never shows is no reason to wait for ever."""
    azure.faults[topic("a")] = [Fault(code, polled)] * 1000
    clock = Steps()
    assert main(words("a"), clock) == 1
    assert 15 * 60 <= clock.now() < 40 * 60
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"a: FAILED. {code}")
    assert "Look " in last


@ways
def test_other_vaults_go_on(
    azure: AzureServer, capsys: pytest.CaptureFixture[str], *, polled: bool
) -> None:
    """Of several, those that can be made are; the command is told for the others alone."""
    azure.faults[topic("a")] = [Fault("AuthorizationFailed", polled)]
    azure.faults[topic("c")] = [Fault("Url validation", polled)]
    assert main(words("a", "b", "c"), Steps()) == 1
    assert azure.puts.count(topic("a")) == 1
    told = capsys.readouterr()
    assert {"b: subscribed", "c: subscribed"} <= set(told.out.splitlines())
    command = told.err.partition("Run this again: ")[2].strip()
    assert topic("a") in command
    assert topic("b") not in command


def test_the_command_that_is_told_does_it(
    azure: AzureServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed as it stands, it makes what was missing."""
    azure.faults[topic("a")] = [Fault("InvalidRequest")]
    assert main(words("a", "b"), Steps()) == 1
    command = capsys.readouterr().err.partition("Run this again: ")[2].strip()
    done = subprocess.run(  # noqa: S602 - as a person would type it
        command.replace("python3", sys.executable, 1),
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "a: subscribed\n", "")
    assert sorted(azure.puts) == [topic("a"), topic("a"), topic("b")]


def test_running_it_again_changes_nothing(azure: AzureServer) -> None:
    """A subscription that is as it should be is not touched, however Azure spells its ids."""
    assert main(words("a"), Steps()) == 0
    made = azure.subscriptions[topic("a")]
    azure.subscriptions[topic("a")] = json.loads(
        json.dumps(made).replace(APP, APP.upper()).replace(STORAGE, STORAGE.lower())
    )
    assert main(words("a"), Steps()) == 0
    assert azure.puts == [topic("a")]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("provisioningState", "Failed"),
        ("retryPolicy", {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 1440}),
        ("filter", {"includedEventTypes": list(EVENT_TYPES[:-1])}),
        ("deadLetterWithResourceIdentity", None),
        ("destination", {"endpointType": "WebHook"}),
    ],
)
def test_what_is_not_as_it_should_be_is_made_anew(
    azure: AzureServer, place: str, value: dict[str, object] | str | None
) -> None:
    """One that failed, or that was changed, is put right."""
    properties = {**desired(APP, STORAGE), "provisioningState": "Succeeded", place: value}
    azure.subscriptions[topic("a")] = json.loads(json.dumps({"properties": properties}))
    assert main(words("a"), Steps()) == 0
    now = azure.subscriptions[topic("a")]["properties"]
    assert isinstance(now, dict)
    assert now["provisioningState"] == "Succeeded"
    assert now["filter"] == {"includedEventTypes": list(EVENT_TYPES)}


def test_it_deletes_as_well(azure: AzureServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A topic that is not ours is left without our subscription, and stays."""
    assert main(words("a"), Steps()) == 0
    topics = json.dumps({"a": topic("a"), "b": topic("b")})
    assert main(["--delete", "--topics", topics], Steps()) == 0
    assert azure.subscriptions == {}
    assert "a: not subscribed\nb: not subscribed\n" in capsys.readouterr().out


def test_without_a_login_it_says_so(
    azure: AzureServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What az says is told; without az that it is to be installed."""
    other = topic("a").replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000009")
    assert main([*words()[:-1], json.dumps({"a": other})], Steps()) == 1
    assert "az account failed: ERROR: Please run 'az login'." in capsys.readouterr().out
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(words("a"), Steps()) == 2
    assert "install the Azure CLI" in capsys.readouterr().err
    assert azure.puts == []


def test_no_token_is_told(azure: AzureServer, capsys: pytest.CaptureFixture[str]) -> None:
    """What az hands over goes to Azure and into no line."""
    azure.faults[topic("a")] = [Fault("Url validation"), Fault("InvalidRequest")]
    assert main(words("a"), Steps()) == 1
    told = capsys.readouterr()
    assert TOKEN not in told.out + told.err
