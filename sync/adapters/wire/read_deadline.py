"""Connections whose read timeout bounds a whole answer, headers and body, and not each read."""

import io
import socket
import time
from http.client import HTTPResponse

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import pool_classes_by_scheme


def with_read_deadline(manager: PoolManager) -> PoolManager:
    """Return the manager, whose connections now apply the read timeout to a whole answer.

    urllib3 applies it to each wait for bytes, so a server that sends one byte now and then is read
    for ever. An answer that takes longer raises urllib3's ReadTimeoutError.
    """
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:  # not those of a SOCKS proxy
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


class _Bytes(io.RawIOBase):
    """The bytes that a socket receives before `until`, in monotonic seconds."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, until: float) -> None:
        self._sock = sock
        self._source = source
        self._until = until

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        """Read what is available; raises TimeoutError once the time is over."""
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
    """An answer that has to end within the timeout that its socket has when reading begins."""

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
