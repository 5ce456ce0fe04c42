locals {
  aks_cluster_user             = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"
  blob_data_contributor        = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
  blob_data_owner              = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
  key_vault_reader             = "21090545-7ca7-4776-b22c-e363652d74d2"
  key_vault_secrets_officer    = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
  key_vault_secrets_user       = "4633458b-17de-408a-b874-0445c86b69e6"
  monitoring_metrics_publisher = "3913510d-42f4-4e42-8a64-420c390055eb"
  reader                       = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

  searched = lookup(local.sync_settings, "SYNC_DISCOVERY", "none") != "resource-graph" ? [] : compact([
    for id in split(",", local.sync_settings.SYNC_SUBSCRIPTIONS) : trimspace(id)
  ])

  # All that the app's identity may do.
  access = merge(
    {
      # At the account, as the Functions host documents for AzureWebJobsStorage: it makes its own containers for locks and keys.
      # The package is read from the same account, so a role of its own on its container would add nothing.
      storage   = { scope = azapi_resource.storage.id, role = local.blob_data_owner }
      telemetry = { scope = azapi_resource.application_insights.id, role = local.monitoring_metrics_publisher }
    },
    { for name, vault in local.vaults : "vault ${name}" => { scope = vault.resource_id, role = local.key_vault_secrets_user } if !vault.access_policies },
    { for name, vault in local.vaults : "prepared ${name}" => { scope = vault.resource_id, role = local.prepare_role } if local.prepares && !vault.access_policies },
    { for name, vault in local.vaults : "inspected ${name}" => { scope = vault.resource_id, role = local.reader } if var.inspect_vaults },
    { for id in distinct(var.credential_secrets) : "secret ${id}" => { scope = id, role = local.key_vault_secrets_user } },
    { for id in local.aks_clusters : "cluster ${id}" => { scope = id, role = local.aks_cluster_user } },
    { for id in distinct(var.azure_rbac_namespaces) : "namespace ${id}" => { scope = id, role = local.namespace_role } },
    { for id in distinct(local.searched) : "subscription ${id}" => { scope = "/subscriptions/${id}", role = local.reader } },
  )

  aks_clusters = distinct([for cluster in var.clusters : cluster.aks if can(cluster.aks)])

  namespace_role          = uuidv5("url", "${local.group_id}/namespace-secrets")
  namespace_subscriptions = distinct([for id in var.azure_rbac_namespaces : "/subscriptions/${split("/", id)[2]}"])
}

locals {
  prepares              = lookup(var.settings, "SYNC_APPLICATIONS_PREPARE", "false") == "true"
  prepare_role          = uuidv5("url", "${local.group_id}/prepared-secrets")
  prepare_subscriptions = distinct([for vault in values(local.vaults) : "/subscriptions/${split("/", vault.resource_id)[2]}" if local.prepares && !vault.access_policies])
}

resource "azurerm_role_definition" "prepare" {
  count = length(local.prepare_subscriptions) > 0 ? 1 : 0

  role_definition_id = local.prepare_role
  name               = "Key Vault Sync: make secrets that applications wait for (${local.unique_name})"
  description        = "Set secrets of the vaults that it is assigned at, and nothing else."
  scope              = local.prepare_subscriptions[0]
  assignable_scopes  = local.prepare_subscriptions

  permissions {
    data_actions = ["Microsoft.KeyVault/vaults/secrets/setSecret/action"]
  }
}

resource "azurerm_role_definition" "namespace" {
  count = length(var.azure_rbac_namespaces) > 0 ? 1 : 0

  role_definition_id = local.namespace_role
  name               = "Key Vault Sync: Secrets of a namespace (${local.unique_name})"
  description        = "Read and write the Secrets of the namespaces that it is assigned at."
  scope              = local.namespace_subscriptions[0]
  assignable_scopes  = local.namespace_subscriptions

  permissions {
    data_actions = [
      "Microsoft.ContainerService/managedClusters/secrets/read",
      "Microsoft.ContainerService/managedClusters/secrets/write",
    ]
  }
}

resource "azurerm_role_assignment" "app" {
  for_each = local.access

  name               = uuidv5("url", join("/", [each.value.scope, azurerm_user_assigned_identity.app.principal_id, each.value.role]))
  scope              = each.value.scope
  role_definition_id = "/subscriptions/${split("/", each.value.scope)[2]}/providers/Microsoft.Authorization/roleDefinitions/${each.value.role}"
  principal_id       = azurerm_user_assigned_identity.app.principal_id
  principal_type     = "ServicePrincipal"

  depends_on = [
    azapi_resource.example_vault,
    azapi_resource.project_vault,
    azurerm_role_definition.namespace,
    azurerm_role_definition.prepare,
  ]
}
