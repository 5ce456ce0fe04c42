"""Short histories, each of which only one line of the product keeps from breaking a rule."""

from tests.model.actors import Fate
from tests.model.steps import (
    Edit,
    Mark,
    Outage,
    Overlay,
    Quirk,
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
)
from tests.model.values import Shape

type Killer = tuple[Step, ...]

ORDERS = (("k8s-secret", "orders"),)

_KNOWN = (Set(0, "a"), Run(0))
_FIRST_UP_TO_ITS_WRITE = (0, 0, 0)
_THE_OTHER_WHOLE = (1, 1, 1, 1)

RACE: Killer = (
    *_KNOWN,
    Set(0, "a"),
    Together((Run(0), Run(0), Set(0, "a")), (*_FIRST_UP_TO_ITS_WRITE, 2, *_THE_OTHER_WHOLE)),
)
"""One instance has read the vault, a newer value is set and written by another one."""

VAULT_FIRST: Killer = (*RACE[:-1], Together((Run(0), Run(0), Set(0, "a")), (0, 0, 0, 2, *[1] * 5)))
"""The same, with one call more of whoever reads the Secret last."""

RACE_TO_CREATE: Killer = (
    Set(0, "a"),
    Together((Run(0), Run(0), Set(0, "a")), (*_FIRST_UP_TO_ITS_WRITE, 2, *_THE_OTHER_WHOLE)),
)

LOST_RACE: Killer = (
    *_KNOWN,
    Set(0, "a"),
    Together((Run(0), Edit(0, "", "foreign-1")), (*_FIRST_UP_TO_ITS_WRITE, 1)),
)

DELETED: Killer = (
    *_KNOWN,
    Set(0, "b"),
    Together((Run(0), Remove(0, "")), (0, 0, 0, 0, 1)),
)

SAME_SECOND: Killer = (*_KNOWN, Set(0, "a"), Tick(10), Run(0))

LAG: Killer = (*_KNOWN, Tick(1), Set(0, "a"), Run(0), Run(0, fates=((2, Fate.LAG),)))

LATE_EVENT: Killer = (
    Set(0, "a"),
    Tick(1),
    Set(0, "a"),
    Run(event=1),
    Tick(70),
    Run(event=0),
)

VAULT_DOWN: Killer = (*_KNOWN, Tick(70), Outage(0), Run(0, removals=True))

GET_FAILS: Killer = (
    Set(0, "b"),
    Tick(100),
    Set(0, "a"),
    Run(0),
    Run(0, fates=((1, Fate.LAG), (2, Fate.FAIL), (3, Fate.FAIL), (4, Fate.FAIL))),
)
"""A listing lacks a secret that is in, and the vault answers no get for it."""

LISTING_LAGS: Killer = (
    Set(0, "b"),
    Tick(100),
    Set(0, "a"),
    Run(0),
    Run(0, fates=((1, Fate.LAG),)),
)
"""A listing that has not heard of the last minute lacks a secret that is in."""

WRONG_TAG: Killer = (*_KNOWN, Retag(0, "a", (("k8s-sync", "no"),)), Run(0))

MOVE: Killer = (*_KNOWN, Retag(0, "a", ORDERS), Run(0))

_KEY = ("k8s-key", "K")
_ITS_LAST_WRITE = 8

MOVED_BACK: Killer = (
    Set(0, "c"),
    Set(0, "a", tags=(*ORDERS, _KEY)),
    Set(0, "b", tags=ORDERS),
    Tick(10),
    Run(0),
    Tick(70),
    Retag(0, "a", (_KEY,)),
    Tick(10),
    Run(0, fates=((_ITS_LAST_WRITE, Fate.FAIL),)),
    Tick(10),
    Together(
        (Run(0), Run(0), Retag(0, "a", (*ORDERS, _KEY))),
        (0, 0, 0, 2, 1, 1, 1, 1, 0, 1, 1, 1, 1),
    ),
)
"""Half a move is done. One instance is about to end it, the tag is taken back, and another one has
read both Secrets before the first one writes."""

MOVE_WITHOUT_STATE: Killer = (*_KNOWN, Mark(0, "", "state"), Retag(0, "a", ORDERS), Run(0))

LEFT_IN_OTHER: Killer = (*_KNOWN, Set(0, "b", tags=ORDERS), Run(0), Turn(0, "b", "delete"))

CLASH: Killer = (*_KNOWN, Set(0, "b", tags=(("k8s-key", "a"),)), Run(0))

DRIFT: Killer = (*_KNOWN, Tick(10), Sweep(), Edit(0, "", "a"))

OVERLAID: Killer = (*_KNOWN, Tick(10), Sweep(), Overlay(0, "", "a"))

EMPTIED: Killer = (*_KNOWN, Turn(0, "a", "delete"), Run(0))

LINKED: Killer = (*_KNOWN, Mark(0, "", "link"), Set(0, "a"), Run(0))

CLAIMED: Killer = (*_KNOWN, Mark(0, "", "claim"), Set(0, "a"), Run(0))

DRY_RUN: Killer = (Set(0, "a"), Run(0, dry_run=True))

TWO_SPELLINGS: Killer = (Quirk(0), Set(0, "a"))

WAITS: Killer = (*_KNOWN, Tick(1), Set(0, "a", wait=10_000), Tick(10), Run(0))

BECOMES_VALID: Killer = (*_KNOWN, Tick(1), Set(0, "a", wait=70), Tick(10), Run(0))
"""By the end its time has come."""

PENDING: Killer = (
    Set(0, "a", Shape.CERTIFICATE),
    Run(0),
    Tick(1),
    Set(0, "a", Shape.CERTIFICATE),
    Turn(0, "a", "disable"),
    Tick(10),
    Run(0),
)

EVICTED: Killer = (
    *_KNOWN,
    Set(0, "a", tags=(_KEY,)),
    Restore(0, "", "velero-server", "lost", -1),
    Run(0),
)
"""A restored Secret has another manager, so the old key is evicted, and the new one is set with it,
before the apply that records it."""

CHANGED_AT_ONCE: Killer = (*_KNOWN, Set(0, "a"), Run(0))

MADE_ANEW: Killer = (*_KNOWN, Tick(10), Remove(0, ""), Set(0, "a"), Run(0))
