"""Measures many concurrent events of one vault."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Barrier

from bench.connections import Access, Line, secret_path
from bench.single_event import Floor, timed


def deliver(access: Access, events: Sequence[object], connections: int) -> float:
    """Post each event in its own delivery; return the seconds until all are acknowledged."""
    bodies = [json.dumps([event]).encode() for event in events]

    def post(line: Line, body: bytes) -> None:
        line.ask("POST", access.webhook, body)

    return _share(bodies, [access.host() for _ in range(connections)], post)


def floor(access: Access, vault: str, names: Sequence[str], connections: int) -> float:
    """Get each secret and apply them once, on as many connections; return the seconds."""
    lines = [access.vault(vault) for _ in range(connections)]
    write = Floor(lines[0], access.cluster(), vault).write(str(time.time_ns()))

    def get(line: Line, name: str) -> None:
        line.ask("GET", secret_path(name))

    return _share(names, lines, get) + timed(write)


def _share[Item](
    items: Sequence[Item], lines: Sequence[Line], ask: Callable[[Line, Item], None]
) -> float:
    """Process the items with one thread per connection; return the seconds that it takes."""
    queue: SimpleQueue[Item] = SimpleQueue()
    for item in items:
        queue.put(item)
    ready = Barrier(len(lines) + 1)

    def work(line: Line) -> float:
        ready.wait()
        while True:
            try:
                item = queue.get_nowait()
            except Empty:
                return time.perf_counter()
            ask(line, item)

    with ThreadPoolExecutor(len(lines)) as pool:
        workers = [pool.submit(work, line) for line in lines]
        ready.wait()
        began = time.perf_counter()
        took = max(worker.result() for worker in workers) - began
    for line in lines:
        line.close()
    return took
