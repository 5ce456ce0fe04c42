output "function_app_name" {
  description = "Name of the function app."
  value       = azapi_resource.site.name
}

output "function_app_id" {
  description = "Resource id of the function app."
  value       = azapi_resource.site.id
}

output "resource_group_name" {
  description = "The resource group that was made."
  value       = azurerm_resource_group.app.name
}

output "identity_principal_id" {
  description = "Object id of the app's identity: the user that a RoleBinding in Kubernetes names."
  value       = azurerm_user_assigned_identity.app.principal_id
}

output "identity_client_id" {
  description = "Client id of the app's identity."
  value       = azurerm_user_assigned_identity.app.client_id
}

output "storage_account_id" {
  description = "Resource id of the storage account."
  value       = azapi_resource.storage.id
}

output "dead_letter_container_url" {
  description = "Where the events are that could not be delivered."
  value       = "${azapi_resource.storage.output.blob_endpoint}${azapi_resource.container["dead-letters"].name}"
}

output "vaults" {
  description = "The vaults that are served."
  value = {
    for vault in values(local.vaults) : vault.name => {
      resource_id  = vault.resource_id
      location     = vault.location
      system_topic = vault.system_topic
    }
  }
}

output "portal_addresses" {
  description = "The page of each vault in the portal. No document promises these addresses."
  value = {
    for vault in values(local.vaults) : vault.name => "https://${local.hosts.portal}/#@${data.azurerm_client_config.current.tenant_id}/resource${vault.resource_id}"
  }
}

output "resync_url" {
  description = "Where a resync is asked for."
  value       = "https://${azapi_resource.site.output.host_name}/api/resync"
}

output "topics" {
  description = "The system topics of the vaults, whose event subscriptions follow the code."
  value       = { for key, topic in local.topics : local.vaults[key].name => topic.id }
}
