mock_provider "azurerm" {
  source = "./tests/mocks"

  override_data {
    target = data.azurerm_resources.vaults
    values = {
      resources = [
        {
          id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/WEU-DS-AKV-shop-dev-1"
          name                = "WEU-DS-AKV-shop-dev-1"
          location            = "westeurope"
          resource_group_name = "shop"
          tags                = {}
          type                = "Microsoft.KeyVault/vaults"
        },
        {
          id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/neu-DS-AKV-my-shop-prod-99"
          name                = "neu-DS-AKV-my-shop-prod-99"
          location            = "northeurope"
          resource_group_name = "shop"
          tags                = {}
          type                = "Microsoft.KeyVault/vaults"
        },
        {
          id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-100"
          name                = "weu-DS-AKV-shop-dev-100"
          location            = "westeurope"
          resource_group_name = "shop"
          tags                = {}
          type                = "Microsoft.KeyVault/vaults"
        },
        {
          id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/kv-platform"
          name                = "kv-platform"
          location            = "westeurope"
          resource_group_name = "shop"
          tags                = {}
          type                = "Microsoft.KeyVault/vaults"
        },
      ]
    }
  }
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

run "vaults_of_the_pattern_are_found" {
  command = plan

  assert {
    condition     = local.sync_settings["SYNC_VAULTS"] == "neu-DS-AKV-my-shop-prod-99,WEU-DS-AKV-shop-dev-1"
    error_message = "The vaults whose whole name has the form, in any case, must be served, and no others."
  }

  assert {
    condition     = azapi_resource.topic["neu-ds-akv-my-shop-prod-99"].location == "northeurope" && azapi_resource.topic["neu-ds-akv-my-shop-prod-99"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop"
    error_message = "A topic must be made in its vault's region and resource group."
  }

  assert {
    condition     = azurerm_role_assignment.app["vault weu-ds-akv-shop-dev-1"].role_definition_id == "/subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6" && azurerm_role_assignment.app["vault weu-ds-akv-shop-dev-1"].scope == output.vaults["WEU-DS-AKV-shop-dev-1"].resource_id
    error_message = "The identity must be able to read the vault."
  }

  assert {
    condition     = keys(azurerm_role_assignment.app) == ["storage", "telemetry", "vault neu-ds-akv-my-shop-prod-99", "vault weu-ds-akv-shop-dev-1"]
    error_message = "The identity must have one role on each vault, and no other without being asked for."
  }
}

run "how_vaults_are_set_up_is_read_where_it_is_asked_for" {
  command = plan

  variables {
    inspect_vaults = true
  }

  assert {
    condition = { for name, access in azurerm_role_assignment.app : access.scope => reverse(split("/", access.role_definition_id))[0] if startswith(name, "inspected ") } == {
      for vault in values(output.vaults) : vault.resource_id => "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    }
    error_message = "The identity must have Reader on each vault, and nowhere else."
  }
}

run "listed_vaults_win" {
  command = plan

  variables {
    vaults = {
      weu-ds-AKV-SHOP-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/moved/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
        location    = "francecentral"
      }
    }
  }

  assert {
    condition     = length(output.vaults) == 2 && output.vaults["weu-ds-AKV-SHOP-dev-1"].location == "francecentral"
    error_message = "A listed vault must win over a found one of the same name in any case."
  }

  assert {
    condition     = azapi_resource.topic["weu-ds-akv-shop-dev-1"].parent_id == "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/moved"
    error_message = "A topic must be made in its vault's subscription."
  }

  assert {
    condition     = local.sync_settings["SYNC_SUBSCRIPTIONS"] == "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002"
    error_message = "Events must be taken from the subscriptions of all vaults."
  }
}

run "an_empty_pattern_finds_none" {
  command = plan

  variables {
    vault_pattern = ""
  }

  assert {
    condition     = length(output.vaults) == 0 && length(data.azurerm_resources.vaults) == 0
    error_message = "Without a pattern no vault must be searched for."
  }
}

run "the_pattern_is_anchored_as_a_whole" {
  command = plan

  variables {
    vault_pattern = "kv|platform"
  }

  assert {
    condition     = length(output.vaults) == 0
    error_message = "A pattern must match the whole name, each of its alternatives."
  }
}

run "a_broken_pattern_is_refused" {
  command = plan

  variables {
    vault_pattern = "("
  }

  expect_failures = [var.vault_pattern]
}

run "the_example_vault_is_served" {
  command = plan

  variables {
    vault_pattern = ""
    example_vault = "weu-DS-AKV-demo-dev-1"
  }

  assert {
    condition     = azapi_resource.example_vault[0].body.properties.enablePurgeProtection && azapi_resource.example_vault[0].body.properties.enableRbacAuthorization && azapi_resource.example_vault[0].body.properties.softDeleteRetentionInDays == 90
    error_message = "The example vault must take roles, and keep what is deleted."
  }

  assert {
    condition     = output.vaults["weu-DS-AKV-demo-dev-1"].resource_id == "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-kvsync/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-demo-dev-1"
    error_message = "The example vault must be served from the app's resource group."
  }
}

run "an_id_of_another_vault_is_refused" {
  command = plan

  variables {
    vaults = {
      weu-ds-akv-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-2"
        location    = "westeurope"
      }
    }
  }

  expect_failures = [var.vaults]
}

run "two_vaults_for_one_secret_are_refused" {
  command = plan

  variables {
    vaults = {
      weu-ds-akv-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
        location    = "westeurope"
      }
    }
    projects = [{ name = "shop", stage = "dev", numbers = [1, 2], region = "neu" }]
  }

  expect_failures = [var.projects]
}

run "two_regions_may_be_told_apart" {
  command = plan

  variables {
    vault_pattern = ""
    vaults = {
      weu-ds-akv-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
        location    = "westeurope"
      }
    }
    projects = [{ name = "shop", stage = "dev", numbers = [1, 2], region = "neu" }]
    settings = { SYNC_NAMESPACE = "{region}-{project}-{stage}" }
  }

  assert {
    condition     = length(output.vaults) == 3
    error_message = "Vaults that do not go to one Secret must be served."
  }
}

run "one_vault_twice_is_refused" {
  command = plan

  variables {
    vaults = {
      weu-ds-akv-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
        location    = "westeurope"
      }
      weu-DS-AKV-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
        location    = "westeurope"
      }
    }
  }

  expect_failures = [var.vaults]
}
