"""The commands over the dead letters: what they read, show and replay of an untrusted container."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.cli.dead_letters.container import (
    LARGEST_BYTES,
    ContainerError,
    ContainerUrlError,
    container_url,
)
from sync.cli.dead_letters.letters import opened
from sync.cli.documents import Document
from sync.cli.no_answers import NoAnswer, refusal
from sync.cli.sources import Fields
from tests.kit.command_line import Blobs, Said, say
from tests.kit.events import dead_letter
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

SHOP, BILLING = "weu-DS-AKV-shop-dev-1", "weu-DS-AKV-billing-dev-1"
URL = "https://stdeadletters.blob.core.windows.net/dead-letters"
NAME = "KEY-VAULT-SYNC/2026/11/30/4/1.json"
HOSTILE = "\x1b]0;owned\x07\u202e\nrow"


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the container."""
    monkeypatch.setenv("KEYVAULT_SYNC_DEAD_LETTERS", URL)


def held(*events: object) -> Blobs:
    """Return a container with one blob of these events."""
    return Blobs({NAME: json.dumps(events).encode()})


class App:
    """An app that answers each request for a resync, and keeps what it was asked."""

    def __init__(self, answers: Mapping[str, Document] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, Fields]] = []

    def __call__(self, route: str, fields: Fields) -> Document:
        """Answer as `answers` has it for the vault, else that it is in step."""
        self.asked.append((route, dict(fields)))
        vault = str(fields["vault"])
        outcome = {"vault": vault, "outcome": "converged", "keys": 3, "changes": []}
        return self.answers.get(vault, {"outcomes": [outcome]})


def run(blobs: Blobs, *argv: str, app: App | None = None, width: int | None = None) -> Said:
    """Run a command of dead-letters."""
    return say(app or App(), "dead-letters", *argv, blobs=blobs, width=width)


def letters(blobs: Blobs, *argv: str) -> list[Document]:
    """Return what `list` finds."""
    found: list[Document] = json.loads(run(blobs, "list", "-o", "json", *argv).out)["dead_letters"]
    return found


@pytest.mark.parametrize("cloud", [False, True], ids=["event-grid", "cloud-events"])
def test_both_schemas_say_the_same(*, cloud: bool) -> None:
    """An event's fields are found in either schema's spelling."""
    event = dead_letter(SHOP, "db-password", cloud=cloud)
    (letter,) = letters(held(event))
    data = event["data"]
    assert isinstance(data, dict)
    assert letter == {
        "id": event["id"],
        "vault": SHOP.lower(),
        "secret": "db-password",
        "version": data["Version"],
        "event_type": "Microsoft.KeyVault.SecretNewVersionCreated",
        "subscription": letter["subscription"],
        "event_time": letter["event_time"],
        "published": letter["published"],
        "last_attempt": letter["last_attempt"],
        "attempts": 30,
        "dead_letter_reason": "MaxDeliveryAttemptsExceeded",
        "outcome": "GenericError",
        "status": 500,
        "blob": NAME,
    }
    for time in ("event_time", "published", "last_attempt"):
        assert str(letter[time]).endswith("+00:00")


def test_a_cloud_event_without_its_version_is_read() -> None:
    """The documentation's example of a dead letter in that schema has no specversion."""
    event = dead_letter(SHOP, "a", cloud=True)
    del event["specversion"]
    assert [each["secret"] for each in letters(held(event))] == ["a"]


def test_seven_digits_of_a_second_are_a_time() -> None:
    """Event Grid writes times to a tenth of a microsecond."""
    event = dead_letter(SHOP, "a", lastDeliveryAttemptTime="2020-08-13T17:18:14.0465788Z")
    assert letters(held(event))[0]["last_attempt"] == "2020-08-13T17:18:14+00:00"


