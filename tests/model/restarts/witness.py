"""The rules of restarts: what holds at every write to a workload, and at the end."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from local.kubernetes.documents import Document, child, text, texts
from local.kubernetes.kinds import SECRET as SECRET_KIND
from local.kubernetes.store import Change
from tests.model.actors import Actor
from tests.model.counts import Counted, counts
from tests.model.inside import Sent
from tests.model.real import CLUSTER_HOST
from tests.model.restarts.kubelet import Kubelet, Running
from tests.model.restarts.readers import KEY, KINDS, SECRET
from tests.model.watch import Watch
from tests.model.world import Broken, World

RECORD = "keyvault-sync/restart-state"
RESTARTED = "keyvault-sync/restarted-for"
SKEW_SECONDS = 5
QUIET_SECONDS = 5

RULES = {
    "caused": "no workload is restarted without a value that changed after its pods started",
    "once": "no workload is restarted twice for one change",
    "asked": "a workload that has not asked for it is not written",
    "whole": "no workload is restarted while a key is missing without which no pod starts",
    "quiet": "no workload is restarted sooner than five seconds after the change",
    "alone": "nothing of a workload is written but the two annotations",
    "missed": "in the end every reader that asks for it runs with the present values",
    "settled": "in the end a pass writes no workload",
}
"""The rules by name, beside those of the Secrets."""


class Witness(Watch):
    """Looks at each write to a workload, beside those to Secrets; `sees_pods` is the app's right.

    A rule that a decision has to keep is held against all that was so since its instance looked.
    """

    def __init__(self, world: World, *, sees_pods: bool) -> None:
        super().__init__(world)
        self.kubelet = Kubelet(world, world.kept[0].namespace)
        self._sees_pods = sees_pods
        self._ticks = 0
        self._began: dict[int, int] = {}
        self._caused: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        self._restarted: defaultdict[str, set[str]] = defaultdict(set)

    def begins(self, actor: Actor) -> None:
        """Note that an instance begins to look."""
        self.note()
        self._began[id(actor)] = self._ticks

    def note(self) -> None:
        """Note of each workload whether a restart would keep the rules at this moment."""
        self._ticks += 1
        world, namespace = self._world, self.kubelet.namespace
        data = world.data(namespace, SECRET)
        for uid, running in self.kubelet.running.items():
            if not running.reader.form.value.needed or KEY in data:
                self._whole[uid] = self._ticks
            if any(self._causes(running, data)):
                self._caused[uid] = self._ticks

    def missed(self) -> Iterator[str]:
        """Yield the readers that run with a former value of a key that has a count."""
        world, namespace = self._world, self.kubelet.namespace
        data = world.data(namespace, SECRET)
        counted = counts(world.secret(namespace, SECRET) or {})
        for running in self.kubelet.running.values():
            form = running.reader.form
            if not running.reader.is_restarted or form.value.live:
                continue
            if form.value.needed and KEY not in data:
                continue
            for started, values in running.started:
                for key in form.keys(data) & counted.keys():
                    if form.needs(key) and self._may_have_waited(counted[key], started):
                        continue
                    if values.get(key) != data[key]:
                        yield (
                            f"{running.reader.name} started at {started} with another value of "
                            f"{key}, which changed at {counted[key]}"
                        )

    def _may_have_waited(self, count: Counted, started: float) -> bool:
        """Tell whether nothing shows that a pod ran before a key was made that it needs.

        A Secret was deleted and made anew, and the workload remembers nothing of it.
        """
        seen_before = self._sees_pods and started < count.number - SKEW_SECONDS
        return count.first and not seen_before

    def _asked(self, actor: Actor, sent: Sent) -> None:
        parts = sent.path.split("/")
        if sent.host != CLUSTER_HOST or "secrets" in parts:
            super()._asked(actor, sent)
            return
        plural = next((each for each in parts if each in _PLURALS), "")
        if sent.method == "GET" and plural == "pods":
            self.kubelet.list()
        if not plural or sent.method not in {"GET", "PATCH"} or self.kubelet.namespace not in parts:
            self._break("outside", f"{sent.method} {sent.path} at the cluster")

    def _changed(self, change: Change, actor: Actor | None) -> None:
        if change.kind is SECRET_KIND:
            super()._changed(change, actor)
        elif change.kind.name in KINDS:
            if actor is not None:
                for rule, what in self._faults_of(change, actor):
                    self._break(rule, what)
            elif _record(change.after.bare) != _record(change.before.bare if change.before else {}):
                self._restarted.pop(text(change.after.metadata, "uid"), None)
        else:
            return
        self.kubelet.changed(change)
        self.note()

    def _faults_of(self, change: Change, actor: Actor) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a write of an instance to a workload."""
        before, after = change.before.bare if change.before else {}, change.after.bare
        uid, began = text(change.after.metadata, "uid"), self._began[id(actor)]
        running = self.kubelet.running.get(uid)
        if running is None:
            yield "alone", f"{change.kind.name} {change.after.metadata} is made"
            return
        name = running.reader.name
        running.records.append(texts(change.after.metadata, "annotations").get(RECORD, ""))
        if not running.reader.is_restarted:
            yield "asked", f"{name} is written"
        if _without_ours(before) != _without_ours(after):
            yield "alone", f"{name} is written beyond our annotations"
        if _template(before) == _template(after):
            return
        for_ = set(_restarted_for(after).split(",")) - {""}
        if self._caused.get(uid, -1) < began:
            yield "caused", f"{name} is restarted for {sorted(for_)}"
        if self._whole.get(uid, -1) < began:
            yield "whole", f"{name} is restarted for {sorted(for_)}"
        if for_ <= self._restarted[uid]:
            yield "once", f"{name} is restarted again for {sorted(for_)}"
        self._restarted[uid] |= for_
        newest = max((int(each.rpartition("@")[2]) for each in for_), default=0)
        if self._world.time < newest + QUIET_SECONDS:
            yield "quiet", f"{name} is restarted at {self._world.time} for {sorted(for_)}"

    def _causes(self, running: Running, data: Mapping[str, bytes]) -> Iterator[bool]:
        """Yield for each key whether its value changed after pods started, and nobody knows."""
        document = self._world.secret(self.kubelet.namespace, SECRET) or {}
        counted = counts(document)
        known = self._known(running.reader.name)
        for key in running.reader.form.keys(data):
            count = counted.get(key)
            if count is None or known.get(key, -1) >= count.number:
                continue
            if running.reader.form.needs(key) and count.first and key not in known:
                yield any(values.get(key) != data[key] for _, values in running.started)
                continue
            started = [at for at, _ in running.started]
            newer = all(at > count.number + SKEW_SECONDS for at in started)
            yield int(running.created) <= count.number and not (self._sees_pods and newer)

    def _known(self, name: str) -> Mapping[str, int]:
        """Return the counts that a workload's record has."""
        running = self.kubelet.named(name)
        if running is None:
            return {}
        stored = self._world.cluster.read(running.reader.kind, self.kubelet.namespace, name)
        try:
            known = json.loads(_record(stored.bare))["counts"].get(SECRET, {})
        except (ValueError, KeyError):
            return {}
        return {key: int(count) for key, count in known.items()}

    def end(self) -> None:
        """Raise Broken for a reader that was missed."""
        for what in self.missed():
            raise Broken("missed", what)


