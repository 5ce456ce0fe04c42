"""Reads a response body up to a size limit, which the client libraries lack."""

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

LARGEST_BYTES = 8 << 20
"""Far more than any real answer: a Secret holds 1 MiB of values, a page of a listing less."""

_CHUNK_BYTES = 1 << 16


class AnswerTooLarge(HTTPError):
    """The answer is larger than any that these services send."""


def whole(response: BaseHTTPResponse) -> bytes:
    """Return the decoded body; raises urllib3's HTTPError, or AnswerTooLarge past the limit."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BYTES:
            response.close()
            raise AnswerTooLarge
    return b"".join(chunks)
