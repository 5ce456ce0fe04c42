"""The state annotation's one text form."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.annotation import FORMAT, MAX_REFUSED_BYTES, MAX_WARNED_BYTES, decode, encode
from sync.core.changes import Count
from sync.core.groups import Group
from sync.core.model import SECRET_NAME, SecretName
from sync.core.reasons import Reason
from sync.core.state import Record, Refusal, State, Unusable

VAULT = "weu-ds-akv-shop-dev-1"
NOON = 1_767_268_800
UPDATED = st.integers(0, 16_725_225_599)
VERSIONS = st.text("0123456789abcdef", max_size=32)
NAMES = st.from_regex(r"[0-9A-Za-z-]{1,20}", fullmatch=True).map(SecretName)
KEYS = st.from_regex(r"[-._a-zA-Z0-9]{1,20}", fullmatch=True)
SHAPED = st.builds(
    Record,
    VERSIONS,
    UPDATED,
    st.booleans(),
    st.lists(KEYS, max_size=4).map(tuple),
    st.text("0123456789abcdeft", min_size=1, max_size=9),
)
PLAIN = st.tuples(VERSIONS, UPDATED, st.booleans())
REFUSALS = st.builds(
    Refusal, st.sampled_from(Reason), UPDATED, UPDATED, VERSIONS.map(lambda v: v[:8]), st.booleans()
)


WARNINGS = [reason for reason in Reason if reason.group is Group.WARNING]


def warned(record: Record, warnings: set[Reason]) -> Record:
    """Give a record what was odd about its value."""
    return replace(record, warnings=tuple(sorted(warnings)))


def named(records: Mapping[SecretName, Record | tuple[str, int, bool]]) -> dict[SecretName, Record]:
    """Give records of plain keys the key of their name."""
    return {
        name: each if isinstance(each, Record) else Record(each[0], each[1], each[2], (str(name),))
        for name, each in records.items()
    }


STATES = st.builds(
    State,
    vault=st.just(VAULT),
    written=UPDATED,
    secrets=st.dictionaries(
        NAMES,
        SHAPED | PLAIN | st.builds(warned, SHAPED, st.sets(st.sampled_from(WARNINGS))),
        max_size=6,
    ).map(named),
    rules=st.text("0123456789abcdef", max_size=8),
    overruled=st.lists(st.uuids().map(str), max_size=2).map(tuple),
    others=st.dictionaries(
        st.from_regex(SECRET_NAME, fullmatch=True),
        st.lists(NAMES, max_size=3).map(tuple),
        max_size=3,
    ),
    refused=st.dictionaries(NAMES, REFUSALS, max_size=5),
    unnamed=st.integers(0, 5),
    unusable=st.dictionaries(NAMES, st.builds(Unusable, UPDATED, UPDATED), max_size=3),
    counts=st.dictionaries(KEYS, st.builds(Count, UPDATED, st.booleans()), max_size=5),
)


@given(STATES)
def test_a_state_survives_its_text(state: State) -> None:
    """Writing and reading the annotation are inverse."""
    assert decode(encode(state)) == state


@given(STATES)
def test_equal_states_have_equal_texts(state: State) -> None:
    """The order in which records were made leaves no trace, so an apply of it changes nothing."""
    turned = replace(
        state,
        secrets=dict(reversed(list(state.secrets.items()))),
        others=dict(reversed(list(state.others.items()))),
        refused=dict(reversed(list(state.refused.items()))),
        counts=dict(reversed(list(state.counts.items()))),
    )
    assert encode(turned) == encode(state)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["vault", "written", "secrets", "a"]), inner, max_size=4)
    ),
    max_leaves=10,
)


def annotation(**fields: object) -> str:
    """Return an empty annotation of the latest format, with these fields in it."""
    whole = {"v": FORMAT, "vault": VAULT, "written": "2026-01-01T12:00:00+00:00", "secrets": {}}
    return json.dumps({**whole, **fields})


FIELDS = ["v", "vault", "written", "rules", "secrets", "overruled", "refused", "counts"]
FIELDS += ["applications", "application"]


@given(ANY, st.sampled_from(FIELDS))
def test_any_annotation_is_read_or_none(value: object, field: str) -> None:
    """Whatever somebody wrote there, it is a state or None, and a state can be written again."""
    for text in (
        json.dumps(value),
        annotation(**{field: value}),
        annotation(secrets={"a": value}),
        annotation(secrets={"a": [value, value, value, value]}),
        annotation(refused=[["TagWrong", value, {"a": value}]]),
        annotation(counts={"1": value}),
    ):
        state = decode(text)
        assert state is None or state.newer or decode(encode(state)) == state


@given(st.text())
def test_any_text_is_read_or_none(text: str) -> None:
    """Text that is no JSON is no state."""
    assert decode(text) is None


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5000, "NaN", '{"secrets":' * 20_000])
def test_bombs_are_no_state(text: str) -> None:
    """Deep nesting and huge numbers end as None."""
    assert decode(text) is None


@pytest.mark.parametrize("updated", [-1, 10**11, 10**30, 1.5, "1", None], ids=str)
def test_times_that_no_calendar_has_are_no_state(updated: object) -> None:
    """A state whose times cannot be told to an operator is not read at all."""
    assert decode(annotation(secrets={"a": ["1", updated]})) is None
    assert decode(annotation(refused=[["TagWrong", updated, {"a": "1.1"}]])) is None


FORGED = "x\n2026-01-01 ERROR forged \x1b[2J"


@pytest.mark.parametrize(
    "fields",
    [
        {"vault": FORGED},
        {"written": FORGED},
        {"rules": FORGED},
        {"secrets": {FORGED: ["1", 1]}},
        {"secrets": {"a": [FORGED, 1]}},
        {"secrets": {"a": ["1", 1, 1, FORGED, "K"]}},
        {"secrets": {"a": ["1", 1, 1, "m", FORGED]}},
        {"overruled": [FORGED]},
        {"others": {"x": [FORGED]}},
        {"others": {FORGED: ["a"]}},
        {"counts": {FORGED: ["a"]}},
        {"counts": {"1": [FORGED]}},
        {"refused": [[FORGED, 1, {"a": "1.1"}]]},
        {"refused": [["TagWrong", 1, {FORGED: "1.1"}]]},
        {"refused": [["TagWrong", 1, {"a": f"{FORGED}.1"}]]},
    ],
    ids=str,
)
def test_nothing_of_a_forged_annotation_gets_in(fields: dict[str, object]) -> None:
    """Each name, version and time has its form: what has another is never told to anybody."""
    assert decode(annotation()) is not None
    assert decode(annotation(**fields)) is None


def test_a_record_costs_about_sixty_bytes() -> None:
    """3,900 secrets with names of ten characters fit beside the other annotations."""
    records = {
        SecretName(name): Record("f" * 32, NOON, settled=True, keys=(name,))
        for name in (f"secret{n:04}" for n in range(3900))
    }
    assert len(encode(State(VAULT, NOON, records))) < 240 * 1024


def test_the_first_format_is_read_and_rewritten() -> None:
    """What an early release wrote is believed, and written anew in the format without counts."""
    text = (
        f'{{"vault":"{VAULT}","written":"2026-01-01T12:00:00+00:00",'
        '"secrets":{"a":["1a",1767268800],"b":["2b",1767268800,0],'
        '"c":["3c",1,1,"t0123abcd","K","L"],"d":["4d",1,0,"tclash","M"]},'
        '"overruled":["00000000-0000-4000-8000-000000000001"],"others":{"keyvault-x":["e"]}}'
    )
    state = decode(text)
    assert state is not None
    assert {str(name): record.keys for name, record in state.secrets.items()} == {
        "a": ("a",), "b": ("b",), "c": ("K", "L"), "d": ("M",),
    }  # fmt: skip
    assert [record.settled for record in state.secrets.values()] == [True, False, True, False]
    assert (state.written, state.others) == (NOON, {"keyvault-x": ("e",)})
    again = encode(state)
    assert json.loads(again) == {"v": FORMAT - 1, **json.loads(text)}
    assert decode(again) == state


def test_a_newer_format_is_known_by_its_vault_alone() -> None:
    """Of what a later release wrote nothing is read but whose it is and that it is newer."""
    text = annotation(v=FORMAT + 1, secrets="something else", written=None)
    assert decode(text) == State(VAULT, 0, {}, newer=True)


def test_a_reason_of_a_later_release_costs_that_refusal_alone() -> None:
    """A reason that only a later release knows is forgotten, and the rest of the state is not."""
    groups = [["NotInventedYet", 1, {"a": "1.1"}], ["TagWrong", 1, {"b": "1.1"}]]
    state = decode(annotation(refused=groups))
    assert state is not None
    assert list(state.refused) == ["b"]


def test_what_tags_made_is_written_with_its_keys() -> None:
    """A record with a fingerprint names its keys, and the own Secret names the others."""
    record = Record("1", 1, settled=True, keys=("K", "L"), fingerprint="m")
    name = SecretName("a")
    text = encode(State(VAULT, 0, {name: record}, others={"x": (name,)}))
    assert json.loads(text)["secrets"] == {"a": ["1", 1, 1, "m", "K", "L"]}
    assert json.loads(text)["others"] == {"x": ["a"]}


def test_an_expanded_secret_costs_little_more_than_its_keys() -> None:
    """A thousand members are remembered in as many names and one version."""
    keys = tuple(f"MEMBER_{n:04}" for n in range(1000))
    record = Record("f" * 32, NOON, settled=True, keys=keys, fingerprint="0" * 8)
    text = encode(State(VAULT, NOON, {SecretName("a"): record}))
    assert len(text) < sum(len(name) + 3 for name in keys) + 170


def refused(number: int, length: int) -> dict[SecretName, Refusal]:
    """Return so many refusals, of names of so many characters."""
    return {
        SecretName(f"{n:0{length}}"): Refusal(Reason.CERTIFICATE_UNREADABLE, NOON, NOON, "0123abcd")
        for n in range(number)
    }


@pytest.mark.parametrize("due", [0, NOON + 5])
@pytest.mark.parametrize("tagged", [True, False])
def test_a_refusal_is_remembered_with_all_that_it_says(*, tagged: bool, due: int) -> None:
    """Which version it was, whether tags shaped it, and when another one may be used."""
    each = Refusal(Reason.TAG_WRONG, NOON, NOON + 1, "0123abcd", tagged=tagged, due=due)
    state = State(VAULT, NOON, {}, refused={SecretName("a"): each})
    assert decode(encode(state)) == state
    assert each.is_still_held(NOON + 4)
    assert each.is_still_held(NOON + 5) == (not due)


def test_a_thousand_refusals_are_remembered() -> None:
    """A thousand refused secrets of short names fit into 32 KiB: none is fetched again."""
    state = State(VAULT, NOON, {}, refused=refused(1000, 8))
    assert decode(encode(state)) == state
    assert len(encode(state)) < MAX_REFUSED_BYTES


def test_refusals_that_have_no_room_are_counted() -> None:
    """Beyond 32 KiB, or what the records leave, refusals are counted, and nothing else is lost."""
    keys = tuple(f"{n:0100}" for n in range(2340))
    record = Record("1", NOON, settled=True, keys=keys, fingerprint="m")
    for records, most in (({}, 300), ({SecretName("a"): record}, 40)):
        state = State(VAULT, NOON, records, refused=refused(1000, 100), unnamed=2)
        text = encode(state)
        assert len(text) < 256 * 1024
        again = decode(text)
        assert again is not None
        assert again.secrets == records
        assert len(again.refused) <= most
        assert len(again.refused) + again.unnamed == 1002


def test_warnings_that_have_no_room_are_left_out() -> None:
    """Beyond 16 KiB warnings are forgotten, and nothing else is."""
    odd = Record(
        "1", NOON, settled=True, keys=("k",), fingerprint="m", warnings=tuple(WARNINGS[:1])
    )
    records = {SecretName(f"{n:0100}"): odd for n in range(300)}
    again = decode(encode(State(VAULT, NOON, records)))
    assert again is not None
    kept = [record for record in again.secrets.values() if record.warnings]
    assert 100 < len(kept) < MAX_WARNED_BYTES / 100
    assert {name: replace(each, warnings=odd.warnings) for name, each in again.secrets.items()} == (
        records
    )


@pytest.mark.parametrize(
    "secret",
    [
        "../../p2-dev/secrets/keyvault-project",
        "..",
        "web?watch=1",
        "web/status",
        "%2e%2e",
        "we\nb",
        "Web",
        "",
        "w" * 254,
    ],
    ids=repr,
)
def test_a_secret_of_an_impossible_name_is_no_state(secret: str) -> None:
    """Whoever may write the annotation cannot lead the app to another place by it."""
    assert decode(annotation(others={secret: ["key"]})) is None


@pytest.mark.parametrize("others", [1, ["x"], {"x": 1}, {"x": [1]}, {"x": "ab"}, None], ids=repr)
def test_an_odd_list_of_other_secrets_is_no_state(others: object) -> None:
    """What is not a list of names for each Secret is not believed."""
    state = decode(annotation(others=others))
    assert state is None or decode(encode(state)) == state


def test_counts_are_grouped_and_make_a_format_of_their_own() -> None:
    """A release that knows no counts can read whatever is written where nothing is counted."""
    counts = {"b": Count(NOON), "a": Count(NOON), "c": Count(NOON + 1, first=True)}
    told = json.loads(encode(State(VAULT, NOON, {}, counts=counts)))
    assert told["counts"] == {f"{NOON}+": ["a", "b"], f"{NOON + 1}": ["c"]}
    assert told["v"] == FORMAT
    plain = json.loads(encode(State(VAULT, NOON, {})))
    assert "counts" not in plain
    assert plain["v"] == FORMAT - 1


@pytest.mark.parametrize("count", ["", "+", "-1", "1.5", "1++", " 1", "1_0", "9" * 11, "\u0661"])
def test_a_count_that_is_no_time_is_no_state(count: str) -> None:
    """A count is an epoch second up to the year 2500, with or without a plus behind it."""
    assert decode(annotation(counts={count: ["a"]})) is None
    assert decode(annotation(counts={"1+": ["a"]})) is not None


def test_the_oldest_counts_give_way() -> None:
    """Counts take what the records leave, the latest first, and no record is lost for them."""
    keys = [f"{n:0100}" for n in range(2340)]
    record = Record("1", NOON, settled=True, keys=tuple(keys), fingerprint="m")
    counts = {key: Count(NOON + n) for n, key in enumerate(keys)}
    state = State(VAULT, NOON, {SecretName("a"): record}, counts=counts)
    text = encode(state)
    assert len(text) <= 240 * 1024
    again = decode(text)
    assert again is not None
    assert again.secrets == state.secrets
    assert 20 < len(again.counts) < 100
    assert sorted(again.counts) == keys[-len(again.counts) :]
    assert encode(again) == text


def test_applications_make_a_state_of_a_later_format() -> None:
    """An earlier release writes nothing to such a Secret; one without them it can still read."""
    known = State(VAULT, NOON, {}, applications={"checkout": "deployments.apps/checkout"})
    made = State(VAULT, NOON, {}, application="pods/a.b", secret="a")
    for state in (known, made):
        text = encode(state)
        assert (json.loads(text)["v"], decode(text)) == (FORMAT, state)
    assert json.loads(encode(State(VAULT, NOON, {})))["v"] == FORMAT - 1


@pytest.mark.parametrize(
    "fields",
    [
        {"applications": {"A": "deployments.apps/checkout"}},
        {"applications": {"checkout": "deployments.apps"}},
        {"applications": {"checkout": "deployments.apps/../x"}},
        {"applications": ["checkout"]},
        {"application": "/"},
        {"application": 1},
    ],
)
def test_applications_that_cannot_be_are_no_state(fields: dict[str, object]) -> None:
    """Anybody who may write Secrets may write there, and names get into URLs."""
    assert decode(annotation(**fields)) is None
