"""The pure plan: what an apply of it leaves, and what it refuses."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.annotation import encode
from sync.core.changes import Action, Plan
from sync.core.errors import Permanent
from sync.core.labels import labels_of
from sync.core.model import FIELD_MANAGER, STATE_ANNOTATION, Actual, SecretName
from sync.core.ports import Deadline
from sync.core.state import Record, State
from sync.reconcile.desired import DesiredSecret, Entry
from sync.reconcile.guards import (
    MAX_DATA_BYTES,
    MAX_KEYS,
    Loss,
    guarded_secrets,
    refuse_foreign,
)
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.plan import diff
from tests.kit.errors import raises
from tests.kit.fakes import NOON, Clock, FakeCluster, Wire, target_of, vault_name

VAULT = vault_name()
TARGET = target_of(VAULT)
RULES = "0123abcd"
LATER = NOON + 31_536_000
KEYS = ("a", "b", "c", "D")


def deadline() -> Deadline:
    """Return a deadline that is never met."""
    return Deadline.after(10, Clock())


@dataclass(frozen=True)
class Written:
    """One key of its vault secret's name, and what is remembered of it."""

    value: bytes
    version: str
    settled: bool = True

    def record(self, name: str) -> Record:
        """Return what is remembered of the vault secret of that name."""
        return Record(self.version, 1_767_268_800, self.settled, (name,))


def entry(value: str, version: str = "v1", *, settled: bool = True) -> Written:
    """Return a key as it is written."""
    return Written(value.encode(), version, settled)


def content(
    entries: Mapping[str, Written], carried: Mapping[SecretName, Record] = MappingProxyType({})
) -> DesiredSecret:
    """Return what the Secret shall hold: these keys, and records of what is left as it is."""
    return DesiredSecret(
        {key: Entry(each.value, each.version) for key, each in entries.items()},
        {**carried, **records_of(entries)},
    )


def records_of(entries: Mapping[str, Written]) -> dict[SecretName, Record]:
    """Return what is remembered of keys."""
    return {SecretName(name): each.record(name) for name, each in entries.items()}


def plan_for(before: ObservedSecret, desired: DesiredSecret, now: float = NOON) -> Plan:
    """Plan under the settings of now."""
    return diff(before, desired, now, RULES)


def cluster_with(entries: Mapping[str, Written], version: str = "1") -> FakeCluster:
    """Return a cluster whose Secret was written from entries."""
    cluster = FakeCluster(Wire())
    plan = plan_for(ObservedSecret(TARGET, None, None), content(entries))
    if plan.apply is not None:
        cluster.apply(TARGET, plan.apply, version, deadline())
    return cluster


def standing(cluster: FakeCluster) -> ObservedSecret:
    """Read where the Secret stands."""
    return ObservedSecret.of(TARGET, cluster.read(TARGET, deadline()))


def carry_out(cluster: FakeCluster, plan: Plan) -> None:
    """Write a plan: what has to be evicted first, then the apply."""
    stored = cluster.secrets.get(TARGET.place)
    if plan.evict:
        assert stored is not None
        cluster.evict(TARGET, plan.evict, str(stored.revision), deadline())
    if plan.apply is not None:
        revision = str(cluster.secrets[TARGET.place].revision) if stored else "1"
        cluster.apply(TARGET, plan.apply, revision, deadline())


@dataclass(frozen=True, slots=True)
class Meddling:
    """What others did to a Secret since we wrote it."""

    changed: Mapping[str, bytes | None]
    shared: frozenset[str]
    state_lost: bool
    wiped: bool

    def do(self, cluster: FakeCluster) -> None:
        """Do it, where there is a Secret at all."""
        if TARGET.place not in cluster.secrets:
            return
        held = cluster.data(TARGET)
        share = {("data", key): held[key] for key in self.shared & held.keys()}
        cluster.edit(TARGET, share, "sharer", share=True)
        cluster.edit(TARGET, {("data", key): value for key, value in self.changed.items()})
        if self.state_lost:
            cluster.edit(TARGET, {("annotation", STATE_ANNOTATION): None})
        if self.wiped:
            cluster.wipe_managers(TARGET)


