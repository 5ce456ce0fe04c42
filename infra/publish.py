"""Sends the package to the function app, as it is: nothing is built in Azure.

The app's deployment service stores the package with the app's identity, whose role on the storage
account may be seen half an hour after it was given. What is refused with a 403 is sent again.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from infra.azure import Answer, Azure, AzureError, Clock, Refused

API_VERSION = "2024-11-01"
_LONGEST_DEPLOYMENT = 900  # seconds
_CANCELLED, _FAILED, _SUCCEEDED, _SUPERSEDED, _PARTLY = -1, 3, 4, 5, 6
_STATES = {
    _CANCELLED: "it was cancelled",
    _FAILED: "it failed",
    _SUPERSEDED: "another deployment took its place",
    _PARTLY: "it succeeded in part",
}


def publish(azure: Azure, clock: Clock, app: str, package: bytes, seconds: float) -> None:
    """Send the package; for that time, again where it is refused with a 403.

    `app` is the app's resource id. Raises Refused and AzureError.
    """
    service = _service(azure, app)
    pauses = clock.pauses(seconds)
    while True:
        try:
            _deploy(azure, clock, service, app.split("/")[2], package)
        except Refused as refused:
            pause = next(pauses, None)
            if pause is None or not re.search(r"\b403\b", str(refused)):
                raise
            sys.stdout.write(f"{refused} Again in {pause:.0f} s.\n")
            sys.stdout.flush()
            clock.sleep(pause)
        else:
            return


def _service(azure: Azure, app: str) -> str:
    """Return the address of the app's deployment service."""
    answer = azure.manage("GET", f"{app}?api-version={API_VERSION}")
    if answer.status != HTTPStatus.OK:
        raise answer.refusal()
    properties = answer.fields().get("properties")
    hosts = properties.get("hostNameSslStates") if isinstance(properties, dict) else None
    for host in hosts if isinstance(hosts, list) else ():
        if isinstance(host, dict) and host.get("hostType") == "Repository":
            return f"https://{host['name']}"
    raise AzureError(f"Azure names no deployment service of {app}.")


def _deploy(azure: Azure, clock: Clock, service: str, subscription: str, package: bytes) -> None:
    """Send the package once, and follow its deployment to the end."""
    address = f"{service}/api/publish?RemoteBuild=false&Deployer=keyvault_sync"
    answer = azure.send("POST", address, subscription, package, "application/zip")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise _refused(answer)
    identifier = answer.text.strip().strip('"') or "latest"
    partial = False
    for pause in clock.pauses(_LONGEST_DEPLOYMENT):
        clock.sleep(pause)
        answer = azure.send("GET", f"{service}/api/deployments/{identifier}", subscription)
        if _ended(answer, partial=partial):
            return
        partial |= answer.status == HTTPStatus.ACCEPTED
    raise Refused(f"The deployment has not ended after {_LONGEST_DEPLOYMENT // 60} minutes.")


def _ended(answer: Answer, *, partial: bool) -> bool:
    """Tell whether the deployment has succeeded; raises Refused if it never will.

    The new code may restart the service, which is away then, and forgets a deployment that was all
    but done.
    """
    if answer.status == HTTPStatus.NOT_FOUND:
        return partial
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _refused(answer)
    state = answer.fields().get("status")
    if state in _STATES:
        raise Refused(f"The deployment has not succeeded: {_STATES[state]}. {answer.text[:2000]}")
    return state == _SUCCEEDED


def _refused(answer: Answer) -> Refused:
    return Refused(f"HTTP {answer.status}: {answer.text[:2000].strip()}")


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Send the package; return 1 if that failed."""
    parser = argparse.ArgumentParser("infra.publish", description=__doc__)
    parser.add_argument("--app", required=True, help="resource id of the function app")
    parser.add_argument("--package", type=Path, default=Path("dist/keyvault-sync.zip"))
    parser.add_argument(
        "--minutes", type=float, default=30, help="how long to repeat after a 403 (%(default)s)"
    )
    given = parser.parse_args(arguments)
    try:
        package = given.package.read_bytes()
        publish(Azure(), clock or Clock(), given.app, package, given.minutes * 60)
    except OSError as error:
        sys.stderr.write(f"{given.package} cannot be read: {error.strerror}. Run make package.\n")
    except (Refused, AzureError) as error:
        sys.stderr.write(
            f"{error}\nThe package was not deployed; run this again. If it is a 403 still, the "
            "app's identity lacks its role on the storage account, or a firewall keeps it out.\n"
        )
    else:
        sys.stdout.write(f"{given.package} is deployed.\n")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
