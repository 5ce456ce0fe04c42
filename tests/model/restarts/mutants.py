"""Breakages of the restarts, each at a seam that other code uses, which the model has to catch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sync.adapters.kubernetes.workloads import KubernetesWorkloads
from sync.core.ports import Deadline
from sync.rollout import decision, opting
from sync.rollout.opting import Choice, Reading, Secrets
from sync.rollout.workloads import Place, Workload, Write
from tests.model.mutants import Mutant
from tests.model.restarts import killers


@dataclass(frozen=True, slots=True)
class RestartMutant(Mutant):
    """A breakage of restarts; `sees_pods` is of its history."""

    sees_pods: bool = True


_LIST, _APPLY = KubernetesWorkloads.list, KubernetesWorkloads.apply
_READINGS = opting.readings


def _record_first(
    self: KubernetesWorkloads, workload: Workload, write: Write, deadline: Deadline
) -> None:
    if write.template == workload.restarted_for:
        _APPLY(self, workload, write, deadline)
        return
    _APPLY(self, workload, replace(write, template=workload.restarted_for), deadline)
    recorded = self.read(workload, deadline)
    if recorded is not None:
        _APPLY(self, recorded, write, deadline)


def _record_alone(
    self: KubernetesWorkloads, workload: Workload, write: Write, deadline: Deadline
) -> None:
    if write.template == workload.restarted_for:
        write = replace(write, template=None)
    _APPLY(self, workload, write, deadline)


def _made_long_ago(
    self: KubernetesWorkloads, place: Place, deadline: Deadline
) -> Sequence[Workload]:
    return [replace(each, created=0) for each in _LIST(self, place, deadline)]


def _never_first(workload: Workload, chosen: Choice, secrets: Secrets) -> Iterator[Reading]:
    for each in _READINGS(workload, chosen, secrets):
        count = None if each.count is None else replace(each.count, first=False)
        yield replace(each, count=count)


def _nothing_needed(workload: Workload, chosen: Choice, secrets: Secrets) -> Iterator[Reading]:
    for each in _READINGS(workload, chosen, secrets):
        yield replace(each, needed=False)


MUTANTS = (
    RestartMutant(
        "record first",
        "a workload remembers a change before it is restarted for it",
        ((KubernetesWorkloads, "apply", _record_first),),
        "missed",
        killers.HALF_WRITTEN,
    ),
    RestartMutant(
        "record alone",
        "what is only remembered takes our annotation out of the template",
        ((KubernetesWorkloads, "apply", _record_alone),),
        "caused",
        killers.RELEASED_AFTER_A_RESTART,
    ),
    RestartMutant(
        "creation ignored",
        "a workload that was made after the value is restarted for it",
        ((KubernetesWorkloads, "list", _made_long_ago),),
        "caused",
        killers.DEPLOYED_LATER,
        sees_pods=False,
    ),
    RestartMutant(
        "pods ignored",
        "a workload is restarted although its pods started after the change",
        ((KubernetesWorkloads, "pods", lambda *_: None),),
        "caused",
        killers.RELEASED,
    ),
    RestartMutant(
        "first ignored",
        "pods that waited for a key are restarted once it is there",
        ((decision, "readings", _never_first),),
        "caused",
        killers.WAITED,
    ),
    RestartMutant(
        "needs ignored",
        "a workload is restarted while a key is missing without which its pods do not start",
        ((decision, "readings", _nothing_needed),),
        "whole",
        killers.INCOMPLETE,
    ),
    RestartMutant(
        "no quiet period",
        "a workload is restarted as soon as the Secret is written",
        ((decision, "_AHEAD", 0),),
        "quiet",
        killers.CHANGED,
    ),
)
"""All of them; `docs/proof.md` tells what caught each."""
