"""One history's world: the emulators, the clock, who is at work, and what was seen of it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from threading import current_thread

from urllib3.exceptions import ProtocolError

from local.key_vault import KeyVaults, Vault, Version, key_vault_app
from local.kubernetes.authorization import Rule
from local.kubernetes.cluster import Cluster
from local.kubernetes.documents import Document, text
from local.kubernetes.kinds import SECRET
from local.kubernetes.server import kubernetes_app
from local.kubernetes.status import ApiError
from local.kubernetes.store import Change
from tests.model.actors import Actor, Fate, Killed, Seen
from tests.model.inside import Answered, Sent, Server
from tests.model.real import CLUSTER_HOST, PLACED_VAULT, PLACES, SUBSCRIPTION, TOKEN, VAULTS
from tests.model.values import Values

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z, when every history starts."""

LAG_SECONDS = 50
"""How old the newest version may be of which a replica has not heard: less than the freshness."""

NAMESPACES = ("shop-dev", "shop-dev", "till-dev")
OWN = ("keyvault-project", "keyvault-2", "keyvault-project")
PLACED = 0
"""The number of vaults that stands for one vault with several targets, which a table places."""
_REFUSED = 300
CLOSED = "closed"
"""The word of a Secret that the app's Role does not name."""

_WORDS = ("orders", "a", "b", "c", "d")
_OWN = {*OWN, *(own for _, own in PLACES)}
_NAMED = tuple(name for own in _OWN for name in (own, *(f"{own}-{word}" for word in _WORDS)))

type Snapshot = Mapping[str, Version]
"""The current versions of a vault by lower-case name; deleted secrets are not there."""


class Broken(AssertionError):
    """An invariant does not hold; `rule` is its name."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Kept:
    """A target of a vault, as the contract says it; `labels` say of which vault a Secret is."""

    vault: Vault
    namespace: str
    own: str
    now: Callable[[], float]
    labels: Mapping[str, str]

    @property
    def place(self) -> str:
        """The own Secret and its namespace."""
        return f"{self.namespace}/{self.own}"

    def secrets(self) -> tuple[str, ...]:
        """Return every Secret that histories may lead it to."""
        return (self.own, *(f"{self.own}-{word}" for word in (*_WORDS, CLOSED)))

    def has(self, namespace: str, secret: str) -> bool:
        """Tell whether a Secret is one of this vault's."""
        return namespace == self.namespace and secret in self.secrets()

    @property
    def snapshot(self) -> Snapshot:
        """The vault's versions that are to be used by now: the newest ones, or what stands in."""
        entries = self.vault.list_secrets().entries
        return {  # a repeated one is last
            each.name.lower(): self._usable(each) for each in reversed(entries)
        }

    def has_two_of_one_second(self, name: str) -> bool:
        """Tell whether nothing a vault says tells which of two versions is the newer one."""
        made = [each.created for each in self.vault.list_versions(name).entries]
        return len(made) > len(set(made))

    def _usable(self, newest: Version) -> Version:
        """Return the newest version that is valid, and of a certificate that is enabled."""
        waits = newest.enabled and (newest.nbf or 0) > self.now()
        if not (waits or (newest.kid is not None and not newest.enabled)):
            return newest
        usable = [
            each
            for each in self.vault.versions(newest.name)
            if each.enabled and (each.nbf or 0) <= self.now()
        ]
        if not usable:
            return replace(newest, enabled=False)
        return replace(usable[-1], updated=newest.updated)


