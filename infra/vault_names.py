"""Looks whether the vaults of `projects` can be made, before anything is; changes nothing.

Names of vaults are global, and a deleted vault keeps its name until it is purged. Whether such a
vault is to be recovered, with all that it holds, is a person's decision.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

API_VERSION = "2026-02-01"
_GROUPS_API_VERSION = "2024-11-01"
_LONGEST = 24  # characters of a vault's name

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None


class LookError(Exception):
    """What was given holds no projects, or Azure could not be asked; the message is for people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one name; `blocks` says that a deployment would fail or should not be."""

    name: str
    text: str
    blocks: bool = False


type Ask = Callable[[str, str, Mapping[str, str] | None], Json]
"""Send a request to Resource Manager: method, path with query, and body."""


def read_names(text: str) -> list[str]:
    """Return the names of the vaults that projects make, in order.

    The text is what `az bicep build-params --stdout` prints, or JSON of the list, which a console
    may have quoted. Raises LookError.
    """
    try:
        given: Json = json.loads(text)
        while isinstance(given, str):
            given = json.loads(given)
        if isinstance(given, dict):
            given = _of_parameters(given)
    except (ValueError, RecursionError) as error:
        raise LookError("The projects are not JSON.") from error
    if not isinstance(given, list):
        raise LookError("The projects are to be a list of objects.")
    return [name for number, project in enumerate(given, 1) for name in _names(number, project)]


def look(names: Sequence[str], subscription: str, group: str, ask: Ask) -> Iterator[Finding]:
    """Tell of the resource group, and of each name whether its vault can be made."""
    root = f"/subscriptions/{subscription}"
    groups = _listed(f"{root}/resourcegroups?api-version={_GROUPS_API_VERSION}", ask)
    if group.lower() not in groups:
        yield Finding(
            group,
            "the resource group does not exist; make it: "
            f"az group create --name {group} --location REGION",
            blocks=True,
        )
    service = f"{root}/providers/Microsoft.KeyVault"
    own = _listed(f"{service}/vaults?api-version={API_VERSION}", ask)
    deleted = _listed(f"{service}/deletedVaults?api-version={API_VERSION}", ask)
    seen: set[str] = set()
    for name in names:
        key = name.lower()
        if key in seen:
            yield Finding(name, "is made twice: by two projects, or by a number twice", blocks=True)
        elif len(name) > _LONGEST:
            yield Finding(name, f"has {len(name)} characters, {_LONGEST} at most", blocks=True)
        elif key in own:
            yield _existing(name, group, str(own[key].get("id", "")))
        elif key in deleted:
            yield _deleted(name, deleted[key])
        else:
            yield _free(name, service, ask)
        seen.add(key)


def _of_parameters(document: dict[str, Json]) -> Json:
    """Return the projects of a compiled parameters file; none are given: an empty list."""
    inner = document.get("parametersJson")
    if isinstance(inner, str):
        document = json.loads(inner)
    match document:
        case {"parameters": dict(parameters)}:
            pass
        case _:
            raise LookError("The JSON is neither a list of projects nor a parameters file.")
    match parameters.get("projects", {"value": []}):
        case {"value": value}:
            return value
        case _:
            raise LookError("The parameters file gives projects no value.")


def _names(number: int, project: Json) -> Iterator[str]:
    match project:
        case {
            "name": str(name),
            "stage": str(stage),
            "region": str(region),
            "numbers": list(numbers),
        }:
            yield from (f"{region}-DS-AKV-{name}-{stage}-{each}" for each in numbers)
        case _:
            raise LookError(f"Project {number} lacks name, stage, region or numbers.")


def _listed(path: str, ask: Ask) -> dict[str, dict[str, Json]]:
    """Read all pages of a list, by name in lower case."""
    found: dict[str, dict[str, Json]] = {}
    while path:
        match ask("GET", path, None):
            case {"value": list(items), **rest}:
                for item in items:
                    if isinstance(item, dict):
                        found[str(item.get("name", "")).lower()] = item
            case _:
                raise LookError(f"Azure's answer to {path.partition('?')[0]} is no list.")
        following = urlsplit(str(rest.get("nextLink") or ""))
        path = f"{following.path}?{following.query}" if following.path else ""
    return found


def _existing(name: str, group: str, identifier: str) -> Finding:
    if f"/resourcegroups/{group.lower()}/" in identifier.lower():
        return Finding(name, "exists, and stays as it is")
    return Finding(
        name,
        f"exists elsewhere, {identifier}: take it off projects and list it in vaults",
        blocks=True,
    )


def _deleted(name: str, vault: Mapping[str, Json]) -> Finding:
    properties = vault.get("properties")
    known = properties if isinstance(properties, dict) else {}
    location = known.get("location", "REGION")
    return Finding(
        name,
        f"was deleted and holds its name until {known.get('scheduledPurgeDate', 'it is purged')}. "
        f"If it is to come back with its secrets, somebody has to say so: "
        f"az keyvault recover --name {name} --location {location}; "
        "otherwise take another number",
        blocks=True,
    )


def _free(name: str, service: str, ask: Ask) -> Finding:
    body = {"name": name, "type": "Microsoft.KeyVault/vaults"}
    match ask("POST", f"{service}/checkNameAvailability?api-version={API_VERSION}", body):
        case {"nameAvailable": True}:
            return Finding(name, "is free")
        case {"nameAvailable": False, "reason": "AccountNameInvalid"}:
            return Finding(name, "is no name of a vault", blocks=True)
        case {"nameAvailable": False}:
            return Finding(
                name,
                "is taken in a subscription that you do not look at, by a vault or a deleted one: "
                "take another number",
                blocks=True,
            )
        case _:
            raise LookError(f"Azure does not say whether {name} is free.")


def ask_azure(method: str, path: str, body: Mapping[str, str] | None) -> Json:
    """Send a request by `az rest`; raises LookError."""
    command = ["az", "rest", "--only-show-errors", "--method", method, "--url", path]
    if body is not None:
        command += ["--body", json.dumps(body)]
    return _json(_az(command))


def _az(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - az
    except OSError as error:
        raise LookError("az is not on the PATH: install the Azure CLI and az login.") from error


def _json(done: subprocess.CompletedProcess[str]) -> Json:
    if done.returncode:
        raise LookError(f"az failed: {done.stderr.strip() or 'without a word'}")
    try:
        answer: Json = json.loads(done.stdout)
    except ValueError as error:
        raise LookError("az did not print JSON.") from error
    return answer


def _subscription() -> str:
    match _json(_az(["az", "account", "show", "--output", "json"])):
        case {"id": str(identifier)}:
            return identifier
        case _:
            raise LookError("az is logged in to no subscription: az login.")


def main() -> None:
    """Print a line for each name; exit code 1 where one blocks, 2 where that could not be seen."""
    parser = argparse.ArgumentParser("infra.vault_names", description=__doc__)
    parser.add_argument(
        "projects",
        nargs="?",
        type=Path,
        help="JSON of the projects, or a compiled parameters file; by default standard input",
    )
    parser.add_argument("--group", required=True, help="the resource group of projects' vaults")
    parser.add_argument("--subscription", help="its id; by default that of az")
    given = parser.parse_args()
    blocked = False
    try:
        text = given.projects.read_text("utf-8-sig") if given.projects else sys.stdin.read()
        names = read_names(text)
        subscription = given.subscription or (_subscription() if names else "")
        for finding in look(names, subscription, given.group, ask_azure) if names else ():
            blocked |= finding.blocks
            mark = "BLOCKED" if finding.blocks else "ok"
            sys.stdout.write(f"{mark:7}  {finding.name}  {finding.text}\n")
    except (LookError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.exit(int(blocked))


if __name__ == "__main__":
    main()
