"""The table of placements: where vaults go that the rule of names does not place."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sync.core.model import Target, VaultName
from sync.core.vault_names import (
    NAMESPACE,
    Naming,
    Parts,
    is_own_by_rule,
    is_protected,
    own_secret,
)

type IsOne = Callable[[str, str], bool]
"""Whether two names mean the same stage."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table, all in lower case; what it leaves out comes from the rule of names.

    `unprefixed` says whether names of secrets without a stage's prefix go there. By default they
    do, unless the vault has entries of several stages.
    """

    vault: VaultName
    project: str | None = None
    stage: str | None = None
    namespace: str | None = None
    secret: str | None = None
    cluster: str | None = None
    unprefixed: bool | None = None


def placed(naming: Naming, entries: Sequence[Entry], *, is_one: IsOne, prefixes: bool) -> Naming:
    """Return the naming with a table of these entries.

    `prefixes` says whether prefixes of names mean stages. Raises ValueError with a sentence for
    each fault as its arguments.
    """
    faults: list[str] = []
    targets: list[tuple[str, Target]] = []
    several = _of_several_stages(naming, entries, is_one)
    for number, entry in enumerate(entries, 1):
        label = f"entry {number} ({entry.vault})"
        try:
            targets.append((label, _target(naming, entry, unprefixed=entry.vault not in several)))
        except ValueError as wrong:
            faults += [f"{label} {fault}" for fault in wrong.args]
        if entry.unprefixed is False and not prefixes:
            faults.append(
                f"{label} refuses names without a prefix, and no prefix means a stage while "
                "SYNC_STAGE_PREFIXES is none: set that to keep or strip, or remove unprefixed"
            )
    if not prefixes:
        faults += [
            f"the entries of vault {vault} differ in stage, so that prefixes must tell its secrets "
            "apart: set SYNC_STAGE_PREFIXES to keep or strip"
            for vault in sorted(several)
        ]
    faults += _overlaps(targets)
    if faults:
        raise ValueError(*faults)
    return _with_table(naming, [target for _, target in targets])


def _parts(naming: Naming, entry: Entry) -> Parts:
    parts = naming.parts(entry.vault) or Parts()
    project, stage = entry.project or parts.project, entry.stage or parts.stage
    return replace(parts, project=project, stage=stage)


def _of_several_stages(
    naming: Naming, entries: Iterable[Entry], is_one: IsOne
) -> frozenset[VaultName]:
    """Return the vaults whose entries differ in stage."""
    stages: defaultdict[VaultName, set[str]] = defaultdict(set)
    for entry in entries:
        if stage := _parts(naming, entry).stage:
            stages[entry.vault].add(stage)
    return frozenset(
        vault
        for vault, found in stages.items()
        if any(not is_one(*pair) for pair in combinations(sorted(found), 2))
    )


def _target(naming: Naming, entry: Entry, *, unprefixed: bool) -> Target:
    parts = _parts(naming, entry)
    missing = [name for name in ("project", "stage") if not getattr(parts, name)]
    if missing:
        raise ValueError(
            f"lacks {' and '.join(missing)}: the vault's name is not of the form that "
            "SYNC_VAULT_PATTERN asks for, so the entry must say it"
        )
    namespace = entry.namespace or naming.namespace_of(parts)
    if not NAMESPACE.fullmatch(namespace):
        raise ValueError(
            "leads by SYNC_NAMESPACE to no valid namespace (1 to 63 of a-z, 0-9 and '-'): give it "
            "a namespace"
        )
    if is_protected(namespace):
        raise ValueError(f"has namespace {namespace}, and kube-… is never written: give another")
    if namespace == "default" and entry.namespace is None:
        raise ValueError("leads to namespace default by SYNC_NAMESPACE: name it if that is meant")
    cluster = entry.cluster or naming.cluster_of(parts)
    if cluster is None:
        raise ValueError(
            f"matches no cluster of SYNC_CLUSTERS (stage {parts.stage}): give it a cluster"
        )
    if cluster not in {match.cluster for match in naming.clusters}:
        known = ", ".join(match.cluster for match in naming.clusters)
        raise ValueError(f"has a cluster that SYNC_CLUSTERS does not name: it names {known}")
    return Target(
        vault=entry.vault,
        cluster=cluster,
        namespace=namespace,
        secret=entry.secret or own_secret(parts.number),
        project=parts.project,
        stage=parts.stage,
        region=parts.region,
        number=parts.number,
        unprefixed=unprefixed if entry.unprefixed is None else entry.unprefixed,
    )


def _overlaps(targets: Iterable[tuple[str, Target]]) -> Iterator[str]:
    """Yield the faults of entries that lead to one Secret, or to one that another's tags can."""
    spaces: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for label, target in targets:
        secrets = spaces[target.cluster, target.namespace]
        if former := secrets.get(target.secret):
            yield f"{label} leads to Secret {target}, and so does {former}: give each its own"
        secrets.setdefault(target.secret, label)
    for secrets in spaces.values():
        for secret, label in secrets.items():
            for shorter in _shortened(secret):
                if shorter in secrets:
                    yield (
                        f"{label} leads to Secret {secret}, which the tag k8s-secret can ask for "
                        f"from Secret {shorter} of {secrets[shorter]}: name one of them otherwise"
                    )
                elif is_own_by_rule(shorter):
                    yield (
                        f"{label} leads to Secret {secret}, which the tag k8s-secret can ask for "
                        f"from Secret {shorter} of another vault: name it otherwise"
                    )


def _shortened(secret: str) -> Iterator[str]:
    """Yield the names that this one is followed from by a dash and more."""
    parts = secret.split("-")
    return ("-".join(parts[:length]) for length in range(1, len(parts)))


def _with_table(naming: Naming, targets: Iterable[Target]) -> Naming:
    spaces: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    table: defaultdict[VaultName, list[Target]] = defaultdict(list)
    for target in targets:
        spaces[target.cluster, target.namespace].add(target.secret)
        table[target.vault].append(target)
    secrets = {space: frozenset(names) for space, names in spaces.items()}
    whole: Mapping[VaultName, tuple[Target, ...]] = {
        vault: tuple(
            replace(target, placed=secrets[target.cluster, target.namespace]) for target in several
        )
        for vault, several in table.items()
    }
    return replace(naming, table=whole, placed=secrets)