def test_a_blob_may_have_one_event_or_many() -> None:
    """A blob is an array of events; one alone is read as well, also with a byte order mark."""
    alone = Blobs({NAME: b"\xef\xbb\xbf" + json.dumps(dead_letter(SHOP, "a")).encode()})
    assert [each["secret"] for each in letters(alone)] == ["a"]
    many = held(*(dead_letter(SHOP, f"s-{number}") for number in range(5)))
    assert {each["secret"] for each in letters(many)} == {f"s-{number}" for number in range(5)}


def test_the_newest_are_first_and_a_vault_selects() -> None:
    """The order is that of the last attempts; VAULT is of any case."""
    times = ("2026-11-30T01:00:00Z", "2026-11-30T03:00:00Z", "2026-11-30T02:00:00Z")
    blobs = held(
        *(dead_letter(SHOP, time[12], lastDeliveryAttemptTime=time) for time in times),
        dead_letter(BILLING, "b", lastDeliveryAttemptTime="2026-11-30T04:00:00Z"),
    )
    assert [each["secret"] for each in letters(blobs)] == ["b", "3", "2", "1"]
    assert [each["secret"] for each in letters(blobs, SHOP.upper())] == ["3", "2", "1"]


def test_only_recent_blobs_are_opened() -> None:
    """--days says how far back to look; what is older is counted and never read."""
    old = "KEY-VAULT-SYNC/2026/1/1/0/2.json"
    blobs = held(dead_letter(SHOP, "new"))
    blobs.held[old] = json.dumps([dead_letter(SHOP, "old")]).encode()
    blobs.ages[old] = timedelta(days=8)
    said = run(blobs, "list")
    assert "1 older blob not opened" in said.out
    assert blobs.read_names == [NAME]
    assert {each["secret"] for each in letters(blobs, "--days", "9")} == {"new", "old"}


def test_a_prefix_is_of_any_case() -> None:
    """Only blobs whose names begin so are opened."""
    blobs = held(dead_letter(SHOP, "ours"))
    blobs.held["OTHER/1.json"] = json.dumps([dead_letter(SHOP, "theirs")]).encode()
    assert [each["secret"] for each in letters(blobs, "--prefix", "key-vault-sync")] == ["ours"]
    assert len(letters(blobs)) == 2


def test_events_of_other_services_are_counted() -> None:
    """A container that others share may have what is none of a vault's."""
    event = dead_letter(SHOP, "a", eventType="Microsoft.Storage.BlobCreated")
    said = run(held(event, dead_letter(SHOP, "b")), "list")
    assert said.code == 0
    assert "1 event not of a vault's secrets left out." in said.out


