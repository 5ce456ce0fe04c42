"""The deliveries: HTTP posts to the webhooks, on the loop that serves the topic."""

import asyncio
import json
from collections.abc import AsyncGenerator

from aiohttp import ClientError, ClientSession, ClientTimeout

from local.event_grid.grid import Delivery, EventGrid
from local.event_grid.schema import deliverable, versions


async def deliver(grid: EventGrid, answer_seconds: float) -> AsyncGenerator[None]:
    """Deliver the grid's events until resumed; then cancel the deliveries in progress."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    patience = ClientTimeout(total=None, sock_connect=answer_seconds, sock_read=answer_seconds)
    async with ClientSession(timeout=patience) as session:

        def start(deliveries: list[Delivery], delay: float) -> None:
            task = loop.create_task(_in_turn(session, grid, deliveries, delay))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def courier(deliveries: list[Delivery], delay: float) -> None:
            loop.call_soon_threadsafe(start, deliveries, delay)

        grid.connect(courier)
        yield
        grid.connect(None)
        await asyncio.sleep(0)  # earlier handovers become tasks, which are cancelled too
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _in_turn(
    session: ClientSession, grid: EventGrid, deliveries: list[Delivery], delay: float
) -> None:
    """Make the first attempts one after the other, then the retries concurrently."""
    await asyncio.sleep(delay)
    async with asyncio.TaskGroup() as retries:
        for delivery in deliveries:
            pause = await _next(session, grid, delivery)
            if pause is not None:
                retries.create_task(_retry(session, grid, delivery, pause))


async def _retry(
    session: ClientSession, grid: EventGrid, delivery: Delivery, pause: float | None
) -> None:
    while pause is not None:
        await asyncio.sleep(pause)
        pause = await _next(session, grid, delivery)


async def _next(session: ClientSession, grid: EventGrid, delivery: Delivery) -> float | None:
    """Make the next attempt if it is due; return the pause after it, None if it was the last."""
    await asyncio.sleep(grid.delay(delivery))
    if not grid.is_due(delivery):
        return None
    return grid.settle(delivery, await _attempt(session, delivery))


async def _attempt(session: ClientSession, delivery: Delivery) -> int | None:
    subscription = delivery.subscription
    body, content_type = deliverable(delivery.event, subscription.schema)
    headers = {
        "Content-Type": content_type,
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(delivery.attempts),
        **versions(body),
    }
    try:
        async with session.post(
            subscription.url, data=json.dumps(body).encode(), headers=headers
        ) as answer:
            return answer.status
    except (ClientError, TimeoutError):
        return None
