"""Carries requests of real HTTP clients to the emulators' servers inside one process."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from unittest import mock

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from urllib3 import BaseHTTPResponse, HTTPResponse
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ProtocolError
from yarl import URL

_BODY_LIMIT = 4 << 20
_LOOP = asyncio.new_event_loop()
_CONNECTION = mock.Mock()
"""What aiohttp knows of a connection, of which the handlers only look at the transport."""


class _Line:
    """A connection, of which a server can only tell that it broke it off."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it leaves a client; the body may hold values."""

    host: str
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server made of it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


type Carry = Callable[[Sent], Answered]


class Server:
    """An emulator's application, asked without a socket; one request at a time."""

    def __init__(self, application: web.Application) -> None:
        self._application = application
        application.freeze()

    def ask(self, sent: Sent) -> Answered:
        """Return the server's answer; raises ProtocolError where it broke off instead."""
        return _LOOP.run_until_complete(self._ask(sent))

    async def _ask(self, sent: Sent) -> Answered:
        line = _Line()
        try:
            answer = await self._application._handle(_request(sent, line))  # noqa: SLF001 - no socket
        except asyncio.CancelledError:
            answer = None
        if answer is None or line.aborted:
            raise ProtocolError("Connection aborted.")
        assert isinstance(answer, web.Response)
        assert isinstance(answer.body, bytes)
        return Answered(answer.status, dict(answer.headers), answer.body)


def _request(sent: Sent, line: _Line) -> web.Request:
    message = RawRequestMessage(
        method=sent.method,
        path=sent.target,
        version=HttpVersion11,
        headers=CIMultiDictProxy(CIMultiDict({"Host": sent.host, **sent.headers})),
        raw_headers=(),
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
        url=URL(sent.target, encoded=True),
    )
    _CONNECTION.transport = line
    payload = StreamReader(_CONNECTION, 1 << 16, loop=_LOOP)
    payload.feed_data(sent.body)
    payload.feed_eof()
    return web.Request(
        message, payload, _CONNECTION, _CONNECTION, _CONNECTION, _LOOP, client_max_size=_BODY_LIMIT
    )


def pool_class(carry: Carry) -> type[HTTPSConnectionPool]:
    """Return a pool of urllib3's whose requests are carried so, and open no connection."""

    class Inside(HTTPSConnectionPool):
        def urlopen(  # type: ignore[override]  # the parameters of a connection mean nothing here
            self,
            method: str,
            url: str,
            body: bytes | str | None = None,
            headers: Mapping[str, str] | None = None,
            *,
            preload_content: bool = True,
            **_: object,
        ) -> BaseHTTPResponse:
            raw = body.encode() if isinstance(body, str) else body or b""
            answered = carry(Sent(self.host, method, url, headers or {}, raw))
            return HTTPResponse(
                BytesIO(answered.body),
                answered.headers,
                answered.status,
                preload_content=preload_content,
                request_method=method,
            )

    return Inside