def test_a_blob_that_is_gone_is_passed_over() -> None:
    """A blob may be deleted between the listing and the reading."""
    blobs = held(dead_letter(SHOP, "a"))
    blobs.gone.add(NAME)
    assert run(blobs, "list").code == 0
    assert letters(blobs) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 200_000,
        b'[{"a": ' + b"9" * 5000 + b"}]",
        b"[null]",
        b"[5]",
        json.dumps([dead_letter(SHOP, "a", topic=HOSTILE)]).encode(),
        json.dumps([dead_letter(SHOP, "a", data={"VaultName": BILLING})]).encode(),
        json.dumps([dead_letter(SHOP, "a", data=PLANTED)]).encode(),
        json.dumps([dead_letter(SHOP, HOSTILE)]).encode(),
        json.dumps([dead_letter(SHOP, "a", padding="x" * 70_000)]).encode(),
    ],
    ids=[
        *("empty", "text", "bytes", "deep", "digits", "null", "number"),
        *("topic", "mismatch", "data", "name", "long"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes) -> None:
    """It is named by its blob and a reason, quotes nothing, and hides no other dead letter."""
    blobs = held(dead_letter(SHOP, "good"))
    blobs.held["B/1.json"] = content
    for output in ("table", "wide", "json", "yaml", "name"):
        said = run(blobs, "list", "-o", output)
        assert said.code == 1
        both = said.out + said.err
        assert both.replace("\n", "").isprintable()
        assert "owned" not in both
        assert leaks(both) == []
    document = json.loads(run(blobs, "list", "-o", "json").out)
    assert [each["blob"] for each in document["unreadable"]] == ["B/1.json"]
    assert [each["secret"] for each in document["dead_letters"]] == ["good"]


@pytest.mark.parametrize("width", [None, 80])
@pytest.mark.parametrize("command", ["list", "show"])
def test_no_text_of_an_event_moves_a_terminal(command: str, width: int | None) -> None:
    """A field without the form of its kind is left out, and a blob's odd name is not shown."""
    event = dead_letter(
        SHOP,
        "a",
        deadLetterReason=HOSTILE,
        lastDeliveryOutcome=PLANTED + HOSTILE,
        lastHttpStatusCode=HOSTILE,
        deliveryAttempts=-1,
        publishTime=HOSTILE,
        eventTime=HOSTILE,
        lastDeliveryAttemptTime="9999-12-31T23:59:59-23:00",
        subject=HOSTILE,
    )
    blobs = Blobs({HOSTILE: json.dumps([event]).encode()})
    argv = (command, *([str(event["id"])] if command == "show" else []))
    for output in ("table", "wide", "json", "yaml", "name"):
        said = run(blobs, *argv, "-o", output, width=width)
        assert said.code == 0
        both = (said.out + said.err).replace("\n", "").replace("\r", "")
        assert both.isprintable()
        assert "owned" not in both
        assert leaks(both) == []
    (letter,) = letters(blobs)
    assert letter.keys() == {
        *("id", "vault", "secret", "version", "event_type", "subscription", "blob")
    }
    assert letter["blob"] == f"(a name of {len(HOSTILE)} characters)"


def test_an_odd_id_is_not_shown() -> None:
    """An id is shown only if it has the form of one."""
    assert "id" not in letters(held(dead_letter(SHOP, "a", id=HOSTILE)))[0]


def test_a_blob_that_is_too_large_is_not_read() -> None:
    """Its size is in the listing, so nothing of it is fetched."""

    class Large(bytes):
        def __len__(self) -> int:
            return LARGEST_BYTES + 1

    blobs = Blobs({NAME: Large()})
    said = run(blobs, "list")
    assert said.code == 1
    assert "BlobTooLarge" in said.out
    assert blobs.read_names == []


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["topic", "source", "type", "eventType", "data", "id", "specversion"]
                )
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda held: json.dumps(held).encode())
)
def test_whatever_a_blob_has_is_parsed_or_told(content: bytes) -> None:
    """No content raises: an event is read, of another service, or unreadable."""
    found = opened(NAME, content)
    assert all(each.message for each in found.unreadable)
    assert not found.letters


def test_a_letter_is_shown_with_all_its_fields() -> None:
    """`show` has a row for each field that the event says."""
    event = dead_letter(SHOP, "db-password")
    said = run(held(event, dead_letter(SHOP, "other")), "show", str(event["id"]).upper())
    assert said.code == 0
    rows = dict(line.split(None, 1) for line in said.out.splitlines())
    assert rows["secret"] == "db-password"
    assert rows["attempts"] == "30"
    assert rows["status"] == "500"
    assert rows["dead_letter_reason"] == "MaxDeliveryAttemptsExceeded"
    assert "other" not in said.out


@pytest.mark.parametrize("argv", [("show", "no-such-id"), ("replay", "--id", "no-such-id")])
def test_an_unknown_id_is_told(argv: tuple[str, ...]) -> None:
    """What was asked for and is not there is a failure, and nothing is resynced."""
    app = App()
    said = run(held(dead_letter(SHOP, "a")), *argv, app=app)
    assert said.code == 1
    assert "DeadLetterMissing: No dead letter of the last 7 days has the id no-such-id" in said.err
    assert app.asked == []