VALUES = st.sampled_from(["", "x", "y"])
ENTRIES = st.dictionaries(
    st.sampled_from(KEYS),
    st.builds(entry, VALUES, st.sampled_from(["v1", "v2"]), settled=st.booleans()),
)
MEDDLING = st.builds(
    Meddling,
    changed=st.dictionaries(
        st.sampled_from([*KEYS, "theirs"]), st.none() | VALUES.map(str.encode), max_size=3
    ),
    shared=st.frozensets(st.sampled_from(KEYS), max_size=2),
    state_lost=st.booleans(),
    wiped=st.booleans(),
)


@given(ENTRIES, MEDDLING, ENTRIES)
def test_a_plan_carried_out_gives_exactly_the_entries(
    written: Mapping[str, Written], meddling: Meddling, entries: Mapping[str, Written]
) -> None:
    """After the plan the Secret has the entries, and of the rest only what others put there."""
    cluster = cluster_with(written)
    meddling.do(cluster)
    before = standing(cluster)
    theirs = {k: v for k, v in before.data.items() if k not in before.ours | entries.keys()}
    plan = plan_for(before, content(entries))
    carry_out(cluster, plan)
    after = {key: each.value for key, each in entries.items()}
    assert cluster.data(TARGET) == theirs | after
    kept = standing(cluster)
    assert not kept.drifted
    if plan or entries:
        assert kept.records == records_of(entries)


@given(ENTRIES, MEDDLING, ENTRIES)
def test_a_plan_is_empty_exactly_when_in_step(
    written: Mapping[str, Written], meddling: Meddling, entries: Mapping[str, Written]
) -> None:
    """Carrying a plan out leaves an empty plan, and an empty plan's Secret is as desired."""
    cluster = cluster_with(written)
    meddling.do(cluster)
    before = standing(cluster)
    plan = plan_for(before, content(entries))
    if not plan:
        assert before.ours == entries.keys()
        assert all(before.data[key] == each.value for key, each in entries.items())
    carry_out(cluster, plan)
    again = plan_for(standing(cluster), content(entries), LATER)
    assert not again
    assert again == Plan()


@given(ENTRIES, MEDDLING, ENTRIES)
def test_changes_tell_what_happens_to_each_key(
    written: Mapping[str, Written], meddling: Meddling, entries: Mapping[str, Written]
) -> None:
    """Each key whose bytes will differ has one change, sorted, whatever the entries' order."""
    cluster = cluster_with(written)
    meddling.do(cluster)
    before = dict(cluster.data(TARGET))
    plan = plan_for(standing(cluster), content(entries))
    turned = dict(reversed(list(entries.items())))
    assert plan_for(standing(cluster), content(turned)) == plan
    acts = {change.key: change.action for change in plan.changes}
    carry_out(cluster, plan)
    after = cluster.data(TARGET)
    assert len(acts) == len(plan.changes)
    assert list(plan.changes) == sorted(plan.changes)
    for key in before.keys() | after.keys():
        if before.get(key) != after.get(key):
            assert key in acts
    assert {
        key for key, act in acts.items() if act is Action.REMOVE
    } == before.keys() - after.keys()


def test_carried_records_are_kept_and_their_keys_left_alone() -> None:
    """A key that was not looked at keeps its record, and whatever is there of it stays."""
    cluster = cluster_with({"a": entry("x"), "b": entry("y")})
    cluster.edit(TARGET, {("data", "b"): b"tampered"})
    carried = records_of({"b": entry("y")})
    carry_out(cluster, plan_for(standing(cluster), content({"a": entry("new", "v2")}, carried)))
    assert cluster.data(TARGET) == {"a": b"new", "b": b"tampered"}
    assert standing(cluster).drifted == {"b"}


