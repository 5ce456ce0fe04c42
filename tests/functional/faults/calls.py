"""The remote calls: how each is brought about, and where a fault meets it."""

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from local.faults import Fault, Healing
from local.key_vault import Quirks
from local.key_vault.faults import Kind, Part
from local.kubernetes.documents import child
from local.kubernetes.faults import Where
from tests.functional.faults.cell import (
    FURTHER,
    GONE,
    KEY,
    PLAIN,
    WEB,
    Cell,
    Nature,
    Trigger,
    Way,
)
from tests.kit.site import OWN
from tests.leaks.dye import value

type Plant = Callable[[Cell, Fault, int | None], Healing]

_ALL = frozenset({Trigger.EVENT, Trigger.TIMER, Trigger.RESYNC, Trigger.STATUS})
WRITES = _ALL - {Trigger.STATUS}


@dataclass(frozen=True, slots=True)
class Call:
    """A remote call: whose it is, what the cell has to be like for it, and how a fault meets it.

    `another` makes the right form of answer about something else. `about` is the subject of its
    outcomes where that is no vault.
    """

    name: str
    server: str
    plant: Plant
    triggers: AbstractSet[Trigger] = _ALL
    nature: Nature = PLAIN
    way: Way = Way.USUAL
    another: Mapping[str, Callable[[Cell], Fault]] = field(default_factory=dict)
    connects: bool = False
    about: str = ""


def _vault(kind: Kind | None, part: Part, name: str | None = None) -> Plant:
    def plant(cell: Cell, fault: Fault, requests: int | None) -> Healing:
        return cell.vault.faults.plan(fault, requests, kind, name, part)

    return plant


def _cluster(verb: str, secret: str, patch: str | None = None) -> Plant:
    def plant(cell: Cell, fault: Fault, requests: int | None) -> Healing:
        where = Where(verb, "secrets", cell.namespace, secret, patch)
        return cell.stack.cluster.faults.plan(fault, requests, where)

    return plant


def _aks(cell: Cell, fault: Fault, requests: int | None) -> Healing:
    return cell.stack.resource_manager.plan(fault, requests, f"/{cell.stage}/listCluster")


def _kept(cell: Cell, fault: Fault, requests: int | None) -> Healing:
    return cell.keeper.faults.plan(fault, requests, "get")


def nowhere(_cell: Cell, _fault: Fault, _requests: int | None) -> Healing:
    """Stand for the way in which a fault meets a call that is not one cell's."""
    raise NotImplementedError("the fault is planned for what all cells share")


def _json(body: object) -> Fault:
    return Fault(body=json.dumps(body).encode())


def _entry(url: str, name: str) -> dict[str, object]:
    return {
        "id": f"{url}/secrets/{name}",
        "attributes": {"enabled": True, "updated": 1_700_000_000},
    }


def _bundle(cell: Cell, identifier: str) -> Fault:
    entry = _entry(cell.vault.url, identifier)
    entry["attributes"] = {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000}
    return _json({**entry, "value": value()})


def _elsewhere(_cell: Cell) -> Fault:
    return _json({
        "id": f"https://elsewhere.vault.azure.net/secrets/{KEY}/{'0' * 32}",
        "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000},
        "value": value(),
    })  # fmt: skip


def _page(cell: Cell, link: str) -> Fault:
    return _json({"value": [_entry(cell.vault.url, KEY)], "nextLink": link})


def _another_document(name: str, namespace: str = "") -> Callable[[Cell], Fault]:
    def fault(cell: Cell) -> Fault:
        document = cell.stack.cluster.secret(cell.namespace, OWN)
        where = {"name": name, "namespace": namespace or cell.namespace}
        return _json({**document, "metadata": {**child(document, "metadata"), **where}})

    return fault


_LOOP = "nextLink that loops"
_PAGES = {
    _LOOP: lambda cell: _page(
        cell, f"{cell.vault.url}/secrets?api-version=7.4&$skiptoken=MGtleQ=="
    ),
    "nextLink to another vault": lambda cell: _page(
        cell, "https://elsewhere.vault.azure.net/secrets?api-version=7.4"
    ),
    "list of another vault": lambda _cell: _json(
        {"value": [_entry("https://elsewhere.vault.azure.net", KEY)], "nextLink": None}
    ),
}
_SECRETS = {
    "another secret": lambda cell: _bundle(cell, f"{WEB}/{'0' * 32}"),
    "another vault's secret": _elsewhere,
}
_OBJECTS = {
    "another Secret": _another_document("other"),
    "another namespace's Secret": _another_document(OWN, "elsewhere"),
}

_WAITS = Nature(waits=True)

AKS = Call("AKS cluster's endpoint", "arm", _aks, way=Way.AKS)

CALLS = (
    Call(
        "list, first page",
        "vault",
        _vault("list", "first_page"),
        nature=Nature(GONE),
        another={name: fault for name, fault in _PAGES.items() if name != _LOOP},
    ),
    Call(
        "list, a later page",
        "vault",
        _vault("list", "next_page"),
        nature=Nature(GONE, quirks=Quirks(page_size=1)),
        another=_PAGES,
    ),
    Call("get of a secret", "vault", _vault("get", "current", KEY), another=_SECRETS),
    Call(
        "get of a version",
        "vault",
        _vault("get", "version", KEY),
        triggers=frozenset({Trigger.EVENT}),
        nature=Nature(former=True),
        another={
            **_SECRETS,
            "another version": lambda cell: _bundle(cell, f"{KEY}/{'0' * 32}"),
        },
    ),
    Call(
        "list of versions",
        "vault",
        _vault("versions", "first_page", KEY),
        nature=_WAITS,
        another={name: fault for name, fault in _PAGES.items() if name != _LOOP},
    ),
    Call(
        "get of the version that stands in",
        "vault",
        _vault("get", "version", KEY),
        nature=_WAITS,
        another=_SECRETS,
    ),
    Call("read of the Secret", "cluster", _cluster("get", OWN), another=_OBJECTS, connects=True),
    Call(
        "apply of the Secret",
        "cluster",
        _cluster("patch", OWN, "apply"),
        triggers=WRITES,
        another=_OBJECTS,
    ),
    Call(
        "eviction from the Secret",
        "cluster",
        _cluster("patch", OWN, "merge"),
        triggers=WRITES,
        nature=Nature(GONE, shared=True),
        another=_OBJECTS,
    ),
    Call(
        "read of a further Secret",
        "cluster",
        _cluster("get", FURTHER),
        nature=Nature(WEB),
        another={"another Secret": _another_document("other")},
    ),
    Call(
        "apply of a further Secret",
        "cluster",
        _cluster("patch", FURTHER, "apply"),
        triggers=WRITES,
        nature=Nature(WEB),
        another={"another Secret": _another_document("other")},
    ),
    AKS,
    Call("get of a kept kubeconfig", "kept", _kept, way=Way.KEPT_KUBECONFIG),
    Call("get of a kept token", "kept", _kept, way=Way.KEPT_TOKEN),
)
