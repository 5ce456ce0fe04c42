"""Parses SYNC_CLUSTERS: a JSON list of clusters, which vaults each serves and how to reach it."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from sync.adapters.kubernetes.address import AddressError, pem_of, server_url
from sync.adapters.kubernetes.cluster_config import (
    Aks,
    ClusterConfig,
    CredentialRef,
    Entra,
    KubeconfigFile,
    KubeconfigText,
    Login,
    Reach,
    Server,
    StoredKubeconfig,
)
from sync.adapters.wire.trust import cluster_context
from sync.core.model import OBJECT_NAME
from sync.core.vault_names import AZURE_NAME, ClusterMatch
from sync.settings.shapes import shape

_WAYS = ("aks", "server", "kubeconfig", "kubeconfig_secret")
_COMPANIONS = {
    "ca": frozenset({"server"}),
    "audience": frozenset({"aks", "server"}),
    "token_secret": frozenset({"aks", "server"}),
    "context": frozenset({"kubeconfig", "kubeconfig_secret"}),
}
_KNOWN = ("name", "match", *_WAYS, *_COMPANIONS)
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9._-]{0,39}", re.ASCII | re.IGNORECASE)
_AUDIENCE = re.compile(r"[\w.:/-]{1,200}", re.ASCII)
_PEM = "-----BEGIN CERTIFICATE-----"
_PATH = re.compile(r"[^\0\n]{1,4096}")

type Clusters = list[tuple[ClusterMatch, ClusterConfig]]
type Json = Mapping[str, object]


def read_clusters(text: str) -> Clusters:
    """Parse the setting; raises ValueError with a sentence for each fault as its arguments."""
    try:
        items: object = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if items is None:
        raise ValueError("it is not JSON; it must be a list of clusters")
    if not isinstance(items, list) or not items:
        raise ValueError("it must be a JSON list with at least one cluster")
    read = [_Cluster(item, number) for number, item in enumerate(items, 1)]
    faults = [fault for cluster in read for fault in cluster.faults]
    names = [cluster.name for cluster in read]
    faults += [
        f"{cluster.label} has the name of another one: give each its own"
        for number, cluster in enumerate(read)
        if cluster.name and cluster.name in names[:number]
    ]
    if faults:
        raise ValueError(*faults)
    return [(cluster.match, ClusterConfig(cluster.name, cluster.reach)) for cluster in read]


class _Cluster:
    """One cluster of the list as far as it can be read, and what is wrong with the rest."""

    def __init__(self, item: object, number: int) -> None:
        self.faults: list[str] = []
        self.label = f"cluster {number}"
        self._item: Json = item if isinstance(item, dict) else {}
        self.name = self._text("name", _any, "a name for the cluster", "") if self._item else ""
        if _PLAIN_NAME.fullmatch(self.name):
            self.label = f"cluster {number} ({self.name})"
        self.match = self._match()
        self.reach: Reach = KubeconfigFile()
        if not isinstance(item, dict) or not item:
            self._fault(f"must be an object with name, not {shape(item)}")
        elif unknown := len(item.keys() - set(_KNOWN)):
            self._fault(f"has {unknown} unknown field(s): known are {', '.join(_KNOWN)}")
        else:
            self._read()

    def _read(self) -> None:
        if "name" not in self._item:
            self._fault("lacks a name")
        ways = [way for way in _WAYS if way in self._item]
        if len(ways) > 1:
            self._fault(f"has {' and '.join(ways)}: keep the one by which it is reached")
            return
        way = ways[0] if ways else "kubeconfig"
        for companion in _COMPANIONS.keys() & self._item.keys():
            if way not in _COMPANIONS[companion]:
                partners = " or ".join(sorted(_COMPANIONS[companion]))
                self._fault(f"has {companion}, which belongs to {partners}: remove it")
        if {"audience", "token_secret"} <= self._item.keys():
            self._fault("has audience and token_secret: keep the one by which to log in")
        self.reach = _READERS[way](self)

    def aks(self) -> Reach:
        """Parse a cluster whose endpoint comes from Azure."""
        from sync.adapters.azure.aks import (  # noqa: PLC0415 - imported only if a setting needs it
            resource_id,
        )

        identity = self._text("aks", resource_id, "the resource id of an AKS cluster", "")
        return Aks(identity, self._login())

    def server(self) -> Reach:
        """Parse a cluster given by its URL."""
        form = "an https URL of host and port, as https://10.0.0.4:6443"
        url = self._text("server", _https, form, "")
        form = "a certificate authority: PEM, base64 of PEM, or the path of a file"
        return Server(url, self._text("ca", _authority, form, None), self._login())

    def kubeconfig(self) -> Reach:
        """Parse a cluster given by a kubeconfig."""
        context = self._text("context", _any, "a context's name", None)
        inline = self._item.get("kubeconfig")
        if isinstance(inline, dict) and inline:
            return KubeconfigText(json.dumps(inline), context)
        given = self._text("kubeconfig", _any, "the path of a kubeconfig, or all its text", None)
        if given is not None and ("\n" in given or given.startswith("{")):
            return KubeconfigText(given, context)
        return KubeconfigFile(given, context)

    def stored_kubeconfig(self) -> Reach:
        """Parse a cluster whose kubeconfig is in a vault."""
        context = self._text("context", _any, "a context's name", None)
        return StoredKubeconfig(self._stored("kubeconfig_secret"), context)

    def _login(self) -> Login:
        if "token_secret" in self._item:
            return self._stored("token_secret")
        form = "the application id or URI that tokens are for, without /.default"
        return Entra(self._text("audience", _audience, form, Entra().audience))

    def _stored(self, field: str) -> CredentialRef:
        return self._text(field, _credential, "VAULT/SECRET", CredentialRef("", ""))

    def _match(self) -> ClusterMatch:
        match = self._item.get("match", {})
        if not isinstance(match, dict) or match.keys() - {"region", "stage"}:
            self._fault(
                f"has a match that is {shape(match)}: it must be an object with region or stage, "
                'as {"stage": "prod*"}'
            )
            return ClusterMatch(self.name)
        if not all(isinstance(pattern, str) and pattern for pattern in match.values()):
            self._fault("has a match whose patterns must be texts, as prod*")
            return ClusterMatch(self.name)
        return ClusterMatch(
            self.name, match.get("region", "*").lower(), match.get("stage", "*").lower()
        )

    def _text[T](self, field: str, parse: Callable[[str], T | None], form: str, default: T) -> T:
        """Parse a field; the parser returns None or raises ValueError for a wrong value."""
        if field not in self._item:
            return default
        given = self._item[field]
        try:
            parsed = parse(given.strip()) if isinstance(given, str) and given.strip() else None
        except ValueError as fault:
            self._fault(f"has {_a(field)} that is {shape(given)}: {fault}")
            return default
        if parsed is None:
            self._fault(f"has {_a(field)} that is {shape(given)}: it must be {form}")
            return default
        return parsed

    def _fault(self, what: str) -> None:
        self.faults.append(f"{self.label} {what}")


_READERS: Mapping[str, Callable[[_Cluster], Reach]] = {
    "aks": _Cluster.aks,
    "server": _Cluster.server,
    "kubeconfig": _Cluster.kubeconfig,
    "kubeconfig_secret": _Cluster.stored_kubeconfig,
}


def _any(text: str) -> str | None:
    return text


def _https(text: str) -> str | None:
    try:
        url = server_url(text)
    except AddressError:
        return None
    return url if not urlsplit(url).path else None


def _authority(text: str) -> str | Path | None:
    pem = text if _PEM in text else pem_of(text)
    if pem is None or _PEM not in pem:
        return Path(text) if _PATH.fullmatch(text) and ("/" in text or "." in text) else None
    try:
        cluster_context(pem)
    except (OSError, ValueError, TypeError):
        return None
    return pem


def _credential(text: str) -> CredentialRef | None:
    vault, _, secret = text.partition("/")
    if AZURE_NAME.fullmatch(vault.lower()) and OBJECT_NAME.fullmatch(secret):
        return CredentialRef(vault.lower(), secret)
    return None


def _audience(text: str) -> str | None:
    return text if _AUDIENCE.fullmatch(text) and not text.endswith("/.default") else None


def _a(field: str) -> str:
    return f"{'an' if field.startswith('a') else 'a'} {field}"
