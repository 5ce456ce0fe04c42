"""Short histories, each of which only one line of the restarts keeps from breaking a rule."""

from tests.model.actors import Fate
from tests.model.restarts.readers import Form
from tests.model.restarts.steps import Deploy, Look, Release
from tests.model.steps import Set, Step, Tick, Turn

type Killer = tuple[Step, ...]

_KNOWN = (Set(0, "a"), Look(), Tick(70), Deploy("w"), Tick(70), Look(), Tick(70))
"""A workload runs with a value, and remembers its count."""

_AFTER_ITS_FIRST_WRITE = 10

HALF_WRITTEN: Killer = (
    *_KNOWN,
    Set(0, "a"),
    Look(),
    Tick(10),
    Look(fates=((_AFTER_ITS_FIRST_WRITE, Fate.KILL),)),
)
"""The instance that restarts a workload dies after its first write to it."""

DEPLOYED_LATER: Killer = (*_KNOWN[:2], Set(0, "a"), *_KNOWN[1:])
"""A workload is made after the value that it reads."""

RELEASED: Killer = (*_KNOWN, Set(0, "a"), Look(), Tick(10), Release("w"), Tick(10), Look())
"""A release has started the pods with the new value."""

RELEASED_AFTER_A_RESTART: Killer = (*_KNOWN, Set(0, "a"), Look(), Tick(10), Look(), *RELEASED[7:])

WAITED: Killer = (Deploy("w"), Tick(10), Set(0, "a"), Look(), Tick(10), Look())
"""The pods wait for the key, and start as soon as it is there."""

INCOMPLETE: Killer = (
    Set(0, "a"),
    Set(0, "b"),
    Look(),
    Tick(70),
    Deploy("w", form=Form.BOTH),
    Tick(70),
    Look(),
    Turn(0, "a", "delete"),
    Set(0, "b"),
    Look(),
    Tick(10),
    Look(),
)
"""A key has changed, and another one is gone without which no new pod starts."""

CHANGED: Killer = (*_KNOWN, Set(0, "a"), Look())
