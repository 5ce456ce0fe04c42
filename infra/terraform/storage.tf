resource "azapi_resource" "storage" {
  type      = "Microsoft.Storage/storageAccounts@2025-01-01"
  name      = replace(local.unique_name, "-", "")
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  body = {
    kind = "StorageV2"
    sku = {
      name = var.zone_redundant ? "Standard_ZRS" : "Standard_LRS"
    }
    properties = {
      allowSharedKeyAccess         = false
      defaultToOAuthAuthentication = true
      allowBlobPublicAccess        = false
      allowCrossTenantReplication  = false
      minimumTlsVersion            = "TLS1_2"
      supportsHttpsTrafficOnly     = true
      # Event Grid writes dead letters from outside the network, as a trusted service that logs in: its exception belongs to the
      # firewall, so the public endpoint stays and refuses all others.
      publicNetworkAccess = "Enabled"
      networkAcls = {
        bypass        = "AzureServices"
        defaultAction = var.network == null ? "Allow" : "Deny"
      }
    }
  }

  response_export_values = {
    blob_endpoint  = "properties.primaryEndpoints.blob"
    queue_endpoint = "properties.primaryEndpoints.queue"
    table_endpoint = "properties.primaryEndpoints.table"
  }
}

# It comes with the account, so it is changed, not made.
resource "azapi_update_resource" "blobs" {
  type      = "Microsoft.Storage/storageAccounts/blobServices@2025-01-01"
  name      = "default"
  parent_id = azapi_resource.storage.id

  body = {
    properties = {
      deleteRetentionPolicy = {
        enabled = true
        days    = 7
      }
    }
  }
}

resource "azapi_resource" "container" {
  for_each = toset(["deployment", "dead-letters"])

  type      = "Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01"
  name      = each.key
  parent_id = azapi_update_resource.blobs.id

  body = {
    properties = {
      publicAccess = "None"
    }
  }
}