def test_a_replay_asks_for_a_resync_of_each_vault() -> None:
    """One request a vault: for the secret, if its dead letters name one, else for the vault."""
    app = App()
    blobs = held(
        dead_letter(SHOP, "a"),
        dead_letter(SHOP.upper(), "b", cloud=True),
        dead_letter(BILLING, "c"),
        dead_letter(BILLING, "C"),
    )
    said = run(blobs, "replay", "--all", app=app)
    assert said.code == 0
    assert app.asked == [
        ("resync", {"vault": BILLING.lower(), "secret": "c"}),
        ("resync", {"vault": SHOP.lower()}),
    ]
    assert SHOP.lower() in said.out
    assert BILLING.lower() in said.out


def test_a_replay_of_some() -> None:
    """VAULT and --id choose; what they do not name is not resynced."""
    app, first, second = App(), dead_letter(SHOP, "a"), dead_letter(BILLING, "b")
    blobs = held(first, second, dead_letter(BILLING, "c"))
    assert run(blobs, "replay", SHOP, app=app).code == 0
    assert run(blobs, "replay", "--id", str(second["id"]), app=app).code == 0
    assert app.asked == [
        ("resync", {"vault": SHOP.lower(), "secret": "a"}),
        ("resync", {"vault": BILLING.lower(), "secret": "b"}),
    ]


def test_a_dry_run_of_a_replay_plans() -> None:
    """--dry-run asks for a plan, which writes nothing."""
    app = App()
    assert run(held(dead_letter(SHOP, "a")), "replay", "--all", "--dry-run", app=app).code == 0
    assert [route for route, _ in app.asked] == ["plan"]


def test_an_expiry_asks_for_no_resync() -> None:
    """What told of an expiry was only to be logged; the command says that it leaves it out."""
    app = App()
    expiry = dead_letter(SHOP, "a", eventType="Microsoft.KeyVault.SecretNearExpiry")
    said = run(held(expiry), "replay", "--all", app=app)
    assert (said.code, app.asked) == (0, [])
    assert "1 dead letter of an expiry: nothing to resync." in said.err


def test_a_refused_vault_fails_and_hides_no_other() -> None:
    """A vault that the app does not know is a failure; the others are resynced."""
    wrong = refusal("VaultNameOffPattern", "It does not match the pattern.")
    app = App({BILLING.lower(): wrong})
    said = run(held(dead_letter(SHOP, "a"), dead_letter(BILLING, "b")), "replay", "--all", app=app)
    assert said.code == 1
    assert len(app.asked) == 2
    assert "VaultNameOffPattern" in said.out
    assert "2 vaults: 1 failed, 1 in step" in said.out


def test_an_app_that_is_not_there_is_asked_once() -> None:
    """What no answer of the app is concerns every vault: none of the others is asked for."""
    stopped = refusal(NoAnswer.APP_STOPPED, "The app is stopped.")
    app = App({BILLING.lower(): stopped})
    said = run(held(dead_letter(SHOP, "a"), dead_letter(BILLING, "b")), "replay", "--all", app=app)
    assert said.code == 1
    assert len(app.asked) == 1
    assert "2 vaults: 2 failed" in said.out


def test_an_app_that_is_too_slow_for_one_vault_is_asked_for_the_next() -> None:
    """That the front end ended one answer says nothing of another vault."""
    slow = refusal(NoAnswer.APP_TOO_SLOW, "The app took too long.", transient=True)
    app = App({BILLING.lower(): slow})
    said = run(held(dead_letter(SHOP, "a"), dead_letter(BILLING, "b")), "replay", "--all", app=app)
    assert said.code == 1
    assert len(app.asked) == 2
    assert "2 vaults: 1 failed, 1 in step" in said.out


