"""Histories that once broke a rule, each with what was wrong; they are run as they were."""

from collections.abc import Sequence

import pytest

from tests.model.actors import Fate
from tests.model.steps import (
    Edit,
    Mark,
    Overlay,
    Remove,
    Restore,
    Retag,
    Run,
    Set,
    Step,
    Sweep,
    Tick,
    Together,
    Turn,
    repeat,
)
from tests.model.values import Shape

ORDERS = (("k8s-secret", "orders"),)

KEPT: dict[str, tuple[Step, ...]] = {
    # The own Secret's state was lost, and the tag moved its key before it was known again: the key
    # was taken away before the other Secret had it.
    "moved-by-tag-after-the-state-was-lost": (
        Set(0, "a"),
        Sweep(),
        Mark(0, "", "state"),
        Retag(0, "a", ORDERS),
        Run(0),
    ),
    # The same, and the secret cannot be read under its new tags: nothing tells which keys it had.
    "unread-after-the-state-was-lost": (
        Set(0, "c", Shape.JSON, (("k8s-expand", "json"),)),
        Sweep(),
        Mark(0, "", "state"),
        Retag(0, "c", (*ORDERS, ("k8s-key", "K"))),
        Run(0, fates=((4, Fate.FAIL), (5, Fate.FAIL), (6, Fate.FAIL))),
    ),
    # The same, and another secret has the key that the tag asks for: neither is written, and the
    # first had no key left.
    "clashing-after-the-state-was-lost": (
        Set(0, "a"),
        Set(0, "b"),
        Run(0),
        Mark(0, "", "state"),
        Retag(0, "a", (("k8s-key", "b"),)),
    ),
    # Whose a key was is not known any more, and another secret is wrong: it may be that one's, and
    # stays until that is mended. This the model had to learn, not the sync.
    "disabled-after-the-state-was-lost": (
        Set(0, "a"),
        Set(0, "b", Shape.PLAIN, (("k8s-ky", "K"),)),
        Run(0),
        Mark(0, "", "state"),
        Turn(0, "a", "disable"),
    ),
    # Two claimed a key, one has moved away since and the other has lost its tags: the key stays.
    # This, too, the model had to learn.
    "left-by-one-of-two-that-claimed-it": (
        Set(0, "a"),
        Set(0, "b"),
        Run(0),
        Set(0, "a", Shape.PLAIN, (("k8s-key", "b"),)),
        Run(0),
        Set(0, "a"),
        Set(0, "b", Shape.PLAIN, (("k8s-key", "K"),)),
    ),
    # Left out and brought in again within one second, and a listing that lags: it may be either.
    # This, too, the model had to learn.
    "out-and-in-within-one-second": (
        Set(0, "a", Shape.PLAIN, (("k8s-sync", "false"),)),
        Set(0, "a"),
        Run(0),
        Run(0, fates=((1, Fate.LAG),)),
    ),
    # A listing that had not heard of the newest version said what was before: disabled.
    "listed-as-it-was-before": (
        Set(0, "a"),
        Turn(0, "a", "disable"),
        Tick(5),
        Set(0, "a"),
        Run(0),
        Run(0, fates=((1, Fate.LAG),)),
    ),
    # A get that had not heard of it was refused, since the former version is disabled.
    "served-as-it-was-before": (
        Set(0, "a"),
        Turn(0, "a", "disable"),
        Tick(5),
        Set(0, "a"),
        Run(0),
        Run(0, fates=((2, Fate.LAG),)),
    ),
    # A listing lacked a new secret, one key of which somebody had changed: the others went.
    "not-listed-yet-and-edited": (
        Set(0, "b"),
        Tick(70),
        Set(0, "a", Shape.JSON, (("k8s-expand", "json"),)),
        Run(0),
        Edit(0, "", "A"),
        Run(0, fates=((1, Fate.LAG),)),
    ),
    # Of two versions of one second a lagging get served the older one, which was taken as settled.
    "older-of-one-second-served": (
        Set(0, "c"),
        Set(0, "c"),
        Run(0),
        Tick(4),
        Run(0, secret="c", fates=((1, Fate.LAG),)),
    ),
    # Somebody applied a key as stringData, which shows for a minute after our next write: that was
    # an event's, of another key, and took the value along as ours.
    "overlaid-and-written-with-another-key": (
        Set(0, "a"),
        Set(0, "b"),
        Tick(10),
        Sweep(),
        Overlay(0, "", "a"),
        Tick(70),
        Set(0, "b"),
        Run(0, event=-1),
    ),
    # Somebody's key was there as stringData, so that nobody had it in `data`: with our last key the
    # emulator took all of `data` along, which no server does.
    "last-key-beside-string-data": (
        Set(0, "a"),
        Set(0, "b", tags=ORDERS),
        Run(0),
        Overlay(0, "", "foreign-1"),
        Turn(0, "a", "delete"),
        Run(0),
    ),
    # So it did at the next write, whose `data` was empty.
    "no-key-beside-string-data": (
        Set(0, "a"),
        Run(0),
        Overlay(0, "", "foreign-1"),
        Turn(0, "a", "disable"),
        Sweep(),
        Mark(0, "", "claim"),
    ),
    # The state was lost, and a listing lagged: the only key of a live secret was taken for a
    # deleted one's.
    "lost-state-and-a-lagging-listing": (
        Set(0, "b"),
        Tick(100),
        Set(0, "a"),
        Run(0),
        Mark(0, "", "state"),
        Run(0, fates=((1, Fate.LAG),)),
    ),
    # A tag renamed a key while the state was lost, and the next version lost that tag. It is
    # refused and would become the old key, which no record claimed any more.
    "renamed-without-state-and-back": (
        Set(0, "a"),
        Run(0),
        Set(0, "a", tags=(("k8s-key", "K"),)),
        Mark(0, "", "state"),
        Run(0),
        Set(0, "a"),
    ),
    # The state was lost, and two secrets asked for one key: an event of the one was written over
    # the other's last good value, which no record claimed any more.
    "clash-without-state": (
        Set(0, "a"),
        Set(0, "b"),
        Run(0),
        Mark(0, "", "state"),
        Set(0, "a", tags=(("k8s-key", "b"),)),
        Run(0),
        Run(0, event=-1),
    ),
    # The server ignores the resourceVersion of a Secret that is gone: a plan for what was there
    # made it anew.
    "deleted-between-read-and-write": (
        Set(0, "a"),
        Sweep(),
        Set(0, "b"),
        Together((Run(0), Remove(0, "")), (0, 0, 0, 0, 1)),
    ),
    # Of two versions that wait the first became valid, and nothing looked for it: only the time of
    # the newest was remembered.
    "valid-while-a-newer-one-waits": (
        Set(0, "a"),
        Run(0),
        Set(0, "b", wait=5),
        Tick(4),
        Sweep(),
        Set(0, "b", wait=10_000),
        Sweep(),
    ),
    # The vault is empty and the state lost: removals are asked for before the keys that no record
    # claims may go, and have to be asked for again. This, too, the model had to learn.
    "emptied-and-the-state-lost": (
        Set(0, "a"),
        Run(0),
        Turn(0, "a", "delete"),
        Mark(0, "", "state"),
    ),
    # A restored Secret gets a renamed key by an eviction, and another secret claims that key before
    # the apply: nothing recorded whose it was, and the other one took it.
    "claimed-between-eviction-and-apply": (
        Set(0, "a"),
        Run(0),
        Set(0, "a", tags=(("k8s-key", "b"),)),
        Restore(0, "", "velero-server", "lost", -1),
        Together(
            (Run(0, event=-1, fates=((1, Fate.KILL),)), Run(0, event=-1), Set(0, "b")),
            (0, 0, 0, 0, 0, 0, 1, 0),
        ),
        Run(0, event=-1),
    ),
    "claimed-after-an-eviction-without-its-apply": (
        Set(0, "a"),
        Run(0),
        Set(0, "a", tags=(("k8s-key", "b"),)),
        Restore(0, "", "velero-server", "lost", -1),
        Run(0, event=-1, fates=((3, Fate.KILL),)),
        Set(0, "b"),
        Run(0, event=-1),
    ),
    # A Secret comes back without managed fields, and an eviction sets a renamed key: nothing showed
    # that, so that the key had no count.
    "counted-after-an-eviction-without-managed-fields": (
        Set(0, "a"),
        Run(0),
        Restore(0, "", "kubectl-create", "none", -1),
        Set(0, "a", tags=(("k8s-key", "K"),)),
        Edit(0, "", "a"),
        Run(0),
    ),
    # The version that stood in was refused, and the refusal was taken for the newer one's: that one
    # was not read when it became valid.
    "valid-after-what-stood-in-was-refused": (
        Set(0, "b"),
        Run(0),
        Retag(0, "b", (("k8s-expand", "certificate"),)),
        Set(0, "b", tags=(("k8s-key", "K"),), wait=5),
        Tick(4),
        Sweep(),
    ),
    # The same of two versions that wait, of which the first became valid.
    "valid-while-another-waits-after-a-refusal": (
        Set(0, "b"),
        Run(0),
        Retag(0, "b", (("k8s-expand", "certificate"),)),
        Tick(2),
        Set(0, "b", tags=(("k8s-key", "K"),), wait=70),
        Tick(2),
        Set(0, "b", tags=(("k8s-key", "K"),), wait=10_000),
        Tick(10),
        Sweep(),
    ),
}


@pytest.mark.parametrize("steps", KEPT.values(), ids=KEPT.keys())
def test_what_once_broke_a_rule_keeps_all_of_them(steps: Sequence[Step]) -> None:
    """A history that found a defect breaks no rule any more."""
    repeat(steps, vaults=1)
