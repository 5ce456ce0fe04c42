"""Makes the event subscriptions: each vault's system topic sends its events to the function.

Event Grid sees a function, and a topic's new role, minutes after they are there, and refuses the
subscription until then; what it refuses for these reasons is asked for again. A subscription that
is as it should be is left alone, so that the command can be run at any time.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from infra.azure import Azure, AzureError, Clock, Refused

NAME = "key-vault-sync"
FUNCTION = "key_vault_event"
API_VERSION = "2025-02-15"
EVENT_TYPES = (
    "Microsoft.KeyVault.SecretNewVersionCreated",
    "Microsoft.KeyVault.CertificateNewVersionCreated",
    "Microsoft.KeyVault.SecretNearExpiry",
    "Microsoft.KeyVault.SecretExpired",
    "Microsoft.KeyVault.CertificateNearExpiry",
    "Microsoft.KeyVault.CertificateExpired",
)
_AT_ONCE = 8  # topics that are worked on
_UNSEEN = (
    f"Event Grid does not see the function {FUNCTION}. Look whether the app lists it "
    "(az functionapp function list): if not, deploy the code first."
)
_NOT_ALLOWED = (
    "The topic's identity may not write dead letters. Look at its role Storage Blob Data "
    "Contributor on the container dead-letters."
)
# What passes by itself, by Event Grid's code, and what to look at if it does not.
_LATER = {
    "url validation": _UNSEEN,
    "endpoint validation": _UNSEEN,
    "managed identity authorization error": _NOT_ALLOWED,
}
_NO_TRIGGER = "unsupported azure function trigger"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a topic has no subscription now; `later` says that it may have one without a change."""

    text: str
    later: bool = False


def desired(app: str, storage: str) -> dict[str, object]:
    """Return what a subscription is made of; `app` and `storage` are resource ids."""
    return {
        "destination": {
            "endpointType": "AzureFunction",
            "properties": {
                "resourceId": f"{app}/functions/{FUNCTION}",
                "maxEventsPerBatch": 1,
                "preferredBatchSizeInKilobytes": 64,
            },
        },
        # The app takes both schemas. In this one an event says by its topic which vault raised it.
        "eventDeliverySchema": "EventGridSchema",
        "filter": {"includedEventTypes": list(EVENT_TYPES)},
        "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
        "deadLetterWithResourceIdentity": {
            "identity": {"type": "SystemAssigned"},
            "deadLetterDestination": {
                "endpointType": "StorageBlob",
                "properties": {"resourceId": storage, "blobContainerName": "dead-letters"},
            },
        },
    }


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Makes the subscriptions of topics, or deletes them."""

    azure: Azure
    clock: Clock

    def make(self, topic: str, wanted: Mapping[str, object]) -> Failure | None:
        """Make the topic's subscription, unless it is there; return why that failed."""
        path = _path(topic)
        try:
            found = self.azure.manage("GET", path)
            if found.status == HTTPStatus.OK and _is(found.fields().get("properties"), wanted):
                return None
            self.azure.finish("PUT", path, self.clock, {"properties": wanted})
        except (Refused, AzureError) as error:
            return _failure(error)
        return None

    def delete(self, topic: str) -> Failure | None:
        """Delete the topic's subscription, if there is one; return why that failed."""
        try:
            if self.azure.manage("GET", _path(topic)).status != HTTPStatus.NOT_FOUND:
                self.azure.finish("DELETE", _path(topic), self.clock)
        except (Refused, AzureError) as error:
            return _failure(error)
        return None

    def make_all(
        self, topics: Mapping[str, str], wanted: Mapping[str, object], seconds: float
    ) -> list[str]:
        """Make those of topics, by vault; return the vaults that have none in the end.

        After the first round, repeats for that time what may still pass, and tells each step.
        """
        failures = self._round(topics, wanted)
        for pause in self.clock.pauses(seconds):
            waiting = {vault: topics[vault] for vault, each in failures.items() if each.later}
            if not waiting:
                break
            for vault in waiting:
                _say(f"{vault}: {failures[vault].text} Again in {pause:.0f} s.")
            self.clock.sleep(pause)
            lasting = {vault: each for vault, each in failures.items() if not each.later}
            failures = lasting | self._round(waiting, wanted)
        return _told(failures)

    def delete_all(self, topics: Mapping[str, str]) -> list[str]:
        """Delete those of topics, by vault; return the vaults that still have one."""
        return _told(_each(topics, self.delete, "not subscribed"))

    def _round(self, topics: Mapping[str, str], wanted: Mapping[str, object]) -> dict[str, Failure]:
        return _each(topics, lambda topic: self.make(topic, wanted), "subscribed")


