"""Retries calls to Azure within the time that the caller has."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse

from sync.adapters.azure.throttling import ANSWER_SECONDS, Throttle, Throttled
from sync.adapters.wire.retry_after import retry_after

CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
_MORE_TRIES = 2
_MORE_READS = 1  # after an answer that broke off, which may have taken 8 s
_BACKOFF_SECONDS = 0.8
_TOO_MANY_REQUESTS = 429
_MAY_PASS = frozenset({408, 500, 502, 503, 504})

type Advice = Callable[[Mapping[str, str]], float | None]
"""Returns the seconds that an answer's headers ask to wait, None if they do not say."""

type _Request = PipelineRequest[HttpRequest]
type _Response = PipelineResponse[HttpRequest, HttpResponse]


class BoundedRetry(HTTPPolicy[HttpRequest, HttpResponse]):
    """Tries again, up to twice, what may pass; obeys a Retry-After if there is time for it.

    All calls to a host that throttles wait together, as the Throttle says. The SDK's own policy
    sleeps any Retry-After in full, retries any status that has one, and lets the last try read
    beyond the call's timeout.
    """

    def __init__(self, throttle: Throttle, advice: Advice = retry_after) -> None:
        super().__init__()
        self._throttle = throttle
        self._advice = advice

    def send(self, request: _Request) -> _Response:
        """Send the request; raises what the last try raised, or Throttled if none was made."""
        call = _Call(request, self._throttle)
        response: _Response | None = None
        told = 0.0
        while True:
            rest = max(told, self._throttle.left(call.host))
            if not call.has(rest):
                if response is None:
                    raise Throttled(rest)
                return response
            call.prepare(rest)
            told = 0.0
            sent = self._throttle.clock()
            try:
                response = self.next.send(request)
            except ClientAuthenticationError:
                raise
            except AzureError as error:
                if not call.may_repeat(error):
                    raise
                continue
            status = response.http_response.status_code
            wait = self._advice(response.http_response.headers)
            if status == _TOO_MANY_REQUESTS:
                wait = self._throttle.refused(call.host, sent, wait)
                if wait is None:
                    return response
                told = wait
                continue
            self._throttle.served(call.host, sent)
            if status not in _MAY_PASS or not call.may_wait(wait or 0.0):
                return response


class _Call:
    """A call's tries so far and the time that it has left."""

    def __init__(self, request: _Request, throttle: Throttle) -> None:
        self.host = urlsplit(request.http_request.url).hostname or ""
        transport = request.context.transport
        assert isinstance(transport, HttpTransport)
        self._transport = transport
        self._options = request.context.options
        self._clock = throttle.clock
        seconds: float = self._options.pop("timeout")
        self._until = self._clock() + seconds
        self._tries = 0
        self._reads = 0

    def has(self, wait: float) -> bool:
        """Return whether there is time for an answer after this many seconds of waiting."""
        left = self._until - self._clock()
        return left > (wait + ANSWER_SECONDS if wait else 0.0)

    def prepare(self, rest: float) -> None:
        """Sleep `rest` seconds, then set the next try's timeouts to the time that is left."""
        if rest:
            self._transport.sleep(rest)
        left = max(0.001, self._until - self._clock())
        self._options["connection_timeout"] = min(left, CONNECT_SECONDS)
        self._options["read_timeout"] = min(left, READ_SECONDS)

    def may_repeat(self, error: AzureError) -> bool:
        """Sleep and return whether to try again after a failure without an answer."""
        self._reads += isinstance(error, ServiceResponseError)
        return self._reads <= _MORE_READS and self.may_wait(0.0)

    def may_wait(self, wait: float) -> bool:
        """Sleep at least `wait` seconds; return False, without sleeping, if no try is left."""
        self._tries += 1
        pause = max(wait, _BACKOFF_SECONDS if self._tries > 1 else 0.0)
        if self._tries > _MORE_TRIES or not self.has(pause):
            return False
        if pause:
            self._transport.sleep(pause)
        return True
