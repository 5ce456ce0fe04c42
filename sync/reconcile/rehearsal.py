"""A cluster that only records writes: a dry run is a normal run over it.

The API server is asked, by a dry run of its own, whether it would accept the first write of each
Secret: a missing namespace, missing rights and an admission policy show in no other way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync.core.model import FIELD_MANAGER, Actual, Desired, Target
from sync.core.ports import NO_VALUES, Cluster, Deadline


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Wraps another Cluster: reads go to it, writes stay here."""

    cluster: Cluster
    _written: dict[tuple[str, str, str], Actual] = field(default_factory=dict)
    _read: dict[tuple[str, str, str], Actual | None] = field(default_factory=dict)

    def read(self, target: Target, deadline: Deadline) -> Actual | None:
        """Return the Secret as it would be after the recorded writes."""
        if target.place in self._written:
            return self._written[target.place]
        actual = self._read[target.place] = self.cluster.read(target, deadline)
        return actual

    def apply(
        self,
        target: Target,
        desired: Desired,
        resource_version: str,
        deadline: Deadline,
        *,
        dry_run: bool = True,
    ) -> None:
        """Record the result of a server-side apply that the API server would accept."""
        del dry_run  # it always is one
        if target.place not in self._written:
            self.cluster.apply(target, desired, resource_version, deadline, dry_run=True)
        before = self._now(target) or Actual("", desired.type, immutable=False)
        mine_alone = before.owned - before.owned_by_others
        data = {key: value for key, value in before.data.items() if key not in mine_alone}
        data |= desired.data
        self._written[target.place] = replace(
            before,
            resource_version=f"{resource_version}+",
            data=data,
            labels={
                **{k: v for k, v in before.labels.items() if k not in before.owned_labels},
                **desired.labels,
            },
            annotations={
                **{
                    k: v for k, v in before.annotations.items() if k not in before.owned_annotations
                },
                **desired.annotations,
            },
            owned=frozenset(desired.data),
            owned_by_others=frozenset(
                key for key in before.owned_by_others if before.data.get(key) == data.get(key)
            ),
            overlaid=frozenset(),
            owns_state=True,
            owned_labels=frozenset(desired.labels),
            owned_annotations=frozenset(desired.annotations),
        )

    def evict(  # noqa: PLR0913 - a write, its precondition and what it does
        self,
        target: Target,
        keys: frozenset[str],
        resource_version: str,
        deadline: Deadline,
        *,
        values: Mapping[str, bytes] = NO_VALUES,
        dry_run: bool = True,
    ) -> None:
        """Record the removal of these keys, and the new values, that the server would accept."""
        del dry_run  # likewise
        if target.place not in self._written:
            self.cluster.evict(
                target, keys, resource_version, deadline, values=values, dry_run=True
            )
        before = self._now(target)
        if before is not None:
            self._written[target.place] = replace(
                before,
                resource_version=f"{resource_version}+",
                data={k: v for k, v in {**before.data, **values}.items() if k not in keys},
                owned=before.owned - keys - values.keys(),
                owned_by_others=(before.owned_by_others | values.keys()) - keys,
                holders={**before.holders, **dict.fromkeys(values, (FIELD_MANAGER,))},
            )

    def _now(self, target: Target) -> Actual | None:
        return self._written.get(target.place) or self._read.get(target.place)
