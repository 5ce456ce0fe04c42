mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {
  override_data {
    target = data.azapi_resource.vault
    values = {
      output = {
        takes_roles = true
      }
    }
  }

  override_data {
    target = data.azapi_resource.topic
    values = {
      output = {
        identity_type = "SystemAssigned, UserAssigned"
        principal_id  = "00000000-0000-0000-0000-00000000000e"
        source        = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/SHOP/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
      }
    }
  }
}

variables {
  location = "westeurope"
  package  = "versions.tf"
  vaults = {
    weu-ds-akv-shop-dev-1 = {
      resource_id  = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
      location     = "westeurope"
      system_topic = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/grid/providers/Microsoft.EventGrid/systemTopics/events"
    }
    weu-ds-akv-shop-dev-2 = {
      resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-2"
      location    = "northeurope"
    }
  }
}

run "a_topic_for_each_vault" {
  command = plan

  assert {
    condition     = toset(keys(azapi_resource.topic)) == toset(["weu-ds-akv-shop-dev-2"])
    error_message = "A topic must be made for the vault that has none, and for no other."
  }

  assert {
    condition     = one(azapi_resource.topic["weu-ds-akv-shop-dev-2"].identity).type == "SystemAssigned"
    error_message = "A made topic must have an identity of its own."
  }

  assert {
    condition     = terraform_data.subscription["weu-ds-akv-shop-dev-1"].triggers_replace[0] == var.vaults["weu-ds-akv-shop-dev-1"].system_topic
    error_message = "A given topic must be subscribed to."
  }

  assert {
    condition     = azurerm_role_assignment.dead_letters["weu-ds-akv-shop-dev-1"].principal_id == "00000000-0000-0000-0000-00000000000e" && endswith(azurerm_role_assignment.dead_letters["weu-ds-akv-shop-dev-1"].role_definition_id, "/ba92f5b4-2d11-453d-a403-e96b0029c9fe")
    error_message = "A given topic's own identity must be able to write dead letters."
  }
}

run "only_a_given_topic_is_unsubscribed_from" {
  command = plan

  assert {
    condition     = toset(keys(terraform_data.subscription)) == toset(keys(var.vaults)) && keys(terraform_data.unsubscription) == ["weu-ds-akv-shop-dev-1"]
    error_message = "Every topic must be subscribed to, and a topic that stays must lose its subscription in the end."
  }

  assert {
    condition     = jsondecode(terraform_data.unsubscription["weu-ds-akv-shop-dev-1"].input) == { weu-ds-akv-shop-dev-1 = var.vaults["weu-ds-akv-shop-dev-1"].system_topic }
    error_message = "The topic must be known after its vault has left the list."
  }
}

run "alerts_beside_the_topic" {
  command = plan

  assert {
    condition     = length(azapi_resource.event_alert) == 4
    error_message = "Each topic must have an alert on dead letters and one on dropped events."
  }

  assert {
    condition     = azapi_resource.event_alert["dead-lettered-weu-ds-akv-shop-dev-1"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/grid" && azapi_resource.event_alert["dropped-weu-ds-akv-shop-dev-2"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop"
    error_message = "An alert must be in its topic's resource group."
  }

  assert {
    condition     = azapi_resource.event_alert["dead-lettered-weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].metricName == "DeadLetteredCount" && azapi_resource.event_alert["dropped-weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].metricName == "DroppedEventCount"
    error_message = "One must count what was kept, the other what was lost."
  }

  assert {
    condition     = alltrue([for alert in azapi_resource.event_alert : alert.body.properties.criteria.allOf[0].dimensions[0].values[0] == "key-vault-sync"])
    error_message = "An alert must count this subscription's events."
  }
}

run "a_topic_without_identity_is_refused" {
  command = plan

  override_data {
    target = data.azapi_resource.topic
    values = {
      output = {
        identity_type = null
        principal_id  = null
        source        = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
      }
    }
  }

  expect_failures = [data.azapi_resource.topic]
}

run "a_topic_of_another_vault_is_refused" {
  command = plan

  override_data {
    target = data.azapi_resource.topic
    values = {
      output = {
        identity_type = "SystemAssigned"
        principal_id  = "00000000-0000-0000-0000-00000000000e"
        source        = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-9"
      }
    }
  }

  expect_failures = [data.azapi_resource.topic]
}
