data "azurerm_resources" "vaults" {
  count = var.vault_pattern == "" ? 0 : 1

  type = "Microsoft.KeyVault/vaults"
}

locals {
  discovered_vaults = {
    for vault in flatten(data.azurerm_resources.vaults[*].resources) : vault.name => {
      resource_id     = vault.id
      location        = vault.location
      system_topic    = null
      access_policies = false
    } if can(regex("(?i)^(?:${var.vault_pattern})$", vault.name))
  }

  # The id is spelt out, not the resource's: its subscription is to be known when planning.
  example_vaults = {
    for name in compact([var.example_vault]) : name => {
      resource_id     = "${local.group_id}/providers/Microsoft.KeyVault/vaults/${name}"
      location        = var.location
      system_topic    = null
      access_policies = false
    }
  }

  # By the name in lower case, since Azure does not tell names apart by case; the last one wins.
  vaults = merge([
    for some in [local.discovered_vaults, var.vaults, local.example_vaults, local.made_vaults] : {
      for name, vault in some : lower(name) => {
        name            = name
        resource_id     = vault.resource_id
        location        = vault.location
        system_topic    = vault.system_topic
        access_policies = vault.access_policies
      }
    }
  ]...)

  made_vaults = {
    for vault in values(local.project_vaults) : vault.name => {
      resource_id     = vault.resource_id
      location        = vault.location
      system_topic    = null
      access_policies = false
    }
  }

  # Those that existed before: what they take is looked up, not known.
  found_vaults  = { for name, vault in local.vaults : name => vault if !contains(concat(local.project_names, [lower(var.example_vault)]), name) }
  listed_vaults = [for name in keys(var.vaults) : lower(name)]

  placements = flatten([
    for name, vault in var.vaults : [
      for place in vault.placements : merge(
        { vault = name },
        { for field, value in place : field => value if value != null && field != "unprefixed" },
        { for field, value in place : field => tobool(value) if value != null && field == "unprefixed" },
      )
    ]
  ])
}

data "azapi_resource" "vault" {
  for_each = local.found_vaults

  type        = "Microsoft.KeyVault/vaults@2026-02-01"
  resource_id = each.value.resource_id

  response_export_values = {
    takes_roles = "properties.enableRbacAuthorization"
  }

  lifecycle {
    postcondition {
      # Left out by Azure it means access policies: so older vaults were made. Of those that only vault_pattern finds, the check below warns.
      condition     = !contains(local.listed_vaults, each.key) || coalesce(self.output.takes_roles, false) != each.value.access_policies
      error_message = each.value.access_policies ? "The vault ${each.value.name} takes roles, where an access policy is useless: leave access_policies out of its entry in vaults." : "The vault ${each.value.name} takes access policies, where a role is useless: set access_policies of its entry in vaults, or let it take roles (enableRbacAuthorization)."
    }
  }
}

check "found_vaults_take_roles" {
  assert {
    condition     = length(local.useless_roles) == 0
    error_message = "The app cannot read ${join(", ", local.useless_roles)}: they take access policies, where a role is useless. Put each into vaults with access_policies, or let it take roles (enableRbacAuthorization)."
  }
}

locals {
  useless_roles = [
    for name, vault in local.found_vaults : vault.name
    if !contains(local.listed_vaults, name) && !coalesce(data.azapi_resource.vault[name].output.takes_roles, false)
  ]
  policy_vaults = { for name, vault in local.vaults : name => vault if vault.access_policies }
  policy = {
    properties = {
      accessPolicies = [
        {
          tenantId    = data.azurerm_client_config.current.tenant_id
          objectId    = azurerm_user_assigned_identity.app.principal_id
          permissions = { secrets = concat(["get", "list"], local.prepares ? ["set"] : []) }
        }
      ]
    }
  }
}

# Actions, since the entry is no resource that can be read. The vault's own template has to carry the entry too: its next deployment takes
# away what it does not name.
resource "azapi_resource_action" "policy" {
  for_each = local.policy_vaults

  type        = "Microsoft.KeyVault/vaults@2026-02-01"
  resource_id = each.value.resource_id
  action      = "accessPolicies/add"
  method      = "PUT"
  body        = local.policy

  depends_on = [data.azapi_resource.vault]
}

resource "azapi_resource_action" "no_policy" {
  for_each = local.policy_vaults

  type        = "Microsoft.KeyVault/vaults@2026-02-01"
  resource_id = each.value.resource_id
  action      = "accessPolicies/remove"
  method      = "PUT"
  when        = "destroy"
  body        = local.policy
}

resource "azapi_resource" "example_vault" {
  count = var.example_vault == "" ? 0 : 1

  type      = "Microsoft.KeyVault/vaults@2026-02-01"
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
