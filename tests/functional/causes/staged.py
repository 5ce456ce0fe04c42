"""The causes for which a secret does not arrive, each staged on a vault of its own."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.stack import SUBSCRIPTION
from tests.functional.world import Place
from tests.leaks.dye import value

if TYPE_CHECKING:
    from local.kubernetes.documents import Document

ELSEWHERE = "00000000-0000-4000-8000-00000000beef"
SECRET = "key"
"""The secret that somebody looks for."""

type Act = Callable[[Place], None]


def _nothing(_place: Place) -> None:
    """Leave all as it is."""


def _plain(_place: Place) -> Mapping[str, str]:
    return {}


def _changed(place: Place) -> str:
    return place.put(SECRET, value())


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, and the word that names it in each view.

    `arrange` stages it on a vault whose Secret is in step (`is_new`: that has none yet). Then the
    secret changes, by a new version unless `change` does another thing; it returns the version that
    an event names, and an empty text for none. `settings` are those of an app of its own. `but` are
    words by which some views name the cause instead, by the view. `again` stages what a pass has
    put right once more, before the resync; then the views are asked before the pass, as where only
    the timer brings the change over.
    """

    name: str
    word: str
    arrange: Act = _nothing
    change: Callable[[Place], str] = _changed
    settings: Callable[[Place], Mapping[str, str]] = _plain
    is_new: bool = False
    is_listed: bool = True
    has_events: bool = True
    but: Mapping[str, str] = field(default_factory=dict)
    subscription: str = SUBSCRIPTION
    vault: str = "weu-DS-AKV-{}-dev-1"
    again: Act | None = None
    after: Act = _nothing
    """What is put right again once all has been looked at."""

    @property
    def is_waiting(self) -> bool:
        """Whether the views are asked before the timer runs, since it brings the change over."""
        no_event = not self.has_events or self.subscription != SUBSCRIPTION
        return no_event or self.again is not None

    def expected(self, view: str) -> str:
        """Return the word that a view must show."""
        return self.but.get(view, self.word)


def _tagged(**tags: str) -> Callable[[Place], str]:
    return lambda place: place.put(SECRET, value(), **tags)


def _set(**settings: str) -> Callable[[Place], Mapping[str, str]]:
    return lambda _: settings


def _no_role(place: Place) -> None:
    place.vault.access.deny()


def _firewall(place: Place) -> None:
    place.vault.access.firewall = True


def _no_namespace(place: Place) -> None:
    place.stack.cluster.delete_namespace(place.namespace)


def _owned(place: Place) -> None:
    metadata: Document = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
    data = {"theirs": b"kept"}
    place.stack.cluster.put_secret(place.namespace, place.secret, data, metadata=metadata)


def _clash(place: Place) -> str:
    return place.put(SECRET, value(), key="other")


def _retag(place: Place) -> str:
    place.tag(SECRET, key="RENAMED")
    return ""


def _write_otherwise(place: Place) -> None:
    """Write the Secret as an app of its own with another key style."""
    done = place.stack.command("resync", place.vault.name.lower(), SYNC_KEY_STYLE="env")
    assert done.returncode == 0, done.stdout + done.stderr


def _written_otherwise(place: Place) -> str:
    _write_otherwise(place)
    return ""


def _disable(place: Place) -> str:
    place.vault.disable(SECRET)
    return ""


def _not_valid_yet(place: Place) -> str:
    return place.vault.set_secret(SECRET, value(), nbf=int(time.time()) + 3600).version


def _certificate(place: Place) -> None:
    place.vault.set_certificate(SECRET, value())


def _pending(place: Place) -> str:
    return place.vault.set_certificate(SECRET, value(), enabled=False).version


def _expire(place: Place) -> str:
    place.vault.update(SECRET, exp=int(time.time()) - 3600)
    return ""


