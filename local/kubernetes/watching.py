"""One watch: the changes of the selected objects, in the order they happened."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal

from local.kubernetes.registry import Registry
from local.kubernetes.routes import Call
from local.kubernetes.selectors import Selector
from local.kubernetes.store import Change, Stored

type Event = tuple[Literal["ADDED", "MODIFIED", "DELETED"], Stored]


async def events(
    registry: Registry, call: Call, selector: Selector, since: int | None
) -> AsyncGenerator[Event]:
    """Yield each event; without a version to start from, first one for each object there is."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Change] = asyncio.Queue()
    if since is None:
        present, version = registry.list(call.kind, call.namespace, selector)
        since = int(version)
        for stored in present:
            yield "ADDED", stored

    def deliver(change: Change) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, change)

    end = registry.watch(since, deliver)
    try:
        while True:
            event = _seen(call, selector, await queue.get())
            if event is not None:
                yield event
    finally:
        end()


def _seen(call: Call, selector: Selector, change: Change) -> Event | None:
    """Return the change as this watch sees it: an object may come into or leave its selection."""
    if change.kind is not call.kind or call.namespace not in ("", change.namespace):
        return None
    before = change.before is not None and selector.matches(change.before.bare)
    after = change.type != "DELETED" and selector.matches(change.after.bare)
    if after:
        return ("MODIFIED" if before else "ADDED"), change.after
    return ("DELETED", change.after) if before else None
