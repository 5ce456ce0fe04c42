"""Which change restarts which workload, which is only remembered, and what is told instead."""

from dataclasses import replace

import pytest

from sync.core.changes import Count, SyncedSecret
from sync.core.reasons import Reason
from sync.core.restarts import RestartRules, Scope
from sync.rollout.decision import Decision, Moment, decide, needs_pods
from sync.rollout.record import Record, parse, restarted_for
from sync.rollout.selector import Requirement, Selector
from sync.rollout.uses import Use
from sync.rollout.workloads import Kind, Pod, Progress, Workload
from tests.kit.workloads import env, secret, workload

_ANNOTATED = RestartRules(Scope.ANNOTATED)
_ALL = RestartRules(Scope.ALL)
_NOW = 2000
_READS = env("orders", "a")


def _decided(
    reader: Workload,
    synced: SyncedSecret,
    rules: RestartRules = _ANNOTATED,
    pods: list[Pod] | None = None,
    now: float = _NOW,
) -> Decision | None:
    return decide(reader, {synced.name: synced}, Moment(now, rules, pods))


def _remembers(reader: Workload, at: int = 0, **counts: int) -> Workload:
    return replace(reader, record=Record({"orders": counts}, at))


def _restarts(*args: object, **more: object) -> bool:
    done = _decided(*args, **more)  # type: ignore[arg-type]
    return done is not None and done.restarts


def _reason(*args: object, **more: object) -> Reason | None:
    done = _decided(*args, **more)  # type: ignore[arg-type]
    assert done is not None
    return done.error.reason if done.error else None


def test_a_changed_value_restarts_its_reader_once() -> None:
    """The record that the restart writes is equal to the counts."""
    reader = _remembers(workload("web", _READS), a=1000)
    done = _decided(reader, secret(a=1500))
    assert done is not None
    assert done.restarts
    write = done.write(_NOW)
    assert write.template == "orders/a@1500"
    after = replace(reader, record=parse(write.record))
    assert after.record == Record({"orders": {"a": 1500}}, _NOW)
    assert _decided(after, secret(a=1500)) is None


def test_nothing_happens_for_the_same_count() -> None:
    """A new version with the same value moves no count."""
    assert _decided(_remembers(workload("web", _READS), a=1500), secret(a=1500)) is None


def test_a_count_that_was_read_earlier_restarts_nothing() -> None:
    """A pass may still hold the count from before an event's restart."""
    assert _decided(_remembers(workload("web", _READS), a=1500), secret(a=1000)) is None


def test_a_neighbour_is_left_alone() -> None:
    """It reads another key of the same Secret."""
    assert _decided(_remembers(workload("web", env("orders", "b"))), secret(a=1500, b=None)) is None


def test_a_key_that_is_not_counted_restarts_nothing() -> None:
    """Switching the feature on restarts nothing."""
    assert _decided(workload("web", _READS), secret(a=None)) is None


def test_a_removed_key_restarts_nothing_and_is_remembered() -> None:
    """Running pods still have it: if it comes back with another value, they are restarted."""
    reader = _remembers(workload("web", Use("orders", None, optional=True)), a=1000, b=1000)
    assert _decided(reader, secret(b=1000)) is None
    done = _decided(replace(reader, created=1900), secret(b=1500))
    assert done is not None
    assert done.counts == {"orders": {"a": 1000, "b": 1500}}
    assert _restarts(reader, secret(a=Count(1600, first=True), b=1000))


@pytest.mark.parametrize(
    ("use", "restarts"),
    [
        (Use("orders", "a"), False),
        (Use("orders", "a", live=True), False),
        (Use("orders", "a", optional=True), True),
        (Use("orders", None), True),
        (Use("orders", None, live=True), True),
    ],
)
def test_a_first_value_restarts_readers_that_run_without_it(use: Use, *, restarts: bool) -> None:
    """The pods of the others have waited for it."""
    assert _restarts(workload("web", use), secret(a=Count(1500, first=True))) is restarts
    assert _decided(workload("web", use), secret(a=Count(1500, first=True))) is not None


