"""Reads the body of an answer, within a bound of size that the client libraries lack."""

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

LARGEST_BYTES = 8 << 20
"""Far more than any answer holds: a Secret has 1 MiB of values, a page of a listing less."""

_CHUNK_BYTES = 1 << 16


class AnswerTooLarge(HTTPError):
    """An answer that none of the services gives."""


def whole(response: BaseHTTPResponse) -> bytes:
    """Return the decoded body; raises urllib3's HTTPError, AnswerTooLarge among them."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BYTES:
            response.close()
            raise AnswerTooLarge
    return b"".join(chunks)
