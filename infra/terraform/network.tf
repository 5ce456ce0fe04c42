locals {
  virtual_network_id = var.network == null ? null : join("/", slice(split("/", var.network.subnet_id), 0, 9))
  makes_blob_zone    = var.network == null ? false : var.network.blob_dns_zone_id == null
}

resource "azurerm_private_dns_zone" "blob" {
  count = local.makes_blob_zone ? 1 : 0

  name                = "privatelink.blob.${local.hosts.storage}"
  resource_group_name = azurerm_resource_group.app.name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "blob" {
  count = local.makes_blob_zone ? 1 : 0

  name                = local.unique_name
  private_dns_zone_id = azurerm_private_dns_zone.blob[0].id
  virtual_network_id  = local.virtual_network_id
  tags                = var.tags
}

resource "azurerm_private_endpoint" "blob" {
  count = var.network == null ? 0 : 1

  name                = "${local.unique_name}-blob"
  resource_group_name = azurerm_resource_group.app.name
  location            = var.location
  subnet_id           = var.network.private_endpoint_subnet_id
  tags                = var.tags

  private_service_connection {
    name                           = "blob"
    is_manual_connection           = false
    private_connection_resource_id = azapi_resource.storage.id
    subresource_names              = ["blob"]
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = local.makes_blob_zone ? azurerm_private_dns_zone.blob[*].id : [var.network.blob_dns_zone_id]
  }
}

resource "azurerm_private_dns_zone_virtual_network_link" "other" {
  for_each = toset(try(var.network.linked_dns_zone_ids, []))

  name                = local.unique_name
  private_dns_zone_id = each.key
  virtual_network_id  = local.virtual_network_id
  tags                = var.tags
}