def test_a_replay_tells_what_it_could_not_read() -> None:
    """An unreadable event makes the exit code 1, though every other was replayed."""
    app, blobs = App(), held(dead_letter(SHOP, "a"), None)
    said = run(blobs, "replay", "--all", app=app)
    assert said.code == 1
    assert f"{NAME}: EventMalformed: " in said.err
    assert "resync --all" in said.err
    assert len(app.asked) == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("replay",),
        ("replay", SHOP, "--all"),
        ("replay", "--all", "--id", "x"),
        ("replay", "--id", " "),
        ("show",),
        ("list", "--days", "0"),
        ("list", "--container", ""),
    ],
    ids="-".join,
)
def test_a_wrong_choice_is_a_usage_error(argv: tuple[str, ...]) -> None:
    """Nothing is read or asked until it is clear what is meant."""
    app, blobs = App(), held(dead_letter(SHOP, "a"))
    said = run(blobs, *argv, app=app)
    assert said.code == 1
    assert "Error: " in said.err
    assert (app.asked, blobs.opened) == ([], [])


def test_the_container_is_named_by_option_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """--container wins; without either the error says which output of the deployment to take."""
    blobs, other = held(), URL.replace("dead-letters", "others")
    run(blobs, "list")
    run(blobs, "list", "--container", other)
    assert list(map(str, blobs.opened)) == [URL, other]
    monkeypatch.delenv("KEYVAULT_SYNC_DEAD_LETTERS")
    said = run(blobs, "list")
    assert said.code == 1
    assert "deadLetterContainerUrl" in said.err
    assert "dead_letter_container_url" in said.err


@pytest.mark.parametrize(
    "text",
    [
        URL,
        URL + "/",
        "https://st1.blob.core.chinacloudapi.cn/dead-letters",
        "https://st1.blob.core.usgovcloudapi.net/dead-letters",
        "https://st1.z42.blob.storage.azure.net/dead-letters",
    ],
)
def test_urls_of_containers(text: str) -> None:
    """Each cloud's accounts are taken, also those with a DNS zone of their own."""
    assert str(container_url(text)) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "stdeadletters",
        URL.replace("https", "http"),
        "http://127.0.0.1:10000/devstoreaccount1/dead-letters",
        f"{URL}?sv=2026&sig=abc",
        "https://user@stdeadletters.blob.core.windows.net/dead-letters",
        "https://evil.example/dead-letters",
        "https://stdeadletters.blob.core.windows.net.evil.example/dead-letters",
        "https://evil.example/x.blob.core.windows.net",
        "https://stdeadletters.blob.core.windows.net:444/dead-letters",
        "https://stdeadletters.blob.core.windows.net:x/dead-letters",
        "https://stdeadletters.blob.core.windows.net",
        "https://stdeadletters.blob.core.windows.net/a/b",
        "https://stdeadletters.blob.core.windows.net/Dead-Letters",
        "https://127.0.0.1:10000/dead-letters",
    ],
    ids=range(14),
)
def test_a_token_goes_to_no_other_host(text: str) -> None:
    """Only a storage account over https, or this machine itself, gets the caller's token."""
    with pytest.raises(ContainerUrlError):
        container_url(text)
    blobs = held()
    said = run(blobs, "list", "--container", text)
    assert said.code == 1
    assert "is no URL of a container" in said.err
    assert blobs.opened == []
    assert "sig=abc" not in said.out + said.err


@pytest.mark.parametrize(
    "argv", [("list",), ("show", "x"), ("replay", "--all")], ids=["list", "show", "replay"]
)
def test_a_container_that_cannot_be_read_is_told(argv: tuple[str, ...]) -> None:
    """Each command fails with the reason, also as JSON, and asks the app for nothing."""
    app, blobs = App(), held()
    blobs.failure = ContainerError(NoAnswer.CONTAINER_FORBIDDEN, "It refuses you.")
    said = run(blobs, *argv, "-o", "json", app=app)
    assert said.code == 1
    assert json.loads(said.out)["reason"] == "ContainerForbidden"
    assert "ContainerForbidden: It refuses you." in said.err
    assert app.asked == []


def test_names_are_ids_to_replay() -> None:
    """-o name has an id a line, as --id takes them."""
    events = [dead_letter(SHOP, "a"), dead_letter(SHOP, "b")]
    said = run(held(*events), "list", "-o", "name")
    assert set(said.out.split()) == {event["id"] for event in events}
