"""What each fault of each call must end as: written by hand, from the design and docs/outcomes.md.

Each line is one outcome, `CLASS REASON`, and the faults that end so.
"""

from collections.abc import Mapping, Sequence

from tests.functional.faults.vocabulary import EXPIRED, NO_HOST, NO_NAME

type Table = Mapping[str, Sequence[str]]
type Fate = tuple[str, str]

_TOO_MANY = ("429", "429, Retry-After 1", "429, Retry-After 600")
_ILL = ("500", "502", "503")
_SILENT = ("hang", "drip", "endless head", "reset")
_HALF = ("half a body", "half a chunked body")
_FOREIGN = ("other JSON", "HTML")

_VAULT: Table = {
    "converged": ["slow"],
    "transient VaultThrottled": _TOO_MANY,
    "transient VaultUnavailable": [*_ILL, "404", "404 in HTML", "408", "409", "redirect"],
    "transient VaultUnreachable": [*_SILENT, NO_HOST],
    "transient VaultNameUnresolved": [NO_NAME],
    "transient VaultAnswerBroken": [*_HALF, *_FOREIGN],
    "transient VaultCertificateRefused": [EXPIRED],
    "permanent VaultUnauthorized": ["401"],
    "permanent VaultForbidden": ["403"],
    "permanent VaultRefused": ["413", "422"],
}
_GET: Table = {"transient SecretNotServedYet": ["404"]}
_KEPT: Table = {"permanent ClusterCredentialMissing": ["404"]}
_PAGES: Table = {
    "transient VaultAnswerBroken": ["nextLink that loops"],
    "permanent VaultUntrusted": ["nextLink to another vault", "list of another vault"],
}
_ANOTHER: Table = {
    "permanent VaultUntrusted": ["another secret", "another vault's secret", "another version"]
}
_CLUSTER: Table = {
    "converged": ["slow"],
    "transient ClusterUnavailable": [*_TOO_MANY, *_ILL, "408", "redirect"],
    "transient ClusterUnreachable": [*_SILENT, *_HALF, NO_HOST, NO_NAME, EXPIRED],
    "transient ClusterAnswerBroken": [*_FOREIGN, "404 in HTML", "another Secret",
                                      "another namespace's Secret"],
    "transient Conflict": ["404", "409"],
    "permanent ClusterUnauthorized": ["401"],
    "permanent ClusterForbidden": ["403"],
    "permanent SecretRefused": ["413", "422"],
}  # fmt: skip
_APPLY: Table = {"permanent NamespaceMissing": ["404"]}

_ARM: Table = {
    "converged": ["slow"],
    "transient ResourceManagerThrottled": _TOO_MANY,
    "transient ResourceManagerUnavailable": [*_ILL, "408", "409"],
    "transient ResourceManagerUnreachable": [*_SILENT, NO_HOST, EXPIRED],
    "transient ResourceManagerAnswerBroken": [*_HALF, *_FOREIGN, "404 in HTML", "redirect"],
    "permanent ResourceManagerUnauthorized": ["401"],
    "permanent ResourceManagerForbidden": ["403"],
    "permanent ResourceMissing": ["404"],
    "permanent ResourceManagerRefused": ["413", "422"],
}
_TOKEN: Table = {
    "converged": ["slow"],
    "transient CredentialUnavailable": [*_TOO_MANY, *_ILL, "404", "404 in HTML", "408", *_SILENT,
                                        *_HALF, *_FOREIGN, "redirect"],
    "permanent CredentialRefused": ["401", "403", "409", "413", "422"],
}  # fmt: skip

LASTING: Mapping[str, Sequence[Table]] = {
    "list, first page": [_VAULT, _PAGES],
    "list, a later page": [_VAULT, _PAGES],
    "get of a secret": [_VAULT, _GET, _ANOTHER],
    "get of a version": [_VAULT, {"transient OlderVersionServed": ["404"]}, _ANOTHER],
    "list of versions": [_VAULT, _PAGES],
    "get of the version that stands in": [_VAULT, _GET, _ANOTHER],
    "read of the Secret": [_CLUSTER],
    "apply of the Secret": [_CLUSTER, _APPLY],
    "eviction from the Secret": [_CLUSTER],
    "read of a further Secret": [_CLUSTER],
    "apply of a further Secret": [_CLUSTER, _APPLY],
    "AKS cluster's endpoint": [_ARM],
    "search for vaults": [_ARM],
    "get of a kept kubeconfig": [_VAULT, _KEPT],
    "get of a kept token": [_VAULT, _KEPT],
    "token for vaults": [_TOKEN],
    "token for a cluster": [_TOKEN],
    "token for Azure Resource Manager": [_TOKEN],
}

_RETRIED: Table = {"converged": ["429, Retry-After 1", "500", "503", "reset", "half a body"]}
_RENEWED: Table = {"converged": ["401"]}
_AGAIN: Table = {"converged": ["401", "404", "409", "reset", "half a body"]}


def _once(tables: Sequence[Table]) -> Sequence[Table]:
    if tables[0] is _CLUSTER:
        return [*tables, _AGAIN]
    return [*tables, _RETRIED, *([_RENEWED] if tables[0] is _VAULT else [])]


ONCE: Mapping[str, Sequence[Table]] = {
    **{call: _once(tables) for call, tables in LASTING.items()},
    "apply of the Secret": [_CLUSTER, _AGAIN, _APPLY],
    "read of a further Secret": [_CLUSTER, _AGAIN, {"transient Conflict": ["409"]}],
    "apply of a further Secret": [_CLUSTER, _AGAIN, _APPLY],
}


def fate(call: str, fault: str, *, once: bool) -> Fate:
    """Return how it must end; of several tables the last one that has the fault counts."""
    tables = (ONCE if once else LASTING)[call]
    found = [outcome for table in tables for outcome, faults in table.items() if fault in faults]
    ended, _, reason = found[-1].partition(" ")
    return ended, reason
