"""Finds the keys of Secrets that a pod takes, by the JSON of its spec."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

APPLICATION = "keyvault-sync/application"
"""A label or an annotation of pods, to which `components/env-from` adds that Secret's variables."""


@dataclass(frozen=True, slots=True)
class Use:
    """A key of a Secret, or all its keys if `key` is None.

    A pod does not start without one that is not `optional`; without a key, the Secret itself is
    meant. A running pod sees a change of what is `live`: a file in a volume, but no environment
    variable and nothing that is mounted by subPath.
    """

    secret: str
    key: str | None
    optional: bool = False
    live: bool = False


class _Selector(TypedDict):
    name: str
    key: str
    optional: NotRequired[bool]


class _Reference(TypedDict):
    name: str
    optional: NotRequired[bool]


class _ValueFrom(TypedDict):
    secretKeyRef: NotRequired[_Selector]


class _Variable(TypedDict):
    valueFrom: NotRequired[_ValueFrom]


class _Variables(TypedDict):
    secretRef: NotRequired[_Reference]


class _Mount(TypedDict):
    name: str
    subPath: NotRequired[str]
    subPathExpr: NotRequired[str]


class _Container(TypedDict):
    env: NotRequired[list[_Variable]]
    envFrom: NotRequired[list[_Variables]]
    volumeMounts: NotRequired[list[_Mount]]


class _Item(TypedDict):
    key: str
    path: str


class _SecretVolume(TypedDict):
    secretName: str
    items: NotRequired[list[_Item]]
    optional: NotRequired[bool]


class _Projection(TypedDict):
    name: str
    items: NotRequired[list[_Item]]
    optional: NotRequired[bool]


class _Source(TypedDict):
    secret: NotRequired[_Projection]


class _Projected(TypedDict):
    sources: NotRequired[list[_Source]]


class _Volume(TypedDict):
    name: str
    secret: NotRequired[_SecretVolume]
    projected: NotRequired[_Projected]


class PodSpec(TypedDict):
    """The fields of a pod's spec by which it takes Secrets, but for `imagePullSecrets`.

    Those are fetched anew at each start of a pod, so a change of them needs no restart.
    """

    containers: NotRequired[list[_Container]]
    initContainers: NotRequired[list[_Container]]
    volumes: NotRequired[list[_Volume]]


@dataclass(frozen=True, slots=True)
class _Files:
    """The files that a volume makes of one Secret: keys by path, all keys by name if None."""

    secret: str
    keys: Mapping[str, str] | None
    optional: bool


def uses_of(spec: PodSpec) -> tuple[Use, ...]:
    """Return what the pod's containers take, init containers and sidecars among them.

    Raises KeyError, TypeError or AttributeError for what is no pod's spec.
    """
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    found = [use for each in containers for use in _variables(each)]
    for volume in spec.get("volumes") or ():
        mounts = [
            mount
            for each in containers
            for mount in each.get("volumeMounts") or ()
            if mount["name"] == volume["name"]
        ]
        for files in _files(volume):
            found += _mounted(files, mounts)
    return tuple(dict.fromkeys(found))


def _variables(container: _Container) -> Iterator[Use]:
    for variable in container.get("env") or ():
        if one := (variable.get("valueFrom") or {}).get("secretKeyRef"):
            yield Use(one["name"], one["key"], one.get("optional") or False)
    for every in container.get("envFrom") or ():
        if reference := every.get("secretRef"):
            yield Use(reference["name"], None, reference.get("optional") or False)


def _files(volume: _Volume) -> Iterator[_Files]:
    if secret := volume.get("secret"):
        yield _Files(secret["secretName"], _by_path(secret.get("items")), _optional(secret))
    for source in (volume.get("projected") or {}).get("sources") or ():
        if projected := source.get("secret"):
            items = _by_path(projected.get("items"))
            yield _Files(projected["name"], items, _optional(projected))


def _by_path(items: Iterable[_Item] | None) -> Mapping[str, str] | None:
    return {item["path"]: item["key"] for item in items} if items else None


def _optional(volume: _SecretVolume | _Projection) -> bool:
    return volume.get("optional") or False


def _mounted(files: _Files, mounts: Sequence[_Mount]) -> Iterator[Use]:
    """Yield what the mounts of a volume show of one Secret; all of it if nothing mounts it."""
    if not mounts:
        yield from _below(files, "", live=True)
    for mount in mounts:
        path = mount.get("subPath") or ""
        # Variables that only the pod knows make a `subPathExpr`: it may show any of the keys.
        live = not path and not mount.get("subPathExpr")
        yield from _below(files, path, live=live)


def _below(files: _Files, path: str, *, live: bool) -> Iterator[Use]:
    """Yield the keys whose files are at or below a path of the volume; all of them for no path."""
    if files.keys is None:
        # By subPath alone a key is not required: the kubelet makes a folder of its name.
        yield Use(files.secret, path or None, files.optional or bool(path), live)
        return
    for file, key in files.keys.items():
        if not path or file == path or file.startswith(f"{path}/"):
            yield Use(files.secret, key, files.optional, live)
