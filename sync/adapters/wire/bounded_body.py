"""Reads the body of an answer, within a bound of size that the client libraries lack."""

from typing import Protocol

from urllib3.exceptions import HTTPError

LARGEST_BYTES = 8 << 20
"""Far more than any answer holds: a Secret has 1 MiB of values, a page of a listing less."""

_CHUNK_BYTES = 1 << 16


class AnswerTooLarge(HTTPError):
    """An answer that none of the services gives."""


class Body(Protocol):
    """The part of urllib3's response that is needed here."""

    def read1(self, amt: int, *, decode_content: bool) -> bytes:
        """Return what has come, decoded, that many bytes at most; nothing at the end."""
        ...

    def close(self) -> None:
        """Break the connection off."""
        ...


def whole(body: Body) -> bytes:
    """Return the decoded body; raises urllib3's HTTPError, AnswerTooLarge among them."""
    chunks: list[bytes] = []
    size = 0
    while chunk := body.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BYTES:
            body.close()
            raise AnswerTooLarge
    return b"".join(chunks)
