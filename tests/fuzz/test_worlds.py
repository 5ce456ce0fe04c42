"""The whole app over ports in memory, given whatever: nothing is written, lost or told."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.app.requests import parse_resync
from sync.app.use_cases import App
from sync.core.errors import Malformed, NotOurs, SyncError
from sync.core.model import FIELD_MANAGER, STATE_ANNOTATION
from sync.core.outcomes import Converged
from sync.http_api.convert import outcome_of, outcomes_of
from sync.http_api.dataclass_json import to_json
from sync.projection.keys import KeyStyle
from sync.projection.rules import Rules
from sync.projection.tags import KNOWN, Encoding, Format, SecretType
from tests.fuzz.channels import CLOUD, DATA, GRID, SUBSCRIPTION
from tests.fuzz.target import fields_of, text_of, unquoted
from tests.fuzz.targets import TARGETS
from tests.fuzz.values import TARGETS as VALUES
from tests.kit.apps import app_of
from tests.kit.fakes import vault_name
from tests.kit.world import World
from tests.leaks.dye import PLANTED

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
WORDS = ("web", "DB", "true", "false", "db.user", "..", "")
ANYWHERE = PLANTED[::-1]
"""Planted where it may become a name, which may be told in quotation marks."""
TAGGED = [
    (value, {tag: text for tag, text in fields.items() if tag in KNOWN})
    for fields, value in map(fields_of, TARGETS["projection"].seeds)
]
"""Values with the tags that they are for, some of which are wrong."""
ENOUGH = settings(max_examples=60, deadline=None)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # the library warns of odd bundles


def app(world: World) -> App:
    """Return the app over that world."""
    return app_of(world.reconciler, world.vault, subscriptions=frozenset({SUBSCRIPTION}))


@st.composite
def events(draw: st.DrawFn) -> str:
    """Return an event of which some fields are anything, or its text cut or changed somewhere."""
    event: dict[str, object] = dict(draw(st.sampled_from([GRID, CLOUD])))
    data: dict[str, object] = dict(DATA) | draw(
        st.dictionaries(st.sampled_from(["VaultName", "ObjectName", "Version", "EXP"]), JSON)
    )
    event |= {"data": data} | draw(st.dictionaries(st.sampled_from([*event]), JSON, max_size=3))
    text = json.dumps(event)
    at = draw(st.integers(0, len(text) * 3))
    return text if at >= len(text) else text[:at] + draw(st.text(max_size=3)) + text[at + 1 :]


@ENOUGH
@given(events())
def test_an_event_that_is_not_taken_touches_nothing(payload: str) -> None:
    """No vault is read, no Secret is read or written, and what is told holds nothing but names."""
    world = World.in_step("db-url")
    (pending,) = app(world).event(payload)
    told = pending.outcome.result(timeout=20)
    json.dumps(to_json(outcome_of(told))).encode()
    if isinstance(told, Converged):
        assert told.target == world.target
    elif told.error.reason != "SecretNotServedYet":
        assert not world.wire.calls
    assert not world.cluster.changes[1:], "nothing in the vault has changed"
    assert world.data == {"db-url": "db-url's value"}


@ENOUGH
@given(
    st.dictionaries(
        st.sampled_from(["vault", "project", "stage", "all", "secret", "dry_run", "removals", "x"]),
        JSON,
        max_size=4,
    ).map(json.dumps).map(str.encode)
    | st.binary(max_size=40)
)  # fmt: skip
def test_a_request_that_is_refused_touches_nothing(body: bytes) -> None:
    """What is malformed or means no vault of ours comes to a SyncError before anything is read."""
    world = World.in_step("db-url")
    try:
        outcomes = list(app(world).resync(parse_resync(body)))
    except (Malformed, NotOurs):
        outcomes = []
        assert not world.wire.calls
    json.dumps(to_json(outcomes_of(outcomes))).encode()
    assert world.data == {"db-url": "db-url's value"}


def tags() -> st.SearchStrategy[Mapping[str, str]]:
    """Return tags, of ours mostly, that mean something now and then."""
    word = st.sampled_from([*Format, *Encoding, *(kind.word for kind in SecretType), *WORDS])
    names = st.sampled_from([*KNOWN, "k8s-label-team"])
    return st.dictionaries(names | st.text(max_size=9), word | st.text(max_size=9))


def stored() -> st.SearchStrategy[str]:
    """Return values as teams store them, and one that is wrapped in what breaks a parser."""
    seeds = [seed for target in VALUES for seed in target.seeds if target.name != "pkcs12"]
    return st.sampled_from(seeds).map(text_of) | st.text(max_size=20).map(
        lambda around: around + ANYWHERE + around
    )


@ENOUGH
@given(
    st.dictionaries(
        st.from_regex(r"[a-zA-Z0-9-]{1,9}", fullmatch=True),
        st.tuples(stored(), tags()) | st.sampled_from(TAGGED),
        max_size=5,
    ),
    st.sampled_from(KeyStyle),
)
def test_whatever_is_stored_is_in_or_its_failure_is_told(
    secrets: Mapping[str, tuple[str, Mapping[str, str]]], style: KeyStyle
) -> None:
    """A secret becomes keys, is left out by its tag, or fails by name; a good one always is in."""
    world = World.new(rules=Rules(style=style, names=("web*",), label_tags=(("team", "team"),)))
    world.put("good", "as it is")
    world.settle()
    for name, (value, wanted) in secrets.items():
        if name.lower() != "good":
            world.vaults.put(world.vault, name, value, tags=wanted)
    done = world.sweep()
    told = to_json(outcomes_of(app(world).resync(parse_resync(b'{"all": true}'))))
    assert "Bug" not in json.dumps(told)
    assert PLANTED not in json.dumps(told)
    assert ANYWHERE not in unquoted(json.dumps(told))
    good = "GOOD" if style is KeyStyle.ENV else "good"
    assert world.cluster.data(world.target)[good] == b"as it is"  # others may be no text
    for name, error in done.refused.items():
        assert repr(name) in error.message
        error.message.encode()
    for held in world.cluster.secrets.values():
        assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in held.part("data"))


def refused(world: World) -> str | None:
    """Return why a pass over the whole vault came to nothing."""
    try:
        world.sweep()
    except SyncError as error:
        return error.reason
    return None


def annotations() -> st.SearchStrategy[bytes]:
    """Return what somebody may write as our state: any text, and records that could be ours."""
    names = st.sampled_from(["db-url", "theirs", "x"])
    record = st.tuples(st.text(max_size=3), st.integers(0, 9), st.integers(0, 1), names, names)
    forged = st.builds(
        lambda written, secrets, others, counts: json.dumps(
            {
                "vault": vault_name().text,
                "written": written,
                "secrets": secrets,
                "others": others,
                "counts": counts,
            }
        ),
        st.sampled_from(["", "2500-01-01T00:00:00+00:00"]),
        st.dictionaries(names, record.map(list) | st.lists(JSON, max_size=6)),
        st.dictionaries(st.sampled_from(["theirs", "victim"]), st.lists(names, max_size=2)),
        st.dictionaries(st.sampled_from(["0", "1+", "x"]), st.lists(names, max_size=2)),
    )
    return (st.text(max_size=40) | forged).map(lambda text: text.encode("utf-8", "replace"))


@ENOUGH
@given(annotations(), st.sampled_from(["kubectl-edit", FIELD_MANAGER]))
def test_a_forged_annotation_costs_nobody_a_key(annotation: bytes, manager: str) -> None:
    """Our keys are right after a pass, theirs untouched; no other Secret is, in whoever's name.

    Who may write the Secret in our field manager's name could have taken its keys as well.
    """
    world = World.in_step("db-url", "other", counting=True)
    victim = replace(world.target, secret="victim")
    for target in (world.target, victim):
        world.cluster.edit(target, {("data", "theirs"): b"theirs"})
    world.cluster.edit(world.target, {("annotation", STATE_ANNOTATION): annotation}, manager)
    world.put("db-url", "new")
    refusal = refused(world)
    assert refusal in {None, "TargetTaken", "UnsafePlan"}
    if refusal is None and manager != FIELD_MANAGER:
        assert world.data == {"db-url": "new", "other": "other's value", "theirs": "theirs"}
    assert world.held("victim") == {"theirs": "theirs"}