@pytest.mark.parametrize(
    ("pods", "restarts"),
    [
        (None, False),
        ([Pod({"app": "web"}, None, None)], False),
        ([Pod({"app": "web"}, 1506, 1506)], False),
        ([Pod({"app": "web"}, 1496, 1496)], False),
        ([Pod({"app": "web"}, 1494, 1494)], True),
        ([Pod({"app": "api"}, 1494, 1494)], False),
        ([Pod({"app": "web"}, 1400, 1506)], False),
        ([Pod({"app": "web"}, 1400, None)], False),
    ],
)
def test_pods_that_run_have_not_waited_for_a_first_value(
    pods: list[Pod] | None, *, restarts: bool
) -> None:
    """The Secret was deleted and made anew before the workload remembered any count."""
    first = secret(a=Count(1500, first=True))
    assert _restarts(workload("web", _READS), first, pods=pods) is restarts
    assert needs_pods(_decided(workload("web", _READS), first))


def test_a_key_that_came_back_restarts_who_knows_another_value() -> None:
    """A Secret that was deleted and made anew has first values, and pods with the old ones."""
    reader = _remembers(workload("web", _READS), a=1000)
    assert _restarts(reader, secret(a=Count(1500, first=True)))


@pytest.mark.parametrize(("created", "restarts"), [(1499, True), (1500, True), (1501, False)])
def test_a_workload_made_after_the_change_is_only_recorded(created: int, *, restarts: bool) -> None:
    """Its pods took the new value."""
    assert _restarts(workload("web", _READS, created=created), secret(a=1500)) is restarts


def test_a_workload_without_pods_is_only_recorded() -> None:
    """Its next pods take the new value."""
    assert not _restarts(replace(workload("web", _READS), replicas=0), secret(a=1500))


@pytest.mark.parametrize(
    ("pods", "restarts"),
    [
        (None, True),
        ([], True),
        ([Pod({"app": "web"}, 1504, 1504)], True),
        ([Pod({"app": "web"}, 1506, 1506)], False),
        ([Pod({"app": "web"}, None, None)], False),
        ([Pod({"app": "web"}, 1506, 1506), Pod({"app": "web"}, 1400, 1400)], True),
        ([Pod({"app": "web"}, 1506, 1506), Pod({"app": "api"}, 1400, 1400)], False),
    ],
)
def test_pods_that_all_started_after_the_change_need_no_restart(
    pods: list[Pod] | None, *, restarts: bool
) -> None:
    """A release, or an undo, has started them; a few seconds are too few to be sure."""
    assert _restarts(workload("web", _READS), secret(a=1500), pods=pods) is restarts


def test_a_lost_record_is_found_again() -> None:
    """Where pods are not seen it restarts once; the template's text is the same as before."""
    reader = _remembers(workload("web", _READS), a=1000)
    done = _decided(reader, secret(a=1500))
    assert done is not None
    restarted = done.write(_NOW).template
    again = _decided(workload("web", _READS), secret(a=1500))
    assert again is not None
    assert again.write(_NOW + 100).template == restarted


@pytest.mark.parametrize(
    ("own", "template", "rules", "restarts"),
    [
        ({}, {}, _ANNOTATED, False),
        ({}, {}, _ALL, True),
        ({"keyvault-sync/restart": "true"}, {}, _ANNOTATED, True),
        ({}, {"keyvault-sync/restart": "true"}, _ANNOTATED, True),
        ({"keyvault-sync/restart": "true"}, {"keyvault-sync/restart": "false"}, _ALL, False),
        ({"reload/auto": "true"}, {}, _ANNOTATED, False),
        ({"reload/auto": "true"}, {}, replace(_ANNOTATED, annotation="reload/auto"), True),
        ({"reload/auto": "false"}, {}, replace(_ANNOTATED, annotation="reload/auto"), False),
        ({}, {"reload/auto": "x, orders"}, replace(_ANNOTATED, annotation="reload/auto"), True),
        ({}, {"reload/auto": "x,y"}, replace(_ANNOTATED, annotation="reload/auto"), False),
        (
            {"reload/auto": "true", "keyvault-sync/restart": "false"},
            {},
            replace(_ANNOTATED, annotation="reload/auto"),
            False,
        ),
    ],
)
def test_workloads_opt_in(
    own: dict[str, str], template: dict[str, str], rules: RestartRules, *, restarts: bool
) -> None:
    """By an annotation of theirs or of their template; `false` always wins."""
    reader = replace(workload("web", _READS), annotations=own, template_annotations=template)
    assert _restarts(reader, secret(a=1500), rules) is restarts


