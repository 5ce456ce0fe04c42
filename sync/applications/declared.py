"""Reads an object of a cluster, and decides to which Secrets the objects of a namespace lead."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sync.applications.kinds import Kind
from sync.applications.paths import names_in
from sync.applications.ports import Declared
from sync.core.errors import Permanent
from sync.core.model import SECRET_NAME, Application, Target
from sync.core.outcomes import Failed
from sync.core.reasons import Reason
from sync.core.vault_names import is_own

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)

type Listed = Mapping[Kind, Sequence[Declared]]


def declared(kind: Kind, document: object, namespace: str) -> Declared:
    """Read an object; raises ValueError for one that is not of this namespace, or is no object."""
    match document:
        case {"metadata": {"name": str(name), "namespace": str(place), **metadata}}:
            if place == namespace and _NAME.fullmatch(name):
                deleting = metadata.get("deletionTimestamp") is not None
                return Declared(name, names_in(kind.names, document), deleting)
        case _:
            pass
    raise ValueError("no object of the namespace")


def targets(own: Target, listed: Listed, memory: Mapping[str, str]) -> Iterator[Target | Failed]:
    """Yield the target of each application's Secret, or why an application cannot have one.

    `memory` are the applications that had Secrets, by Secret. One that is no longer listed is gone;
    whether it is so is to be confirmed. An object that lists nothing has a Secret only if it had
    one.
    """
    led: defaultdict[str, list[Application]] = defaultdict(list)
    there: set[str] = set()
    for kind, objects in listed.items():
        for each in objects:
            found = Application(
                str(kind),
                each.name,
                each.names.secrets,
                variables=kind.variables,
                unreadable=each.names.unreadable,
            )
            there.add(str(found))
            secret = kind.secret_of(each.name)
            if found.secrets or found.unreadable or memory.get(secret) == str(found):
                led[secret].append(found)
    for secret, applications in sorted(led.items()):
        yield from _led(own, secret, applications)
    kinds = {str(kind): kind for kind in listed}
    for secret, remembered in sorted(memory.items()):
        text, _, name = remembered.partition("/")
        if text in kinds and remembered not in there and not is_own(own, secret):
            gone = Application(text, name, variables=kinds[text].variables, gone=True)
            yield own.of_application(secret, gone)


def _led(
    own: Target, secret: str, applications: Sequence[Application]
) -> Iterator[Target | Failed]:
    refused = ""
    if not SECRET_NAME.fullmatch(secret):
        refused = "no Secret can be called as it asks"
    elif is_own(own, secret):
        refused = f"{secret} is a vault's own Secret"
    for application in applications:
        if refused:
            yield Failed(
                own.vault.text,
                Permanent(
                    Reason.APPLICATION_REFUSED,
                    f"Application {application} in namespace {own.namespace} gets no Secret: "
                    f"{refused}. Rename it, or correct `secret` in SYNC_APPLICATIONS.",
                ),
            )
            continue
        rivals = tuple(
            str(each)
            for each in applications
            if each != application and (each.secrets or each.unreadable)
        )
        yield own.of_application(secret, replace(application, rivals=rivals))