def _each(
    topics: Mapping[str, str], act: Callable[[str], Failure | None], done: str
) -> dict[str, Failure]:
    """Do it for a few topics at once; tell of those that are done, and return the others."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(topics, pool.map(act, topics.values()), strict=True))
    for vault, failure in found.items():
        if failure is None:
            _say(f"{vault}: {done}")
    return {vault: failure for vault, failure in found.items() if failure is not None}


def _told(failures: Mapping[str, Failure]) -> list[str]:
    for vault, failure in failures.items():
        _say(f"{vault}: FAILED. {failure.text}")
    return list(failures)


def _path(topic: str) -> str:
    return f"{topic}/eventSubscriptions/{NAME}?api-version={API_VERSION}"


def _is(found: object, wanted: Mapping[str, object]) -> bool:
    """Tell whether a subscription is done and has all that is wanted."""
    done = isinstance(found, dict) and found.get("provisioningState") == "Succeeded"
    return done and _has(found, wanted)


def _has(found: object, wanted: object) -> bool:
    """Compare what Azure returns, which adds fields and may spell ids in another case."""
    match wanted:
        case dict():
            return isinstance(found, dict) and all(
                _has(found.get(name), value) for name, value in wanted.items()
            )
        case list():
            return isinstance(found, list) and {str(each).casefold() for each in found} == {
                str(each).casefold() for each in wanted
            }
        case _:
            return str(found).casefold() == str(wanted).casefold()


def _failure(error: Refused | AzureError) -> Failure:
    codes = error.codes if isinstance(error, Refused) else frozenset()
    if _NO_TRIGGER in codes:
        return Failure(f"{error} {FUNCTION} is another function there: deploy this project's code.")
    for code, look in _LATER.items():
        if code in codes:
            return Failure(f"{error} {look}", later=True)
    return Failure(str(error))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _topics(text: str) -> dict[str, str]:
    """Parse a JSON object of topics' resource ids by the names of their vaults."""
    found: object = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError
    return found


def _again(given: argparse.Namespace, topics: Mapping[str, str]) -> str:
    """Return the command that asks for these topics once more."""
    words = ["python3", "-m", "infra.subscribe", "--topics", json.dumps(topics)]
    if given.delete:
        return shlex.join([*words, "--delete"])
    return shlex.join([*words, "--app", given.app, "--storage", given.storage])


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Make the subscriptions, or delete them; return 1 if a topic is left, 2 if az is not there."""
    parser = argparse.ArgumentParser("infra.subscribe", description=__doc__)
    parser.add_argument(
        "--topics", type=_topics, required=True, help="JSON: resource ids of topics, by vault"
    )
    parser.add_argument("--app", help="resource id of the function app")
    parser.add_argument("--storage", help="resource id of the account with the dead letters")
    parser.add_argument(
        "--minutes",
        type=float,
        default=20,
        help="how long to repeat what may still pass (%(default)s)",
    )
    parser.add_argument(
        "--delete", action="store_true", help="delete the subscriptions, and leave the topics"
    )
    given = parser.parse_args(arguments)
    if not given.delete and not (given.app and given.storage):
        parser.error("--app and --storage are needed, unless it is --delete")
    try:
        subscriptions = Subscriptions(Azure(), clock or Clock())
    except AzureError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    left = (
        subscriptions.delete_all(given.topics)
        if given.delete
        else subscriptions.make_all(
            given.topics, desired(given.app, given.storage), given.minutes * 60
        )
    )
    if left:
        command = _again(given, {vault: given.topics[vault] for vault in left})
        sys.stderr.write(f"{len(left)} failed: {', '.join(left)}. Run this again: {command}\n")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
