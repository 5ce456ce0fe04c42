"""Reads the app's settings from the environment, by their table."""

from collections.abc import Iterator, Mapping

from sync.adapters.azure.portal import PORTALS
from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.settings.model import Settings
from sync.settings.table import NAMES, SETTINGS

PREFIX = "SYNC_"
_UTC = frozenset({"", "utc", "etc/utc", "utc0", "gmt", "etc/gmt", "zulu", "etc/zulu"})


class SettingsError(Permanent):
    """One or more settings are wrong; `faults` has a sentence for each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(Reason.SETTINGS_WRONG, " ".join(faults))
        self.faults = faults


def read(environment: Mapping[str, str]) -> Settings:
    """Parse the environment; raises SettingsError with all its faults. Empty means unset."""
    given = {name: v.strip() for name, v in environment.items() if name.startswith(PREFIX)}
    faults = [
        f"{name} is not a setting of this app: correct its name or remove it "
        f"(known are {', '.join(sorted(NAMES))})."
        for name in sorted(given.keys() - NAMES)
    ]
    settings = Settings()
    for setting in sorted(SETTINGS, key=lambda setting: setting.late):
        text = given.get(setting.name)
        if not text:
            continue
        if setting.words and text not in setting.words:
            faults.append(f"{setting.name} is wrong: it must be {' or '.join(setting.words)}.")
            continue
        try:
            settings = setting.read(settings, text)
        except ValueError as wrong:
            faults.extend(f"{setting.name} is wrong: {fault}." for fault in wrong.args)
    if settings.discovery and not given.get("SYNC_SUBSCRIPTIONS"):
        faults.append(
            "SYNC_DISCOVERY is wrong: resource-graph searches the subscriptions of "
            "SYNC_SUBSCRIPTIONS, and that names none."
        )
    if settings.prepare and not given.get("SYNC_APPLICATIONS"):
        faults.append(
            "SYNC_APPLICATIONS_PREPARE is wrong: true makes the secrets that applications list, "
            "and SYNC_APPLICATIONS names none."
        )
    if settings.rules.portal_links:
        faults.extend(_no_pages(settings))
    if is_deployed(environment):
        faults.extend(_other_zones(environment))
    if faults:
        raise SettingsError(tuple(map(_plain, faults)))
    return settings


def _no_pages(settings: Settings) -> Iterator[str]:
    """Yield why no vault's page in the portal can be known."""
    if not settings.discovery:
        yield (
            "SYNC_PORTAL_LINKS is wrong: azure needs SYNC_DISCOVERY resource-graph, whose search "
            "tells the resource group of each vault."
        )
    if settings.dns_suffix not in PORTALS:
        yield (
            "SYNC_PORTAL_LINKS is wrong: azure knows the portals of vaults below "
            f"{', '.join(PORTALS)}, and SYNC_VAULT_DNS_SUFFIX is another."
        )


def is_deployed(environment: Mapping[str, str]) -> bool:
    """Return whether this process runs on Azure: the platform names its site, no laptop does.

    Functions Core Tools set other `WEBSITE_` variables, and not this one.
    https://learn.microsoft.com/azure/app-service/reference-app-settings#app-environment
    """
    return bool(environment.get("WEBSITE_SITE_NAME", "").strip())


def _other_zones(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield which settings give the app another time zone than UTC, in which its schedule is read.

    Flex Consumption does not support them:
    https://learn.microsoft.com/azure/azure-functions/functions-app-settings#website_time_zone
    """
    if environment.get("WEBSITE_TIME_ZONE", "").strip():
        yield (
            "WEBSITE_TIME_ZONE is wrong: remove it, since SYNC_SCHEDULE is in UTC and Flex "
            "Consumption does not support it."
        )
    if environment.get("TZ", "").strip().lower() not in _UTC:
        yield "TZ is wrong: remove it or set it to UTC, since SYNC_SCHEDULE is in UTC."


def platform_authenticates(environment: Mapping[str, str]) -> bool:
    """Return whether App Service authentication protects the app, according to the platform.

    https://learn.microsoft.com/azure/app-service/reference-app-settings#authentication--authorization
    """
    return environment.get("WEBSITE_AUTH_ENABLED", "").strip().lower() == "true"


def _plain(text: str) -> str:
    """Escape what a log might not be able to store: an environment's bytes may not be text."""
    return text.encode(errors="backslashreplace").decode()