def _rival(place: Place) -> None:
    state = '{"vault":"neu-ds-akv-x-dev-1","written":"2026-01-01T00:00:00+00:00","secrets":{}}'
    annotations: Document = {"keyvault-sync/state": state}
    data = {"theirs": b"kept"}
    place.stack.cluster.put_secret(
        place.namespace, place.secret, data, metadata={"annotations": annotations}
    )


def _expired(place: Place) -> Mapping[str, str]:
    path = place.stack.folder / f"{place.namespace}.kubeconfig"
    document = json.loads(place.stack.app_kubeconfig.read_text())
    document["users"][0]["user"]["token"] = value()
    path.write_text(json.dumps(document))
    return {"KUBECONFIG": str(path)}


def _no_cluster(place: Place) -> None:
    place.stack.stop_cluster()


def _cluster_back(place: Place) -> None:
    place.stack.start_cluster()


_WRONG = {"table": "SYNC_PRUNE is wrong", "doctor": "settings-parse"}
_OVER = {"resync": "converged"}
_LATE = {**_OVER, **dict.fromkeys(("status", "explain", "table"), "newer version")}
_UNHEARD = {**_LATE, "log": "no event brought them"}

CAUSES = (
    Cause("no role on the vault", "VaultForbidden", _no_role),
    Cause("the vault's firewall", "VaultFirewalled", _firewall),
    Cause("the namespace is missing", "NamespaceMissing", _no_namespace, is_new=True),
    Cause(
        "the Role lacks the Secret that a tag asks for",
        "ClusterForbidden",
        change=_tagged(secret="web"),
    ),
    Cause(
        "events of its subscription are refused",
        "SubscriptionNotAllowed",
        subscription=ELSEWHERE,
        but=_LATE,
    ),
    Cause("no event subscription", "vault-events", has_events=False, but=_UNHEARD),
    Cause(
        "no pass covers the vault",
        "vault-known",
        _no_role,
        is_listed=False,
        but={
            **dict.fromkeys(("log", "resync", "status", "explain", "table"), "VaultForbidden"),
        },
    ),
    Cause(
        "its name is off the pattern",
        "VaultNameOffPattern",
        is_new=True,
        vault="weu-DS-KV-{}-dev-1",
        but={"log": "VaultListedOffPattern"},
    ),
    Cause("another controller has the Secret", "TargetTaken", _owned, is_new=True),
    Cause("another vault has the Secret", "TargetTaken", _rival, is_new=True),
    Cause("disabled", "it is disabled", change=_disable, but=_OVER),
    Cause("excluded", "SYNC_EXCLUDE", settings=_set(SYNC_EXCLUDE=SECRET), but=_OVER),
    Cause("its newest version is not valid yet", "NotValidYet", change=_not_valid_yet),
    Cause(
        "a certificate waits for its authority",
        "CertificatePending",
        _certificate,
        change=_pending,
        is_new=True,
    ),
    Cause(
        "expired, and the platform removes such",
        "it expired at its time",
        change=_expire,
        settings=_set(SYNC_EXPIRED="remove"),
        but=_OVER,
    ),
    Cause("wrongly tagged", "TagWrong", change=_tagged(sync="perhaps")),
    Cause("an unknown tag", "TagUnknown", change=_tagged(kee="X")),
    Cause("its key is another secret's", "KeyClash", change=_clash),
    Cause(
        "a tag changed, and the timer is not due",
        "its tags or the settings changed",
        change=_retag,
        has_events=False,
        but={**_OVER, "log": "its keys have other names now", "doctor": "vault-secrets"},
    ),
    Cause(
        "two apps with other settings on one Secret",
        "SettingsDiffer",
        change=_written_otherwise,
        again=_write_otherwise,
    ),
    Cause("the token or kubeconfig has expired", "ClusterUnauthorized", settings=_expired),
    Cause("the cluster is down", "ClusterUnreachable", _no_cluster, after=_cluster_back),
    Cause("a wrong setting", "SettingsWrong", settings=_set(SYNC_PRUNE="maybe"), but=_WRONG),
)