_PLURALS = {*(kind.plural for kind in KINDS.values()), "rollouts", "pods"}


def _template(document: Document) -> Document:
    return child(child(document, "spec"), "template")


def _record(document: Document) -> str:
    return texts(child(document, "metadata"), "annotations").get(RECORD, "")


def _restarted_for(document: Document) -> str:
    annotations = texts(child(_template(document), "metadata"), "annotations")
    return annotations.get(RESTARTED, "")


def _without_ours(document: Document) -> Document:
    """Return a workload without our annotations, and without what the server writes."""
    metadata, spec, template = (
        child(document, "metadata"),
        child(document, "spec"),
        _template(document),
    )
    bare: Document = {
        key: value
        for key, value in metadata.items()
        if key not in {"resourceVersion", "generation", "annotations", "managedFields"}
    }
    pods = child(template, "metadata")
    return {
        **{key: value for key, value in document.items() if key != "status"},
        "metadata": {**bare, "annotations": _others(metadata)},
        "spec": {
            **spec,
            "template": {**template, "metadata": {**pods, "annotations": _others(pods)}},
        },
    }


def _others(metadata: Document) -> Document:
    annotations = texts(metadata, "annotations")
    return {key: value for key, value in annotations.items() if key not in {RECORD, RESTARTED}}
