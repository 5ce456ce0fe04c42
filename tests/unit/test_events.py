"""Events in both schemas: what they say, and what is refused."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.app.events import EXPIRY, MAX_EVENT_LENGTH, NEW_VERSION, Changed, Expiring, parse
from sync.core.errors import Malformed, NotOurs
from sync.core.model import Hint, SecretName
from tests.kit.errors import raises
from tests.kit.fakes import NOON

SUBSCRIPTION = "8d2f3c1a-0000-4000-8000-00000000000f"
ALLOWED = frozenset({SUBSCRIPTION})
VAULT = "WEU-DS-AKV-shop-dev-1"
TOPIC = (
    f"/subscriptions/{SUBSCRIPTION.upper()}/resourceGroups/rg-shop/providers/"
    f"Microsoft.KeyVault/vaults/{VAULT.lower()}"
)
NEW = "Microsoft.KeyVault.SecretNewVersionCreated"
DATA: dict[str, object] = {
    "Id": f"https://evil.example/secrets/a/1?{VAULT}",
    "VaultName": VAULT,
    "ObjectType": "Secret",
    "ObjectName": "db-Password",
    "Version": "ee059b2bb5bc48398a53b168c6cdcb10",
    "NBF": None,
    "EXP": None,
}


def grid(data: Mapping[str, object] = DATA, **fields: object) -> dict[str, object]:
    """Return an event in Event Grid's schema."""
    return {
        "id": "1",
        "topic": TOPIC,
        "subject": "db-Password",
        "eventType": NEW,
        "eventTime": "2026-01-01T12:00:00.1234567Z",
        "data": dict(data),
        "dataVersion": "1",
        "metadataVersion": "1",
    } | fields


def cloud(data: Mapping[str, object] = DATA, **fields: object) -> dict[str, object]:
    """Return an event in the CloudEvents schema."""
    return {
        "specversion": "1.0",
        "id": "1",
        "source": TOPIC,
        "subject": "db-Password",
        "type": NEW,
        "time": "2026-01-01T12:00:00.1234567Z",
        "data": dict(data),
    } | fields


def read(event: object) -> Changed | Expiring:
    """Parse an event."""
    return parse(json.dumps(event), ALLOWED)


CHANGED = Changed(
    VAULT, Hint(SecretName("db-Password"), "ee059b2bb5bc48398a53b168c6cdcb10", NOON + 0.123456)
)


@pytest.mark.parametrize("event", [grid(), cloud()], ids=["event-grid", "cloud-events"])
@pytest.mark.parametrize("event_type", sorted(NEW_VERSION))
def test_both_schemas_say_the_same(event: dict[str, object], event_type: str) -> None:
    """A new version of a secret or certificate gives vault, name, version and time."""
    key = "type" if "specversion" in event else "eventType"
    assert read(event | {key: event_type}) == CHANGED


def test_stray_blanks_are_stripped() -> None:
    """Blanks around the names and the values of fields, as the documentation's sample has."""
    data = {
        f"{key} ": f" {value} " if isinstance(value, str) else value for key, value in DATA.items()
    }
    padded = {
        f" {key}": f" {value}\n" if isinstance(value, str) else value
        for key, value in grid().items()
    }
    assert read(padded | {" data": data}) == CHANGED


