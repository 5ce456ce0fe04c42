"""What the pods of a workload tell of a change: whether they started before it or after."""

from collections.abc import Sequence

from sync.rollout.workloads import Pod, Workload

SKEW = 5
"""Seconds: a pod that started so soon after a write may have the value before it.

The clocks of the app, of the API server and of the nodes differ a little, and a kubelet takes a
moment to see that a Secret changed.
"""


def all_newer(workload: Workload, pods: Sequence[Pod] | None, at: int) -> bool:
    """Return whether all pods of a workload are seen, and none started before the change."""
    own = _own(workload, pods)
    if pods is None or len(own) < workload.pods:
        return False
    return all(pod.first is None or pod.first > at + SKEW for pod in own)


def has_older(workload: Workload, pods: Sequence[Pod] | None, at: int) -> bool:
    """Return whether a pod of a workload is seen all of which started before the change."""
    return any(pod.last is not None and pod.last < at - SKEW for pod in _own(workload, pods))


def _own(workload: Workload, pods: Sequence[Pod] | None) -> Sequence[Pod]:
    return [pod for pod in pods or () if workload.selector.selects(pod.labels)]
