"""Short histories, each of which only one line of the applications keeps from breaking a rule."""

from tests.model.applications.steps import Declare, Erase, Pass
from tests.model.steps import Set, Step, Tick

type Killer = tuple[Step, ...]

CREATED: Killer = (Set(0, "a"), Declare("web", ("a",)), Pass())
"""An application gets its Secret."""

MADE_ANEW: Killer = (
    *CREATED,
    Tick(10),
    Erase("web"),
    Pass(instance=1),
    Declare("web", ("a",)),
    Pass(),
    Tick(10),
    Pass(instance=1, late=True),
)
"""An instance goes on with a list from before the object was made anew."""

LISTS_NOTHING: Killer = (*CREATED, Tick(10), Declare("web", ()), Pass())
"""Nothing is listed any more, which a wrong path would look like."""

HELD: Killer = (*CREATED, Tick(10), Erase("web", how="held"), Pass())
"""The object is being deleted, and still there."""
