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
    condition     = azapi_resource.event_subscription["weu-ds-akv-shop-dev-1"].parent_id == var.vaults["weu-ds-akv-shop-dev-1"].system_topic
    error_message = "A given topic must be subscribed to."
  }

  assert {
    condition     = azurerm_role_assignment.dead_letters["weu-ds-akv-shop-dev-1"].principal_id == "00000000-0000-0000-0000-00000000000e" && endswith(azurerm_role_assignment.dead_letters["weu-ds-akv-shop-dev-1"].role_definition_id, "/ba92f5b4-2d11-453d-a403-e96b0029c9fe")
    error_message = "A given topic's own identity must be able to write dead letters."
  }
}

run "a_subscription_takes_these_events" {
  command = plan

  assert {
    condition = jsonencode(azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.filter.includedEventTypes) == jsonencode([
      "Microsoft.KeyVault.SecretNewVersionCreated",
      "Microsoft.KeyVault.CertificateNewVersionCreated",
      "Microsoft.KeyVault.SecretNearExpiry",
      "Microsoft.KeyVault.SecretExpired",
      "Microsoft.KeyVault.CertificateNearExpiry",
      "Microsoft.KeyVault.CertificateExpired",
    ])
    error_message = "The six types of event that the app reads must be delivered, and no others."
  }

  assert {
    condition     = azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.destination.endpointType == "AzureFunction" && azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.destination.properties.maxEventsPerBatch == 1
    error_message = "Events must go to the function, one at a time."
  }

  assert {
    condition     = azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.retryPolicy.maxDeliveryAttempts == 30 && azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.retryPolicy.eventTimeToLiveInMinutes == 1440
    error_message = "An event must be delivered again for a day."
  }

  assert {
    condition     = azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.deadLetterWithResourceIdentity.identity.type == "SystemAssigned" && azapi_resource.event_subscription["weu-ds-akv-shop-dev-2"].body.properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.blobContainerName == "dead-letters"
    error_message = "What cannot be delivered must be kept, by the topic's identity."
  }
}

run "dead_letters_alert_beside_the_topic" {
  command = plan

  assert {
    condition     = azapi_resource.dead_lettered["weu-ds-akv-shop-dev-1"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/grid" && azapi_resource.dead_lettered["weu-ds-akv-shop-dev-2"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop"
    error_message = "The alert must be in the topic's resource group."
  }

  assert {
    condition     = azapi_resource.dead_lettered["weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].metricName == "DeadLetteredCount" && azapi_resource.dead_lettered["weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].dimensions[0].values[0] == "key-vault-sync"
    error_message = "The alert must count this subscription's dead letters."
  }

  assert {
    condition     = azapi_resource.dropped["weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].metricName == "DroppedEventCount" && azapi_resource.dropped["weu-ds-akv-shop-dev-1"].body.properties.criteria.allOf[0].dimensions[0].values[0] == "key-vault-sync" && azapi_resource.dropped["weu-ds-akv-shop-dev-1"].parent_id == azapi_resource.dead_lettered["weu-ds-akv-shop-dev-1"].parent_id
    error_message = "An alert beside it must count this subscription's dropped events."
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