@pytest.mark.parametrize(
    ("exp", "expires"),
    [
        (1_767_268_800, NOON),
        (1_767_268_800.0, NOON),
        ("1767268800", NOON),
        (" 1767268800 ", NOON),
        (None, None),
        ("", None),
        ("soon", None),
        (-1, None),
        (10**400, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        ("nan", None),
        ([1], None),
    ],
    ids=str,
)
def test_expiry_events_take_exp_in_any_form(exp: object, expires: float | None) -> None:
    """EXP comes as number, text or null, and an unreadable one is no reason to fail."""
    for event_type in EXPIRY:
        event = grid(DATA | {"EXP": exp, "NBF": exp}, eventType=event_type)
        assert read(event) == Expiring(VAULT, "db-Password", event_type, expires)


@pytest.mark.parametrize(
    ("time", "at"),
    [
        *((None, 0.0), ("", 0.0), ("yesterday", 0.0), (17, 0.0), ("9999-99-99T00:00:00Z", 0.0)),
        ("2026-01-01T12:00:00", NOON),
    ],
    ids=str,
)
def test_a_time_without_zone_is_utc_and_an_unreadable_one_is_old(time: object, at: float) -> None:
    """Nothing is waited for on the word of an event that does not say when it is from."""
    for sent in (grid(eventTime=time), cloud(time=time)):
        event = read(sent)
        assert isinstance(event, Changed)
        assert event.hint.at == at


@pytest.mark.parametrize("version", [None, ""], ids=["null", "empty"])
def test_an_event_may_lack_the_version(version: object) -> None:
    """Without a version the event still says where to look."""
    event = read(grid(DATA | {"Version": version}))
    assert isinstance(event, Changed)
    assert event.hint.version is None


@pytest.mark.parametrize(
    "event_type",
    ["Microsoft.KeyVault.KeyNewVersionCreated", "Microsoft.Storage.BlobCreated", NEW.lower()],
)
def test_other_types_are_not_ours(event_type: str) -> None:
    """Events of other types are acknowledged and forgotten, whatever else is in them."""
    with pytest.raises(NotOurs):
        read(grid({}, eventType=event_type, topic="x"))


@pytest.mark.parametrize(
    ("subscriptions", "reason"),
    [
        (frozenset[str](), "SubscriptionsUnset"),
        (frozenset({"00000000-0000-4000-8000-000000000000"}), "SubscriptionNotAllowed"),
    ],
)
def test_subscriptions_that_are_not_allowed_are_not_ours(
    subscriptions: frozenset[str], reason: str
) -> None:
    """Events come from the named subscriptions only, and from none while none is named."""
    with raises(NotOurs, reason) as refused:
        parse(json.dumps(grid()), subscriptions)
    assert "SYNC_SUBSCRIPTIONS" in refused.value.message


@pytest.mark.parametrize(
    "topic",
    [
        TOPIC.replace("weu", "neu"),
        TOPIC + "/",
        TOPIC + "\nx",
        TOPIC.replace("KeyVault", "Storage"),
        "/subscriptions//resourceGroups/x/providers/Microsoft.KeyVault/vaults/" + VAULT,
        "x" + TOPIC,
        TOPIC + "x",
        "",
        None,
        7,
    ],
    ids=range(10),
)
def test_a_topic_that_disagrees_is_refused(topic: object) -> None:
    """Topic and vault name must be of one vault, by the whole topic."""
    for event in (grid(topic=topic), cloud(source=topic)):
        with pytest.raises(Malformed):
            read(event)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {**DATA, "VaultName": None},
        {**DATA, "VaultName": ""},
        {**DATA, "VaultName": 7},
        {**DATA, "ObjectName": None},
        {**DATA, "ObjectName": "a/../b"},
        {**DATA, "ObjectName": "a" * 128},
        {**DATA, "ObjectName": "\u212aey"},
        {**DATA, "ObjectName": "a\nb"},
        {**DATA, "Version": "a/b"},
        {**DATA, "Version": ["x"]},
        {**DATA, "Version": "a" * 65},
    ],
    ids=range(15),
)
def test_data_that_key_vault_does_not_send_is_malformed(data: object) -> None:
    """Names and versions are what Key Vault allows, so that no path can be made of them."""
    for event in (grid() | {"data": data}, cloud() | {"data": data}):
        with pytest.raises(Malformed):
            read(event)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "7",
        "NaN",
        "[]",
        json.dumps([grid()]),
        "{",
        "[" * 60_000,
        '{"a":' * 12_000,
        "1" * 5000,
        json.dumps(grid()) + "x",
        json.dumps(grid(padding="x" * MAX_EVENT_LENGTH)),
        "\ud800",
    ],
    ids=range(13),
)
def test_what_is_no_event_is_malformed(payload: str) -> None:
    """Text that is no JSON object, nests without end or is too long is dropped as malformed."""
    with pytest.raises(Malformed):
        parse(payload, ALLOWED)


def test_a_refusal_quotes_little() -> None:
    """Messages about untrusted events stay short, and hold no line breaks of theirs."""
    hostile = "x\n" * 10_000
    for event in (
        grid(eventType=hostile),
        grid(topic=hostile),
        grid(DATA | {"VaultName": hostile}),
        grid(DATA | {"ObjectName": hostile}),
    ):
        with pytest.raises((Malformed, NotOurs)) as refused:
            read(event)
        assert len(refused.value.message) < 500
        assert "\n" not in refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def tried(payload: str) -> None:
    """Parse, and let nothing but the two refusals pass."""
    with suppress(Malformed, NotOurs):
        parse(payload, ALLOWED)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_read_or_refused(payload: str) -> None:
    """No text and no JSON raises anything but Malformed and NotOurs."""
    tried(payload)


@given(
    field=st.sampled_from(sorted({*grid(), *cloud()})),
    of_data=st.sampled_from(sorted(DATA)),
    value=JSON,
    schema=st.sampled_from([grid, cloud]),
)
def test_any_field_may_hold_anything(
    field: str, of_data: str, value: object, schema: Callable[..., dict[str, object]]
) -> None:
    """One field of an event may hold any JSON without another error than the two."""
    tried(json.dumps(schema() | {field: value}))
    tried(json.dumps(schema({**DATA, of_data: value})))
