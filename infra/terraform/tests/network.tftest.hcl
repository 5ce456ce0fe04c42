mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {}

variables {
  location = "westeurope"
  package  = "versions.tf"
}

run "public_by_default" {
  command = plan

  assert {
    condition     = azapi_resource.site.body.properties.virtualNetworkSubnetId == null && length(azurerm_private_endpoint.blob) == 0 && length(azurerm_private_dns_zone.blob) == 0
    error_message = "Without a network there must be none."
  }

  assert {
    condition     = azapi_resource.storage.body.properties.networkAcls.defaultAction == "Allow"
    error_message = "Without a network the app must reach its storage account."
  }
}

run "in_a_network" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"
      linked_dns_zone_ids        = ["/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/aks/providers/Microsoft.Network/privateDnsZones/x.privatelink.westeurope.azmk8s.io"]
    }
  }

  assert {
    condition     = azapi_resource.site.body.properties.virtualNetworkSubnetId == var.network.subnet_id
    error_message = "The app must go out through its subnet."
  }

  assert {
    condition     = azapi_resource.storage.body.properties.networkAcls.defaultAction == "Deny" && azapi_resource.storage.body.properties.networkAcls.bypass == "AzureServices"
    error_message = "Other networks must not reach the storage account, except for Event Grid's dead letters."
  }

  assert {
    condition     = azurerm_private_endpoint.blob[0].subnet_id == var.network.private_endpoint_subnet_id && jsonencode(azurerm_private_endpoint.blob[0].private_service_connection[0].subresource_names) == jsonencode(["blob"])
    error_message = "The storage account's blobs must have an endpoint in the network."
  }

  assert {
    condition     = azurerm_private_dns_zone.blob[0].name == "privatelink.blob.core.windows.net"
    error_message = "The endpoint must be found by its name."
  }

  assert {
    condition = toset([for link in concat(azurerm_private_dns_zone_virtual_network_link.blob, values(azurerm_private_dns_zone_virtual_network_link.other)) : link.virtual_network_id]) == toset(["/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub"]) && length(azurerm_private_dns_zone_virtual_network_link.other) == 1

    error_message = "The zones must be linked to the network of the subnet."
  }
}

run "a_given_zone_is_used" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"
      blob_dns_zone_id           = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
    }
  }

  assert {
    condition     = length(azurerm_private_dns_zone.blob) == 0 && one(azurerm_private_endpoint.blob[0].private_dns_zone_group[0].private_dns_zone_ids) == var.network.blob_dns_zone_id
    error_message = "The given zone must lead to the endpoint, and no other be made."
  }
}

run "a_network_as_subnet_is_refused" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"
    }
  }

  expect_failures = [var.network]
}

run "an_underscore_in_the_subnets_name_is_refused" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub_1/subnets/app_1"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub_1/subnets/endpoints_1"
    }
  }

  expect_failures = [var.network]
}

run "an_underscore_elsewhere_is_not" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net_1/providers/Microsoft.Network/virtualNetworks/hub_1/subnets/app"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net_1/providers/Microsoft.Network/virtualNetworks/hub_1/subnets/endpoints_1"
    }
  }

  assert {
    condition     = azapi_resource.site.body.properties.virtualNetworkSubnetId == var.network.subnet_id
    error_message = "The app must go out through the subnet."
  }
}

run "one_subnet_for_both_is_refused" {
  command = plan

  variables {
    network = {
      subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"
      private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/App"
    }
  }

  expect_failures = [var.network]
}

run "another_clouds_suffix_is_refused" {
  command = plan

  variables {
    settings = { SYNC_VAULT_DNS_SUFFIX = "vault.usgovcloudapi.net" }
  }

  expect_failures = [var.settings]
}

run "an_unknown_cloud_is_refused" {
  command = plan

  variables {
    cloud = "public"
  }

  expect_failures = [var.cloud]
}

run "other_settings_than_the_apps_are_refused" {
  command = plan

  variables {
    settings = { WEBSITE_TIME_ZONE = "Europe/Vienna" }
  }

  expect_failures = [var.settings]
}
