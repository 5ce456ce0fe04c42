"""The addresses of vaults in the Azure portal, which no document promises."""

import re
from urllib.parse import quote

PORTALS = {
    "vault.azure.net": "portal.azure.com",
    "vault.azure.cn": "portal.azure.cn",
    "vault.usgovcloudapi.net": "portal.azure.us",
}
"""The portal of each cloud, by the DNS suffix of its vaults."""

_VAULT_ID = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/?#%\s]{1,90}"
    r"/providers/Microsoft\.KeyVault/vaults/[0-9a-z-]{3,24}",
    re.IGNORECASE,
)
_TENANT = re.compile(r"[0-9a-f-]{36}", re.IGNORECASE)


def vault_page(dns_suffix: str, resource_id: str, tenant: str) -> str | None:
    """Return the address of a vault's page; None without a portal or a vault's resource id.

    The tenant lets the portal switch to the right directory; without one it shows the current one.
    """
    portal = PORTALS.get(dns_suffix)
    if portal is None or not _VAULT_ID.fullmatch(resource_id):
        return None
    directory = tenant if _TENANT.fullmatch(tenant) else ""
    return f"https://{portal}/#@{directory}/resource{quote(resource_id, safe='/()')}"