@pytest.mark.parametrize(("live", "restarts"), [(True, False), (False, True)])
def test_env_leaves_out_what_a_running_pod_sees(*, live: bool, restarts: bool) -> None:
    """A file in a volume changes by itself; a variable and a subPath do not."""
    reader = workload("web", Use("orders", "a", live=live), opted="env")
    assert _restarts(reader, secret(a=1500)) is restarts


def test_an_annotation_that_means_nothing_is_told() -> None:
    """Also by a workload that nothing has changed for: it may not stay unnoticed."""
    reader = workload("web", _READS, opted="yes")
    assert _reason(reader, secret(a=None)) is Reason.WORKLOAD_UNREADABLE
    assert _decided(workload("web", env("other", "a"), opted="yes"), secret(a=1500)) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"obstacle": Reason.WORKLOAD_PAUSED}, Reason.WORKLOAD_PAUSED),
        ({"obstacle": Reason.WORKLOAD_ON_DELETE}, Reason.WORKLOAD_ON_DELETE),
        ({"owner": "Service.serving.knative.dev/web"}, Reason.WORKLOAD_OWNED),
        ({"uses": (_READS, env("orders", "gone"))}, Reason.WORKLOAD_KEY_MISSING),
        ({"uses": (_READS, env("orders", "gone", optional=True))}, None),
    ],
)
def test_what_would_be_no_good_is_told(change: dict[str, object], reason: Reason | None) -> None:
    """No workload is forced, nor restarted into pods that do not start."""
    reader = replace(workload("web", _READS), **change)  # type: ignore[arg-type]
    assert _reason(reader, secret(a=1500)) is reason


def test_an_immutable_secret_is_told() -> None:
    """New pods might get the old values that their node has kept."""
    frozen = replace(secret(a=1500), immutable=True)
    assert _reason(workload("web", _READS), frozen) is Reason.WORKLOAD_SECRET_IMMUTABLE


@pytest.mark.parametrize("owners", [{"Service"}, {"Service.serving.knative.dev"}])
def test_owners_that_keep_the_template_are_named_by_the_settings(owners: set[str]) -> None:
    """By kind, with or without its group."""
    reader = replace(workload("web", _READS), owner="Service.serving.knative.dev/web")
    rules = replace(_ANNOTATED, owners=frozenset(owners))
    assert _reason(reader, secret(a=1500), rules) is None


def test_it_is_quiet_before_a_restart() -> None:
    """The newest change decides, and when to look again is told."""
    reader = workload("web", _READS, env("orders", "b"))
    done = _decided(reader, secret(a=1500, b=1998))
    assert done is not None
    assert (done.error and done.error.reason, done.due) == (Reason.WORKLOAD_WAITS, 2003)
    assert _restarts(reader, secret(a=1500, b=1998), now=2003)
    assert _restarts(reader, secret(a=9000, b=1))  # by a clock that is wrong


def test_a_rollout_of_others_is_waited_for() -> None:
    """Afterwards its pods may be new enough; but not for longer than the deadline."""
    rolling = replace(workload("web", _READS), progress=Progress(replaced=False, complete=False))
    assert _reason(rolling, secret(a=1500)) is Reason.WORKLOAD_WAITS
    assert _restarts(rolling, secret(a=1500), now=2100)
    unready = replace(rolling, progress=Progress(replaced=True, complete=False))
    assert _restarts(unready, secret(a=1500))


def test_a_restart_of_ours_is_overtaken() -> None:
    """The value that mends a broken one does not wait for the broken one's rollout."""
    rolling = replace(
        _remembers(workload("web", _READS), at=1900, a=1890),
        progress=Progress(replaced=False, complete=False),
    )
    assert _restarts(rolling, secret(a=1990))