def test_written_moves_with_the_data_only() -> None:
    """A record that settles is written down and does not move the time of the last change."""
    cluster = cluster_with({"a": entry("x", settled=False)})
    plan = plan_for(standing(cluster), content({"a": entry("x")}), LATER)
    assert plan
    assert plan.changes == ()
    carry_out(cluster, plan)
    state = standing(cluster).state
    assert state is not None
    assert state.written == NOON


@pytest.mark.parametrize("label", sorted(labels_of(TARGET)))
def test_labels_are_repaired(label: str) -> None:
    """A label that was changed or removed is written again, and foreign labels stay."""
    cluster = cluster_with({"a": entry("x")})
    cluster.edit(TARGET, {("label", label): None, ("label", "team"): b"shop"})
    plan = plan_for(standing(cluster), content({"a": entry("x")}))
    assert plan
    carry_out(cluster, plan)
    actual = cluster.read(TARGET, deadline())
    assert actual is not None
    assert actual.labels == {**labels_of(TARGET), "team": "shop"}


def full(size: int) -> Mapping[str, Written]:
    """Return entries of so many bytes in all."""
    return {"a": entry("x" * (size // 2)), "b": entry("x" * (size - size // 2))}


def test_a_secret_holds_a_mebibyte_of_values() -> None:
    """The limit is on all values together, foreign ones included, and removed ones not."""
    absent = ObservedSecret(TARGET, None, None)
    assert plan_for(absent, content(full(MAX_DATA_BYTES)))
    with raises(Permanent, "SecretTooLarge"):
        plan_for(absent, content(full(MAX_DATA_BYTES + 1)))
    cluster = cluster_with({"gone": entry("x" * 1000)})
    assert plan_for(standing(cluster), content(full(MAX_DATA_BYTES)))
    cluster.edit(TARGET, {("data", "theirs"): b"x"})
    with pytest.raises(Permanent):
        plan_for(standing(cluster), content(full(MAX_DATA_BYTES)))


def test_a_secret_has_room_for_so_many_keys() -> None:
    """The keys of others count, and those that go do not."""
    entries = {f"k{number}": Entry(b"") for number in range(MAX_KEYS)}
    cluster = cluster_with({"gone": entry("x")})
    assert plan_for(standing(cluster), DesiredSecret(entries, {}))
    cluster.edit(TARGET, {("data", "theirs"): b"x"})
    with raises(Permanent, "TooManyKeys"):
        plan_for(standing(cluster), DesiredSecret(entries, {}))


def test_what_is_left_stays_whoever_has_it() -> None:
    """A key that no record claims and that is to be left is neither removed nor evicted."""
    cluster = cluster_with({"a": entry("x"), "b": entry("y")})
    cluster.edit(TARGET, {("data", "b"): b"theirs"})
    before = standing(cluster)
    plan = plan_for(before, DesiredSecret({"a": Entry(b"x", "v1")}, {}, left=frozenset({"a", "b"})))
    carry_out(cluster, plan)
    assert cluster.data(TARGET) == {"a": b"x", "b": b"theirs"}


def test_annotations_are_limited_together_with_foreign_ones() -> None:
    """Past 256 KiB of annotations there is a clear error and no half-written Secret."""
    many = {f"{number:04}{'k' * 60}": entry("x", "f" * 32) for number in range(2000)}
    assert plan_for(ObservedSecret(TARGET, None, None), content(many))
    cluster = cluster_with({"a": entry("x")})
    cluster.edit(TARGET, {("annotation", "notes"): b"x" * 100 * 1024})
    with raises(Permanent, "TooManyKeys"):
        plan_for(standing(cluster), content(many))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"type": "kubernetes.io/tls"}, "SecretTypeMismatch"),
        ({"immutable": True}, "SecretImmutable"),
    ],
)
def test_what_the_server_would_refuse_is_refused(how: dict[str, bool | str], reason: str) -> None:
    """Another type and immutability are named before anything is sent, and only if it matters."""
    cluster = cluster_with({"a": entry("x")})
    stored = cluster.secrets[TARGET.place]
    stored.type = str(how.get("type", stored.type))
    stored.immutable = bool(how.get("immutable"))
    assert not plan_for(standing(cluster), content({"a": entry("x")}))
    with raises(Permanent, reason):
        plan_for(standing(cluster), content({"a": entry("y", "v2")}))


