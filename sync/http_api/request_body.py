"""Says what is wrong with a body that the host could not pass on as it was sent."""

from collections.abc import Mapping

from sync.core.errors import Malformed
from sync.core.reasons import Reason


def whole_body(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the body; raises Malformed for one that came in chunks or is compressed.

    The Functions host passes a body without a length on as nothing.
    """
    if headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise Malformed(
            Reason.REQUEST_MALFORMED,
            "The body is compressed, as Content-Encoding says: send it as plain JSON.",
        )
    if not body and "chunked" in headers.get("transfer-encoding", "").lower():
        raise Malformed(
            Reason.REQUEST_MALFORMED,
            "The body came in chunks, which the Functions host does not pass on: send it with "
            "Content-Length.",
        )
    return body
