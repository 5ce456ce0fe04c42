"""Which destinations of Event Grid are this app's own function."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qs, urlsplit

FUNCTION = "key_vault_event"
"""The function that takes events, as function_app.py names it."""

_FUNCTION_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    rf"/providers/Microsoft\.Web/sites/(?P<site>[^/]+)/functions/{FUNCTION}",
    re.IGNORECASE,
)
_WEBHOOK_PATH = "/runtime/webhooks/eventgrid"


@dataclass(frozen=True, slots=True)
class AppSite:
    """How Azure names this app; each part is empty where the platform does not tell it.

    A deployment slot is not told apart: Flex Consumption has none.
    """

    name: str = ""
    host: str = ""
    subscription: str = ""
    group: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read the names from what App Service injects.

        https://learn.microsoft.com/azure/app-service/reference-app-settings#app-environment
        """
        owner = environment.get("WEBSITE_OWNER_NAME", "")  # SUBSCRIPTION+WEBSPACE
        return cls(
            name=environment.get("WEBSITE_SITE_NAME", ""),
            host=environment.get("WEBSITE_HOSTNAME", ""),
            subscription=owner.partition("+")[0],
            group=environment.get("WEBSITE_RESOURCE_GROUP", ""),
        )

    @property
    def is_known(self) -> bool:
        """Whether a destination can be told to be this app at all."""
        return bool(self.name or self.host)

    def is_at(self, destination: object) -> bool:
        """Return whether an event subscription's destination is this app's function."""
        match destination:
            case {"endpointType": "AzureFunction", "properties": {"resourceId": str(function)}}:
                return self._is_function(function)
            case {"endpointType": "WebHook", "properties": dict(properties)}:
                urls = (properties.get("endpointBaseUrl"), properties.get("endpointUrl"))
                return any(self._is_webhook(url) for url in urls if isinstance(url, str))
            case _:
                return False

    def _is_function(self, resource_id: str) -> bool:
        parts = _FUNCTION_ID.fullmatch(resource_id)
        return parts is not None and all(
            own.lower() == parts[part].lower()
            for part, own in (
                ("site", self.name),
                ("subscription", self.subscription),
                ("group", self.group),
            )
            if own or part == "site"
        )

    def _is_webhook(self, url: str) -> bool:
        """Return whether it is the webhook's URL; the base URL has no query with a function."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        function = parse_qs(parts.query.lower()).get("functionname", [FUNCTION])
        return (
            self.host != ""
            and _host(parts) == self.host.lower()
            and parts.path.rstrip("/").lower() == _WEBHOOK_PATH
            and function == [FUNCTION]
        )


def _host(parts: SplitResult) -> str:
    return parts.netloc.lower().removesuffix(":443")