class World:
    """The emulators behind the wire; `watch` is told of each change of the cluster."""

    def __init__(self, vaults: int = len(VAULTS)) -> None:
        self.time = NOON
        self.moment = 0
        self.calls = 0
        self.events: list[Mapping[str, object]] = []
        self.values = Values()
        self.broken: list[Broken] = []
        self.cluster = Cluster({TOKEN: "app"}, clock=self.now)
        self.vaults = KeyVaults(clock=self.now, publish=self.events.append)
        self.kept = tuple(self._by_rule(vaults) if vaults != PLACED else self._by_table())
        self.past: dict[str, list[tuple[int, Snapshot]]] = {
            kept.vault.name: [(0, {})] for kept in self.kept
        }
        for namespace in sorted(set(NAMESPACES)):
            self.cluster.create_namespace(namespace)
        self.cluster.grant("app", Rule(("get", "create", "patch"), ("secrets",), _NAMED))
        self.cluster.put_secret("till-dev", "bystander", {"foreign": b"kept"})
        self._servers = {CLUSTER_HOST: Server(kubernetes_app(self.cluster))}
        self._vault_server = Server(key_vault_app(self.vaults))
        self.actors: dict[str, Actor] = {}
        self.main = Actor()
        self.gate: Callable[[], object] = _pass
        self.asked: Callable[[Actor, Sent], None] = _unasked
        self._writer: Actor | None = None
        self._written: Callable[[Change, Actor | None], None] | None = None
        self.backups: defaultdict[tuple[str, str], list[Document]] = defaultdict(list)
        """Each Secret as it was after each write of an instance."""
        self.cluster.watch(None, self._deliver)

    def _by_rule(self, vaults: int) -> Iterator[Kept]:
        for name, namespace, own in list(zip(VAULTS, NAMESPACES, OWN, strict=True))[:vaults]:
            region, _, _, project, stage, number = name.lower().split("-")
            labels = {"region": region, "project": project, "stage": stage, "number": number}
            vault = self.vaults.create(name, SUBSCRIPTION)
            yield Kept(vault, namespace, own, self.now, labels)

    def _by_table(self) -> Iterator[Kept]:
        vault = self.vaults.create(PLACED_VAULT, SUBSCRIPTION)
        for namespace, own in PLACES:
            yield Kept(vault, namespace, own, self.now, {"project": "myapp", "stage": "dev"})

    def on_write(self, written: Callable[[Change, Actor | None], None]) -> None:
        """Tell of each change of the cluster, and which instance made it, if one did."""
        self._written = written

    def now(self) -> float:
        """Return epoch seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def changed(self) -> None:
        """Note what each vault holds by now."""
        self.moment += 1
        for kept in {each.vault.name: each for each in self.kept}.values():
            self.past[kept.vault.name].append((self.moment, kept.snapshot))

    def since(self, kept: Kept, moment: int) -> Iterator[Snapshot]:
        """Yield what the vault held at that moment and ever since."""
        past = self.past[kept.vault.name]
        for place, (began, snapshot) in enumerate(past):
            if began > moment or place + 1 == len(past) or past[place + 1][0] > moment:
                yield snapshot

    def secret(self, namespace: str, name: str) -> Document | None:
        """Return a Secret as it is stored; None where there is none."""
        try:
            return self.cluster.secret(namespace, name)
        except ApiError:
            return None

    def data(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return what a Secret holds; nothing where there is none."""
        try:
            return self.cluster.data(namespace, name)
        except ApiError:
            return {}

    def carry(self, sent: Sent) -> Answered:
        """Answer a request of an instance, after whatever befalls it."""
        actor = self.actors.get(current_thread().name, self.main)
        self.gate()
        self.calls += 1
        fate = actor.next_fate()
        if fate is Fate.KILL:
            raise Killed
        if fate is Fate.RESET:
            raise ProtocolError("Connection aborted.")
        self.asked(actor, sent)
        with ExitStack() as stack:
            if fate in {Fate.THROTTLE, Fate.FAIL}:
                self._fail(sent, 429 if fate is Fate.THROTTLE else 500)
            elif fate is Fate.LAG:
                stack.enter_context(self._lagging(sent))
            stack.enter_context(self._writing(actor))
            answered = self._server(sent).ask(sent)
        self._note(actor, sent, answered)
        if fate is Fate.KILL_AFTER:
            raise Killed
        if fate is Fate.LOSE:
            raise ProtocolError("Connection aborted.")
        return answered

    def _server(self, sent: Sent) -> Server:
        return self._servers.get(sent.host, self._vault_server)

    def _note(self, actor: Actor, sent: Sent, answered: Answered) -> None:
        """Note what an instance saw, at the moment at which it was so."""
        self.moment += 1
        if sent.host == CLUSTER_HOST:
            if sent.method == "GET" and "/secrets/" in sent.path:
                actor.seen[sent.path] = Seen(self._version(sent.path), self.moment)
        elif (name := vault_secret(sent)) and answered.status < _REFUSED:
            actor.fetched[sent.host.partition(".")[0], name] = self.moment

    def _version(self, path: str) -> str | None:
        _, _, _, _, namespace, _, name = path.split("/")
        try:
            return text(self.cluster.read(SECRET, namespace, name).metadata, "resourceVersion")
        except ApiError:
            return None

    def _fail(self, sent: Sent, status: int) -> None:
        if sent.host == CLUSTER_HOST:
            self.cluster.faults.fail(status)
        else:
            faults = self.vaults[sent.host.partition(".")[0]].faults
            faults.throttle() if status == 429 else faults.fail(status)

    @contextmanager
    def _lagging(self, sent: Sent) -> Iterator[None]:
        """Answer from before the newest versions of all secrets that are young enough."""
        if sent.host == CLUSTER_HOST:
            yield
            return
        vault = self.vaults[sent.host.partition(".")[0]]
        young = [
            each.version
            for each in vault.list_secrets().entries
            if self.time - each.created < LAG_SECONDS
        ]
        with vault.faults.lagging(*young):
            yield

    @contextmanager
    def _writing(self, actor: Actor) -> Iterator[None]:
        self._writer = actor
        try:
            yield
        finally:
            self._writer = None

    def _deliver(self, change: Change) -> None:
        if change.kind is SECRET and self._writer is not None:
            name = text(change.after.metadata, "name")
            self.backups[change.namespace, name].append(change.after.document)
        if self._written is not None:
            self._written(change, self._writer)


def vault_secret(sent: Sent) -> str:
    """Return the lower-case name that a request to a vault asks for; empty for a listing."""
    parts = sent.path.strip("/").split("/")
    return parts[1].lower() if len(parts) > 1 else ""


def _pass() -> None:
    """Let a call pass."""


def _unasked(_actor: Actor, _sent: Sent) -> None:
    """Let nobody know."""
