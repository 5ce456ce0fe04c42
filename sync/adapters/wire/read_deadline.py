"""Connections that read an answer, head and body, within the time for it, however it drips."""

import io
import socket
import time
from http.client import HTTPResponse

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import pool_classes_by_scheme


def with_read_deadline(manager: PoolManager) -> PoolManager:
    """Let the manager's connections take a read timeout for the whole of an answer.

    To the libraries it is the time of each wait for bytes: a server that sends one now and then is
    read for ever. What takes longer raises urllib3's ReadTimeoutError.
    """
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:  # and no other way's, as of SOCKS
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


class _Bytes(io.RawIOBase):
    """What comes in by a socket until a moment on the monotonic clock."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, until: float) -> None:
        self._sock = sock
        self._source = source
        self._until = until

    def readable(self) -> bool:
        """Say so."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        """Read what has come; raises TimeoutError at the moment."""
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._sock.settimeout(remaining)
        return self._source.readinto(buffer)

    def close(self) -> None:
        """Close the source as well."""
        self._source.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer that ends within the timeout that its socket has now, as it begins to be read."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        timeout = sock.gettimeout()
        if timeout is not None:
            until = time.monotonic() + timeout
            self.fp = io.BufferedReader(_Bytes(sock, self.fp.detach(), until))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
