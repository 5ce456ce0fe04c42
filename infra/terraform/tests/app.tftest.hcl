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
}

variables {
  location = "westeurope"
  package  = "versions.tf"
}

run "nothing_opens_by_a_key" {
  command = plan

  assert {
    condition     = azapi_resource.storage.body.properties.allowSharedKeyAccess == false
    error_message = "The storage account must not take keys."
  }

  assert {
    condition     = azapi_resource.storage.body.properties.allowBlobPublicAccess == false && azapi_resource.storage.body.properties.supportsHttpsTrafficOnly && azapi_resource.storage.body.properties.minimumTlsVersion == "TLS1_2"
    error_message = "Blobs must not be public, and travel by TLS 1.2 alone."
  }

  assert {
    condition     = azapi_resource.workspace.body.properties.features.disableLocalAuth && azapi_resource.application_insights.body.properties.DisableLocalAuth
    error_message = "Logs and Application Insights must not take keys."
  }

  assert {
    condition     = alltrue([for policy in azapi_update_resource.basic_publishing : !policy.body.properties.allow]) && toset(keys(azapi_update_resource.basic_publishing)) == toset(["ftp", "scm"])
    error_message = "Publishing must not take passwords."
  }

  assert {
    condition     = azapi_resource.site.body.properties.httpsOnly && azapi_resource.site.body.properties.siteConfig.minTlsVersion == "1.2" && azapi_resource.site.body.properties.siteConfig.ftpsState == "Disabled"
    error_message = "The app must answer by https with TLS 1.2 alone, and not by FTP."
  }

  assert {
    condition     = azapi_resource.site.body.properties.functionAppConfig.deployment.storage.authentication.type == "UserAssignedIdentity"
    error_message = "The app must fetch its package by its identity."
  }
}

run "settings_are_derived" {
  command = plan

  variables {
    vaults = {
      weu-DS-AKV-shop-dev-2 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-2"
        location    = "westeurope"
      }
      weu-DS-AKV-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
        location    = "westeurope"
      }
    }
    clusters = [
      { name = "dev", match = { stage = "dev" }, kubeconfig_secret = "kv-platform/dev" },
      { name = "rest", server = "https://10.0.0.4:6443" },
    ]
  }

  assert {
    condition = local.sync_settings == {
      SYNC_VAULTS        = "weu-DS-AKV-shop-dev-1,weu-DS-AKV-shop-dev-2"
      SYNC_SUBSCRIPTIONS = "00000000-0000-0000-0000-000000000002"
      SYNC_CLUSTERS      = "[{\"kubeconfig_secret\":\"kv-platform/dev\",\"match\":{\"stage\":\"dev\"},\"name\":\"dev\"},{\"name\":\"rest\",\"server\":\"https://10.0.0.4:6443\"}]"
    }
    error_message = "Vaults, their subscriptions and the clusters must become settings, and nothing else."
  }

  assert {
    condition = toset(azapi_resource.site.body.properties.siteConfig.appSettings[*].name) == toset([
      "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
      "APPLICATIONINSIGHTS_CONNECTION_STRING",
      "AZURE_CLIENT_ID",
      "AzureWebJobsDisableHomepage",
      "AzureWebJobsStorage__accountName",
      "AzureWebJobsStorage__clientId",
      "AzureWebJobsStorage__credential",
      "SYNC_CLUSTERS",
      "SYNC_SUBSCRIPTIONS",
      "SYNC_VAULTS",
    ])
    error_message = "The app must have the settings it needs, and none that Flex Consumption refuses."
  }
}

run "without_vaults_events_may_come_from_the_own_subscription" {
  command = plan

  assert {
    condition     = local.sync_settings == { SYNC_SUBSCRIPTIONS = "00000000-0000-0000-0000-000000000001" }
    error_message = "Without vaults and clusters only the own subscription must be set."
  }
}

run "given_settings_win" {
  command = plan

  variables {
    example_vault = "weu-DS-AKV-demo-dev-1"
    settings = {
      SYNC_VAULTS = "weu-ds-akv-demo-dev-9"
      SYNC_PRUNE  = "never"
    }
  }

  assert {
    condition     = local.sync_settings["SYNC_VAULTS"] == "weu-ds-akv-demo-dev-9" && local.sync_settings["SYNC_PRUNE"] == "never"
    error_message = "A given setting must win over a derived one."
  }
}

run "unknown_settings_are_refused" {
  command = plan

  variables {
    settings = { SYNC_PRUNED = "never" }
  }

  expect_failures = [var.settings]
}

run "defaults_of_scale" {
  command = plan

  assert {
    condition     = azapi_resource.site.body.properties.functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency == 200
    error_message = "An instance must take 200 events at once."
  }

  assert {
    condition     = length(azapi_resource.site.body.properties.functionAppConfig.scaleAndConcurrency.alwaysReady) == 0
    error_message = "No instance must be always ready."
  }

  assert {
    condition     = azapi_resource.plan.body.properties.zoneRedundant == false && azapi_resource.storage.body.sku.name == "Standard_LRS"
    error_message = "Plan and storage must stay in one zone."
  }
}

run "zones_and_instances" {
  command = plan

  variables {
    zone_redundant    = true
    always_ready      = 2
    maximum_instances = 100
    instance_memory   = 4096
  }

  assert {
    condition     = azapi_resource.plan.body.properties.zoneRedundant && azapi_resource.storage.body.sku.name == "Standard_ZRS"
    error_message = "Plan and storage must span the zones."
  }

  assert {
    condition     = one(azapi_resource.site.body.properties.functionAppConfig.scaleAndConcurrency.alwaysReady).name == "http" && one(azapi_resource.site.body.properties.functionAppConfig.scaleAndConcurrency.alwaysReady).instanceCount == 2
    error_message = "Two instances of the http group must be always ready."
  }
}

run "wrong_scale_is_refused" {
  command = plan

  variables {
    always_ready             = 1.5
    instance_memory          = 1024
    per_instance_concurrency = 0
    maximum_instances        = 40.5
  }

  expect_failures = [var.always_ready, var.instance_memory, var.per_instance_concurrency, var.maximum_instances]
}

run "one_instance_in_many_zones_is_refused" {
  command = plan

  variables {
    zone_redundant = true
    always_ready   = 1
  }

  expect_failures = [var.always_ready]
}

run "a_missing_package_is_refused" {
  command = plan

  variables {
    package = "nowhere.zip"
  }

  expect_failures = [terraform_data.code]
}

run "names" {
  command = plan

  variables {
    name = "abcdefghijk"
  }

  assert {
    condition     = azurerm_resource_group.app.name == "rg-abcdefghijk"
    error_message = "The resource group must be named after name."
  }

  assert {
    condition     = can(regex("^[a-z0-9]{3,24}$", azapi_resource.storage.name))
    error_message = "The longest name must still give a storage account's name."
  }
}

run "wrong_names_are_refused" {
  command = plan

  variables {
    name                = "kv-sync"
    resource_group_name = ""
    example_vault       = "a--b"
  }

  expect_failures = [var.name, var.resource_group_name, var.example_vault]
}
