"""`python -m tests.model prove` runs many histories, `mutants` shows that broken code is caught."""

import sys
import time
from tests.model.machine import TALLY, explore
from tests.model.mutants import MUTANTS
from tests.model.world import Broken

def survive(mutant, histories):
    TALLY.__init__()
    began=time.perf_counter()
    with mutant.alive():
        try:
            explore(histories, shrink=False, seed=None)
        except Broken as b:
            pass
        except Exception as e:
            print(type(e), str(e)[:300])
    print(f"{mutant.name:26} {TALLY.broken and TALLY.broken.rule!s:10} {TALLY.histories:5} {time.perf_counter()-began:6.1f}s  {str(TALLY.broken)[:110]}", flush=True)

for m in MUTANTS:
    if len(sys.argv)<3 or sys.argv[2] in m.name:
        survive(m, int(sys.argv[1]))
