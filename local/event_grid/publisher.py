"""Publishes to a topic with the real client, without blocking the caller."""

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError
from azure.eventgrid import EventGridPublisherClient

_log = logging.getLogger(__name__)
_RETRIES = 3


class Publisher:
    """Sends events in their order of arrival, from its own thread; leaving the block ends it.

    `ca` and `proxy` override the environment's.
    """

    def __init__(
        self, endpoint: str, key: str, *, ca: Path | None = None, proxy: str | None = None
    ) -> None:
        self._client = EventGridPublisherClient(endpoint, AzureKeyCredential(key))
        self._send_one = partial(  # the client ignores its own options, but not a call's
            self._client.send,
            retry_total=_RETRIES,
            connection_verify=True if ca is None else str(ca),
            proxies=None if proxy is None else {"https": proxy},
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publisher")
        self._guard = threading.Lock()
        self._unsent: set[Future[None]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()
        self._client.close()

    def publish(self, event: Mapping[str, object]) -> None:
        """Queue one event, a mapping in either schema, and return at once."""
        sent = self._thread.submit(self._send, json.loads(json.dumps(event)))
        with self._guard:
            self._unsent.add(sent)
        sent.add_done_callback(self._forget)

    def wait_sent(self, seconds: float) -> bool:
        """Wait until the topic has everything queued so far; False if that takes longer."""
        with self._guard:
            unsent = set(self._unsent)
        return not wait(unsent, seconds).not_done

    def _send(self, event: dict[str, object]) -> None:
        try:
            self._send_one(event)
        except AzureError as error:
            _log.warning("an event is lost: %s", type(error).__name__)

    def _forget(self, sent: Future[None]) -> None:
        with self._guard:
            self._unsent.discard(sent)
