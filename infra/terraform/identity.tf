data "azurerm_client_config" "current" {}

locals {
  subscription_id     = data.azurerm_client_config.current.subscription_id
  resource_group_name = coalesce(var.resource_group_name, "rg-${var.name}")
  group_id            = "/subscriptions/${local.subscription_id}/resourceGroups/${local.resource_group_name}"
  unique_name         = "${var.name}-${provider::azapi::unique_string([local.group_id])}"

  public = coalesce(var.cloud, "AzureCloud") == "AzureCloud"
  hosts  = jsondecode(file("${path.module}/../clouds.json"))[coalesce(var.cloud, "AzureCloud")]
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
