"""The host's routes: matched in any case, and with or without a slash at the end."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from aiohttp import web

type Handler = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]
"""Answers a request, given the parameters of its path."""

_TEMPLATE = re.compile(r"(?:[^{}*?:]|\{\w+\})*")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Route:
    path: re.Pattern[str]
    methods: Collection[str]
    handler: Handler


class Routes:
    """Every path of the host; what none of the routes has is not found, whatever the method.

    https://github.com/Azure/azure-functions-host/issues/10098, and 11625 there.
    """

    def __init__(self) -> None:
        self._plain: list[_Route] = []
        self._filled: list[_Route] = []

    def add(self, methods: Collection[str], template: str, handler: Handler) -> None:
        """Serve these methods, or all if there are none, at a path such as `/a/{name}/b`.

        Raises ValueError for a template of another form. A path without parameters comes first.
        """
        if not _TEMPLATE.fullmatch(template):
            raise ValueError(f"only {{name}} parameters here: {template}")
        parts = _PARAMETER.split(template.rstrip("/"))
        texts = [
            f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        ]
        route = _Route(re.compile("".join(texts) + "/?", re.IGNORECASE), methods, handler)
        (self._plain if len(parts) == 1 else self._filled).append(route)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer by the route of the path and the method."""
        for route in (*self._plain, *self._filled):
            found = route.path.fullmatch(request.path)
            if found and (not route.methods or request.method in route.methods):
                return await route.handler(request, found.groupdict())
        return web.Response(status=404)