@pytest.mark.parametrize(
    ("ours", "gone", "unsafe"),
    [
        (9, 8, False),
        (10, 3, False),
        (10, 4, True),
        (20, 6, False),
        (20, 7, True),
        (11, 3, False),
        (11, 4, True),
    ],
)
def test_the_guard_at_its_bounds(ours: int, gone: int, *, unsafe: bool) -> None:
    """From ten keys of ours on, more than 30 % of them do not go at once; of nine any may."""
    guarded = guarded_secrets({"own": Loss(ours, gone, ())}, listed=1)
    assert guarded == ({"own"} if unsafe else set())


def test_the_guard_takes_an_empty_listing_for_an_accident() -> None:
    """An empty listing takes not even one key."""
    losses = {"own": Loss(3, 1, ()), "other": Loss(3, 0, ())}
    assert guarded_secrets(losses, listed=0) == {"own"}
    assert guarded_secrets(losses, listed=1) == set()


def test_the_guard_looks_at_each_secret_and_at_all_of_them() -> None:
    """One Secret that empties is guarded alone; small losses that are much together all are."""
    emptied = {"own": Loss(100, 1, ()), "other": Loss(30, 30, ())}
    assert guarded_secrets(emptied, listed=99) == {"other"}
    together = {"own": Loss(9, 3, ()), "a": Loss(5, 2, ()), "b": Loss(1, 0, ())}
    assert guarded_secrets(together, listed=99) == {"own", "a"}


BARE = Actual("7", "Opaque", immutable=False, data={}, labels={}, annotations={})


def annotated(vault: str) -> Mapping[str, str]:
    """Return the state annotation of a vault."""
    return {STATE_ANNOTATION: encode(State(vault, int(NOON), {}))}


@pytest.mark.parametrize(
    "actual",
    [
        BARE,
        replace(BARE, labels={"app.kubernetes.io/managed-by": FIELD_MANAGER}),
        replace(BARE, annotations=annotated(VAULT.text)),
        replace(BARE, annotations={STATE_ANNOTATION: "garbage"}),
    ],
    ids=["bare", "our-label", "our-vault", "garbage"],
)
def test_secrets_that_nobody_has_are_adopted(actual: Actual) -> None:
    """What was made by hand, or is ours, is not foreign."""
    refuse_foreign(TARGET, actual)


def test_the_state_that_another_manager_wrote_is_unsettled() -> None:
    """A state that somebody else wrote last is ours by its labels, and each value read anew."""
    cluster = cluster_with({"a": entry("x")})
    text = cluster.secrets[TARGET.place].part("annotation")[STATE_ANNOTATION]
    cluster.edit(TARGET, {("annotation", STATE_ANNOTATION): text.replace(b"v1", b"v9")})
    assert [each.settled for each in standing(cluster).records.values()] == [False]
    label = ("label", "keyvault-sync/stage")
    cluster.edit(TARGET, {label: b"prod"})
    assert standing(cluster).state is None


def test_no_repr_shows_a_value() -> None:
    """Whatever of a plan is printed, values are not."""
    planted = "pl4nted"
    cluster = cluster_with({"a": entry(planted)})
    cluster.edit(TARGET, {("annotation", "note"): planted.encode()})
    before = standing(cluster)
    plan = plan_for(before, content({"a": entry(planted), "b": entry(planted)}))
    shown = f"{before!r} {plan!r} {content({'a': entry(planted)})!r} {before.actual!r}"
    assert planted not in shown
    assert base64.b64encode(planted.encode()).decode() not in shown
