"""Says what is deployed, as CycloneDX: each dependency with its wheel's hash, licence and purl.

It is read from the package's own folder, so that it cannot say anything else than what is there,
and from `uv.lock`. The same package gives the same text: it has neither a time nor a random number.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NotRequired, TypedDict
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename

_SPELLED_OTHERWISE = {"Apache 2.0": "Apache-2.0", "MIT License": "MIT"}
"""How metadata from before SPDX's names spell a licence."""

_READ = {"isodate": "BSD-3-Clause"}
"""Licences whose text is in the metadata and that a person has recognized."""

_ID = re.compile(r"[\w.+-]+(?: (?:AND|OR) [\w.+-]+)*", re.ASCII)


class SbomError(Exception):
    """The folder holds something that the lock does not explain, or of an unknown licence."""


class _Named(TypedDict):
    name: str
    extra: NotRequired[list[str]]


class _Wheel(TypedDict):
    url: str
    hash: str


Locked = TypedDict(
    "Locked",
    {
        "name": str,
        "version": str,
        "wheels": NotRequired[list[_Wheel]],
        "dependencies": NotRequired[list[_Named]],
        "optional-dependencies": NotRequired[dict[str, list[_Named]]],
    },
)


@dataclass(frozen=True, slots=True)
class Lock:
    """What `uv.lock` says, by name."""

    packages: Mapping[str, Locked]

    @classmethod
    def read(cls, path: Path) -> "Lock":
        """Parse the lock."""
        packages: list[Locked] = tomllib.loads(path.read_text())["package"]
        return cls({package["name"]: package for package in packages})

    def wheel_hash(self, name: str, tags: frozenset[Tag]) -> str:
        """Return the SHA-256 of the one wheel with those tags; raises SbomError."""
        package = self.packages.get(name)
        found = [
            wheel["hash"].removeprefix("sha256:")
            for wheel in (package.get("wheels", []) if package else [])
            if parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] == tags
        ]
        if len(found) != 1:
            raise SbomError(f"uv.lock has {len(found)} wheels for the {name} that is packaged.")
        return found[0]

    def needs(self, name: str) -> Iterator[str]:
        """Name what a package asks for, on whatever platform, extras that somebody asks for too."""
        package = self.packages[name]
        asked = {
            extra
            for other in self.packages.values()
            for each in other.get("dependencies", [])
            if each["name"] == name
            for extra in each.get("extra", [])
        }
        optional = package.get("optional-dependencies", {})
        for group in (package.get("dependencies", []), *(optional.get(e, []) for e in asked)):
            yield from (each["name"] for each in group)


def bill(site_packages: Path, lock: Lock, archive: Path) -> str:
    """Return the bill of materials of a package, CycloneDX 1.6 in JSON; raises SbomError."""
    app = lock.packages["keyvault-sync"]
    digest = sha256(archive.read_bytes()).hexdigest()
    root = Component(
        name=app["name"],
        version=app["version"],
        type=ComponentType.APPLICATION,
        bom_ref=app["name"],
        hashes=[_sha256(digest)],
    )
    parts = {canonicalize_name(d.name): d for d in distributions(path=[str(site_packages)])}
    components: dict[str, Component] = {
        name: _component(name, part, lock) for name, part in sorted(parts.items())
    }
    bom = Bom(components=components.values(), serial_number=uuid5(NAMESPACE_URL, digest))
    bom.metadata.component = root
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the library's type has no absence
    for name, component in ((app["name"], root), *components.items()):
        needed = (components[each] for each in lock.needs(name) if each in components)
        bom.register_dependency(component, needed)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def _component(name: str, part: Distribution, lock: Lock) -> Component:
    lines = re.findall(r"^Tag: (\S+)$", part.read_text("WHEEL") or "", re.MULTILINE)
    tags = frozenset(tag for line in lines for tag in parse_tag(line))
    purl = PackageURL("pypi", name=name, version=part.version)
    return Component(
        name=name,
        version=part.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[_sha256(lock.wheel_hash(name, tags))],
        licenses=_licences(name, part),
    )


def _licences(name: str, part: Distribution) -> Iterable[License]:
    fields = part.metadata
    told = _READ.get(name) or fields.get("License-Expression") or fields.get("License") or ""
    licence = _SPELLED_OTHERWISE.get(told, told)
    if not _ID.fullmatch(licence):
        raise SbomError(f"The metadata of {name} {part.version} name no licence: read its text.")
    return [LicenseFactory().make_from_string(licence)]


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
