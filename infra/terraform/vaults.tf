data "azurerm_resources" "vaults" {
  count = var.vault_pattern == "" ? 0 : 1

  type = "Microsoft.KeyVault/vaults"
}

locals {
  discovered_vaults = {
    for vault in flatten(data.azurerm_resources.vaults[*].resources) : vault.name => {
      resource_id  = vault.id
      location     = vault.location
      system_topic = null
    } if can(regex("(?i)^(?:${var.vault_pattern})$", vault.name))
  }

  # The id is spelt out, not the resource's: its subscription is to be known when planning.
  example_vaults = {
    for name in compact([var.example_vault]) : name => {
      resource_id  = "${local.group_id}/providers/Microsoft.KeyVault/vaults/${name}"
      location     = var.location
      system_topic = null
    }
  }

  # By the name in lower case, since Azure does not tell names apart by case; the last one wins.
  vaults = merge([
    for some in [local.discovered_vaults, var.vaults, local.example_vaults] : {
      for name, vault in some : lower(name) => {
        name         = name
        resource_id  = vault.resource_id
        location     = vault.location
        system_topic = vault.system_topic
      }
    }
  ]...)
}

resource "azapi_resource" "example_vault" {
  count = var.example_vault == "" ? 0 : 1

  type      = "Microsoft.KeyVault/vaults@2024-11-01"
  name      = var.example_vault
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      tenantId = data.azurerm_client_config.current.tenant_id
      sku = {
        family = "A"
        name   = "standard"
      }
      enableRbacAuthorization   = true
      enableSoftDelete          = true
      softDeleteRetentionInDays = 90
      enablePurgeProtection     = true
    }
  }
}
