# The vaults of projects: made once, and left as they are from then on. `prevent_destroy` stops a plan that would take one away;
# docs/deploy.md says how to take a project off the list.

locals {
  projects_group_id = "/subscriptions/${local.subscription_id}/resourceGroups/${coalesce(var.projects_resource_group_name, "rg-${var.name}-vaults")}"

  # In lower case, since Azure does not tell names apart by case.
  project_names = flatten([
    for project in var.projects : [
      for number in distinct(project.numbers) : lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}")
    ]
  ])

  project_vaults = merge(flatten([
    for project in var.projects : [
      for number in project.numbers : {
        lower("${project.region}-DS-AKV-${project.name}-${project.stage}-${number}") = {
          name        = "${project.region}-DS-AKV-${project.name}-${project.stage}-${number}"
          resource_id = "${local.projects_group_id}/providers/Microsoft.KeyVault/vaults/${project.region}-DS-AKV-${project.name}-${project.stage}-${number}"
          location    = try(coalesce(project.location), var.location)
          officers    = toset(try(tolist(project.officers), []))
          readers     = toset(try(tolist(project.readers), []))
          addresses   = try(tolist(project.addresses), [])
        }
      }
    ]
  ])...)

  teams = merge([
    for key, vault in local.project_vaults : merge(
      { for id in vault.officers : "${key} officer ${id}" => { vault = key, id = id, role = local.key_vault_secrets_officer } },
      { for id in vault.readers : "${key} reader ${id}" => { vault = key, id = id, role = local.key_vault_reader } },
    )
  ]...)
}

resource "azapi_resource" "project_vault" {
  for_each = local.project_vaults

  type      = "Microsoft.KeyVault/vaults@2026-02-01"
  name      = each.value.name
  parent_id = local.projects_group_id
  location  = each.value.location
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
      networkAcls = {
        bypass        = "None"
        defaultAction = length(each.value.addresses) > 0 ? "Deny" : "Allow"
        ipRules = [
          for range in length(each.value.addresses) > 0 ? distinct(concat(each.value.addresses, try(var.network.addresses, []))) : [] : { value = range }
        ]
        virtualNetworkRules = []
      }
    }
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = all
  }
}

resource "azapi_resource" "project_audit" {
  for_each = local.project_vaults

  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "key-vault-sync"
  parent_id = azapi_resource.project_vault[each.key].id

  body = {
    properties = {
      workspaceId = azapi_resource.workspace.id
      logs        = [{ category = "AuditEvent", enabled = true }]
    }
  }
}

resource "azurerm_role_assignment" "team" {
  for_each = local.teams

  name               = uuidv5("url", join("/", [local.project_vaults[each.value.vault].resource_id, each.value.id, each.value.role]))
  scope              = local.project_vaults[each.value.vault].resource_id
  role_definition_id = "/subscriptions/${local.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/${each.value.role}"
  principal_id       = each.value.id
  principal_type     = "Group"

  depends_on = [azapi_resource.project_vault]
}
