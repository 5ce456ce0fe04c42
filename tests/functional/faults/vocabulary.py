"""The faults that each remote call is tried with, by the names that docs/faults.md has."""

from collections.abc import Mapping

from local.faults import Fault

HANGS_SECONDS = 90.0
SLOW_SECONDS = 2.0
LONG_SECONDS = 600

BY_SERVER: Mapping[str, Fault] = {
    "429, Retry-After 1": Fault(429, headers={"Retry-After": "1"}),
    "429, Retry-After 600": Fault(429, headers={"Retry-After": str(LONG_SECONDS)}),
    "429": Fault(429),
    **{str(status): Fault(status) for status in (500, 502, 503)},
    **{str(status): Fault(status) for status in (401, 403, 404, 408, 409, 413, 422)},
    "404 in HTML": Fault(404, body=b"<html>no such page</html>", content_type="text/html"),
    "redirect": Fault(302, body=b"", headers={"Location": "https://elsewhere.example/"}),
    "slow": Fault(delay=SLOW_SECONDS),
    "hang": Fault(delay=HANGS_SECONDS),
    "drip": Fault(drip=1.0),
    "endless head": Fault(drip=1.0, endless_head=True),
    "reset": Fault(reset=True),
    "half a body": Fault(cut=True),
    "half a chunked body": Fault(cut=True, chunked=True),
    "other JSON": Fault(body=b'{"message": "hello"}'),
    "HTML": Fault(body=b"<html><body>Sign in</body></html>", content_type="text/html"),
}
"""What a server may do to a request; all of them last until they are cleared."""

NO_HOST = "the proxy knows no such host"
EXPIRED = "expired certificate"
OF_CONNECTIONS = (NO_HOST, EXPIRED)
"""What keeps a request from being sent at all."""

NO_NAME = "the name does not resolve"
"""What does so where no proxy is."""

ONCE = ("429, Retry-After 1", "500", "503", "401", "404", "409", "reset", "half a body")
"""Of those, the ones that are tried as happening a single time, too."""

LASTS_LONG = frozenset({"hang", "drip", "endless head"})
"""What takes all the time that a call has."""
