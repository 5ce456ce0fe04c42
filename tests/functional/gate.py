"""A gate before the API server, at which requests wait for a test."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from local.faults import Answer, Fault, Refuse
from local.kubernetes import AnyCluster
from local.kubernetes.faults import Where


@dataclass(frozen=True, slots=True)
class Gate(Fault):
    """Holds requests until it is opened; `held` are the paths of all that had to wait."""

    opened: Future[None] = field(default_factory=Future[None])
    held: list[str] = field(default_factory=list)

    async def meet(
        self, request: web.Request, answer: Answer, refuse: Refuse
    ) -> web.StreamResponse:
        """Let it wait, and then be answered as ever."""
        if not self.opened.done():
            self.held.append(request.path)
        await asyncio.shield(asyncio.wrap_future(self.opened))  # a client that leaves opens none
        return await Fault().meet(request, answer, refuse)


@contextmanager
def closed_gate(cluster: AnyCluster, where: Where) -> Iterator[Gate]:
    """Hold such requests until the block ends: before the app gives them up, in eight seconds."""
    gate = Gate()
    heal = cluster.faults.plan(gate, None, where)
    try:
        yield gate
    finally:
        heal()
        gate.opened.set_result(None)
