"""The Azure SDK's retry, kept inside the time that a call has."""

import time

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse

from sync.adapters.wire.retry_after import retry_after

READ_SECONDS = 8.0
_LONGEST_WAIT = 5.0
_BACKOFF_SECONDS = 0.4
_LONGEST_BACKOFF = 2


class BoundedRetry(RetryPolicy[HttpRequest, HttpResponse]):
    """Two more tries at most, and none that the caller would not be there to see.

    The SDK's own sleeps any Retry-After in full, tries any status again that comes with one, and
    lets the last try read beyond the call's timeout.
    """

    def __init__(self) -> None:
        super().__init__(
            retry_total=2,
            retry_connect=2,
            retry_read=1,
            retry_status=2,
            retry_backoff_factor=_BACKOFF_SECONDS,
            retry_backoff_max=_LONGEST_BACKOFF,
        )

    def configure_retries(self, options: dict[str, object]) -> dict[str, object]:
        """Note by when the call has to be over."""
        settings = super().configure_retries(options)
        settings["until"] = time.monotonic() + settings["timeout"]
        return settings

    def is_retry(  # type: ignore[override]  # the SDK leaves its type variables unbound
        self,
        settings: dict[str, object],
        response: PipelineResponse[HttpRequest, HttpResponse],
    ) -> bool:
        """Say whether to try again; otherwise the answer goes to the caller as it is."""
        until = settings["until"]
        assert isinstance(until, float)
        wait = self.get_retry_after(response) or 0.0
        return (
            response.http_response.status_code in self._retry_on_status_codes
            and wait <= min(_LONGEST_WAIT, until - time.monotonic())
            and super().is_retry(settings, response)
        )

    def get_retry_after(  # type: ignore[override]  # likewise
        self, response: PipelineResponse[HttpRequest, HttpResponse]
    ) -> float | None:
        """Return the seconds that the answer asks for; the SDK's own raises for what is no time."""
        return retry_after(response.http_response.headers.get("Retry-After"))

    def _configure_timeout(  # type: ignore[override]  # likewise
        self,
        request: PipelineRequest[HttpRequest],
        absolute_timeout: float,
        is_response_error: bool,  # noqa: FBT001 - the SDK's signature
    ) -> None:
        super()._configure_timeout(request, absolute_timeout, is_response_error)
        request.context.options["read_timeout"] = min(READ_SECONDS, absolute_timeout)
