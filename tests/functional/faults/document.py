"""Writes docs/faults.md from what was observed."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from local.stack import ROOT
from tests.functional.faults.case import Case, Seen
from tests.functional.faults.cell import Trigger

PATH: Path = ROOT / "docs" / "faults.md"

_HEAD = """# Faults

What becomes of each remote call when something goes wrong with it, by each trigger. `make faults`
writes this page from what the app did, in Microsoft's runtime library, against the emulators;
`make test` fails where it does otherwise, there or on a real API server where one is at hand. The
tables that it is held to are written by hand (`tests/functional/faults/expected.py`).

Not tried: a host that the proxy does not know, a name that does not resolve and a certificate out
of date, but for the first call to each server, since all others use the same connection (and Azure
Resource Manager's name is a fixed one, which no test may look up); what happens once, but for the
faults that are marked so, and none for tokens and the search; a status meets what lasts, and for
tokens nothing. No event makes a search here. The log-ins that a kubeconfig brings, and those of
service principals and workload identities, have tests of their own
(`tests/unit/test_cluster_logins.py`, `tests/unit/test_adapter_credential.py`), and so have the
calls that [applications](applications.md) add (`tests/functional/test_application_faults.py`).

Every vault here has changed before the fault: a secret has a new version, so has one that a tag
sends to a further Secret, and one is deleted. Both Secrets hold a foreign key. Whatever the fault:
the app answers events and requests within 30 seconds, and ends a pass before the next is due; it
waits out no Retry-After beyond that but hands it on; foreign keys stay, no key of a live secret is
lost, and no value is told. Once the fault is gone, an event that failed goes through when it is
delivered again, and one pass brings everything in step.

The calls that restart workloads (`SYNC_RESTART`) are no part of these tables: a fault of theirs
fails no event, no pass and no request. Each is tried with the same faults
(`tests/functional/test_restart_faults.py`): the Secret is in step, the workload is told of with the
reason, and the next look restarts it.

| class | event | timer | HTTP |
|---|---|---|---|
| converged | 202 | | 200 |
| transient | 500: delivered again | the others go on, then it fails | 503, Retry-After |
| permanent | 202, logged as error; of a vault that no pass covers 500 | the others go on | 422 |

*As before*: the Secrets are byte by byte what they were. *In part*: what the fault did not meet, or
the event's secret alone, is written. *In step*: everything is. A status
(`GET /api/status?vault=NAME`) that has *told* is 200, and the vault's failure is in its
explanation. *Hang* never answers, *drip* sends a byte of the body a second, *endless head* a header
field. What is marked *once* happens a single time, all else lasts.
[What each reason means](outcomes.md).
"""

_COLUMNS = (Trigger.EVENT, Trigger.TIMER, Trigger.RESYNC, Trigger.STATUS)


def document(cases: Iterable[Case]) -> str:
    """Return the page: a table a call, a row for the faults that end alike."""
    calls: dict[str, dict[str, dict[Trigger, Seen]]] = {}
    for case in cases:
        fault = f"{case.fault}, once" if case.once else case.fault
        calls.setdefault(case.call.name, {}).setdefault(fault, {}).update(case.seen)
    return "".join([_HEAD, *(line for call in calls.items() for line in _table(*call))])


def _table(call: str, faults: Mapping[str, Mapping[Trigger, Seen]]) -> Iterator[str]:
    columns = [each for each in _COLUMNS if any(each in seen for seen in faults.values())]
    yield f"\n## {call[0].upper()}{call[1:]}\n\n"
    yield f"| fault | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}\n"
    rows: dict[tuple[str, ...], list[str]] = {}
    for fault, seen in faults.items():
        ends = tuple(_told(seen[each]) if each in seen else "" for each in columns)
        rows.setdefault(ends, []).append(fault)
    for ends, alike in rows.items():
        yield f"| {'; '.join(alike)} | {' | '.join(ends)} |\n"


def _told(seen: Seen) -> str:
    reason = f" `{seen.reason}`" if seen.reason else ""
    left = f", {seen.left}" if seen.left else ""
    return f"{seen.ended}{reason}{left}"