def test_windows_hold_restarts_back_and_no_records() -> None:
    """A workload that only remembers changes nothing that anybody would notice."""
    shut = Moment(_NOW, _ANNOTATED, open=False)
    synced = {"orders": secret(a=1500)}
    done = decide(workload("web", _READS), synced, shut)
    assert done is not None
    assert done.error is not None
    assert done.error.reason is Reason.WORKLOAD_OUTSIDE_WINDOW
    new = decide(workload("web", _READS, created=1600), synced, shut)
    assert new is not None
    assert new.error is None


def test_a_record_keeps_our_part_of_the_template() -> None:
    """An apply that left it out would remove it, and restart the pods."""
    reader = replace(
        _remembers(workload("web", _READS, created=1900), at=1200, a=1100),
        template_annotations={"keyvault-sync/restarted-for": "orders/a@1100"},
    )
    done = _decided(reader, secret(a=1500))
    assert done is not None
    write = done.write(_NOW)
    assert write.template == "orders/a@1100"
    assert parse(write.record) == Record({"orders": {"a": 1500}}, 1200)


def test_secrets_that_were_not_visited_are_remembered_while_they_are_used() -> None:
    """An event visits the Secrets of one vault."""
    reader = replace(
        workload("web", _READS, env("other", "x")),
        record=Record({"orders": {"a": 1000}, "other": {"x": 7}, "unused": {"y": 8}}),
    )
    done = _decided(reader, secret(a=1500))
    assert done is not None
    assert done.counts == {"orders": {"a": 1500}, "other": {"x": 7}}


def test_an_argo_rollout_is_restarted_by_its_field() -> None:
    """A changed template would begin a canary, and leave stable pods with the old value."""
    reader = workload("web", _READS, kind=Kind.ROLLOUT)
    done = _decided(reader, secret(a=1500))
    assert done is not None
    write = done.write(_NOW)
    assert (write.template, write.restart_at) == (None, "1970-01-01T00:25:05Z")
    later = replace(reader, restart_at="1999-01-01T00:00:00Z")
    done = _decided(later, secret(a=1500))
    assert done is not None
    assert done.write(_NOW).restart_at == "1999-01-01T00:00:00Z"


def test_a_workload_that_reads_too_much_is_told() -> None:
    """Its annotation has an end."""
    counts = {f"k{n}-{'x' * 200}": Count(1500) for n in range(400)}
    many = SyncedSecret("orders", frozenset(counts), counts)
    reader = workload("web", Use("orders", None))
    assert _reason(reader, many) is Reason.WORKLOAD_TOO_LARGE
    assert _decided(replace(reader, created=1600), many) is None


def test_the_templates_text_is_short_and_of_the_newest_changes() -> None:
    """It is copied to every pod."""
    reader = workload("web", Use("orders", None))
    counts = {f"k{n:03}": Count(1000 + n) for n in range(100)}
    done = _decided(reader, SyncedSecret("orders", frozenset(counts), counts))
    assert done is not None
    assert restarted_for(done.changed).startswith("orders/k099@1099,orders/k098@1098")
    assert restarted_for(done.changed).endswith(" and 92 more")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"counts":{}}',
        '{"counts":1,"at":0}',
        '{"counts":{"a":1},"at":0}',
        '{"counts":{"a":{"b":"c"}},"at":0}',
        '{"counts":{"a":{"b":true}},"at":0}',
        '{"counts":{},"at":-1}',
        "[" * 9999,
    ],
)
def test_a_record_that_somebody_broke_is_none(text: str) -> None:
    """It counts as lost."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("requirement", "labels", "admitted"),
    [
        (Requirement("a", "In", frozenset({"1"})), {"a": "1"}, True),
        (Requirement("a", "In", frozenset({"1"})), {}, False),
        (Requirement("a", "NotIn", frozenset({"1"})), {}, True),
        (Requirement("a", "Exists"), {"a": "2"}, True),
        (Requirement("a", "DoesNotExist"), {"a": "2"}, False),
        (Requirement("a", "Later"), {"a": "2"}, False),
    ],
)
def test_selectors_find_pods(
    requirement: Requirement, labels: dict[str, str], *, admitted: bool
) -> None:
    """As the API server's do; one without any requirement finds none."""
    assert Selector({}, (requirement,)).selects(labels) is admitted
    assert not Selector().selects(labels)
