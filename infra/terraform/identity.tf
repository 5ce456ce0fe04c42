data "azurerm_client_config" "current" {}

locals {
  subscription_id     = data.azurerm_client_config.current.subscription_id
  resource_group_name = coalesce(var.resource_group_name, "rg-${var.name}")
  group_id            = "/subscriptions/${local.subscription_id}/resourceGroups/${local.resource_group_name}"
  unique_name         = "${var.name}-${provider::azapi::unique_string([local.group_id])}"

  # By the vaults' suffix, which is the one thing that another cloud needs to be told in any case.
  cloud = lookup({
    "vault.azure.cn"          = { login = "https://login.chinacloudapi.cn/", storage = "core.chinacloudapi.cn", portal = "https://portal.azure.cn" }
    "vault.usgovcloudapi.net" = { login = "https://login.microsoftonline.us/", storage = "core.usgovcloudapi.net", portal = "https://portal.azure.us" }
    }, lookup(var.settings, "SYNC_VAULT_DNS_SUFFIX", ""), {
    login   = "https://login.microsoftonline.com/"
    storage = "core.windows.net"
    portal  = "https://portal.azure.com"
  })
}

resource "azurerm_resource_group" "app" {
  name     = local.resource_group_name
  location = var.location
  tags     = var.tags
}

# User-assigned, so that its roles exist before the app starts.
resource "azurerm_user_assigned_identity" "app" {
  name                = local.unique_name
  resource_group_name = azurerm_resource_group.app.name
  location            = var.location
  tags                = var.tags
}
