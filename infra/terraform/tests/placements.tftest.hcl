mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {
  override_data {
    target = data.azapi_resource.vault
    values = {
      output = {
        takes_roles = null
      }
    }
  }
}

variables {
  location = "westeurope"
  package  = "versions.tf"
  vaults = {
    myapp-kv = {
      resource_id     = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
      location        = "westeurope"
      access_policies = true
      placements = [
        { project = "myapp", stage = "dev", namespace = "web-dev", secret = "myapp", cluster = "dev" },
        { project = "myapp", stage = "prd", namespace = "web", secret = "myapp", unprefixed = true },
      ]
    }
  }
}

run "placements_are_the_setting" {
  command = plan

  assert {
    condition     = local.sync_settings["SYNC_PLACEMENTS"] == "[{\"cluster\":\"dev\",\"namespace\":\"web-dev\",\"project\":\"myapp\",\"secret\":\"myapp\",\"stage\":\"dev\",\"vault\":\"myapp-kv\"},{\"namespace\":\"web\",\"project\":\"myapp\",\"secret\":\"myapp\",\"stage\":\"prd\",\"unprefixed\":true,\"vault\":\"myapp-kv\"}]"
    error_message = "Placements must become the setting, each with its vault, and without what is left out."
  }
}

run "a_policy_instead_of_a_role" {
  command = plan

  assert {
    condition     = azapi_resource_action.policy["myapp-kv"].action == "accessPolicies/add" && azapi_resource_action.policy["myapp-kv"].method == "PUT" && !contains(keys(azurerm_role_assignment.app), "vault myapp-kv")
    error_message = "A vault that takes access policies must get an entry, and no role."
  }

  assert {
    condition     = azapi_resource_action.no_policy["myapp-kv"].action == "accessPolicies/remove" && azapi_resource_action.no_policy["myapp-kv"].when == "destroy"
    error_message = "The entry must go with the app."
  }

  assert {
    condition     = jsonencode(local.policy.properties.accessPolicies[0].permissions) == jsonencode({ secrets = ["get", "list"] })
    error_message = "The entry must let the app list and read, and no more."
  }
}

run "a_policy_where_roles_count_is_refused" {
  command = plan

  override_data {
    target = data.azapi_resource.vault
    values = {
      output = {
        takes_roles = true
      }
    }
  }

  expect_failures = [data.azapi_resource.vault]
}

run "a_role_where_policies_count_is_refused" {
  command = plan

  variables {
    vaults = {
      weu-ds-akv-shop-dev-1 = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-ds-akv-shop-dev-1"
        location    = "westeurope"
      }
    }
  }

  expect_failures = [data.azapi_resource.vault]
}

run "of_a_found_vault_with_policies_it_warns" {
  command = plan

  override_data {
    target = data.azurerm_resources.vaults
    values = {
      resources = [
        {
          id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
          name                = "weu-DS-AKV-shop-dev-1"
          location            = "westeurope"
          resource_group_name = "shop"
          tags                = {}
          type                = "Microsoft.KeyVault/vaults"
        },
      ]
    }
  }

  expect_failures = [check.found_vaults_take_roles]
}

run "a_file_instead" {
  command = plan

  variables {
    placements_file = "placements.json"
    vaults = {
      myapp-kv = {
        resource_id     = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
        location        = "westeurope"
        access_policies = true
      }
    }
  }

  assert {
    condition     = local.sync_settings["SYNC_PLACEMENTS"] == "placements.json"
    error_message = "The setting must name the file."
  }
}

run "a_file_and_placements_are_refused" {
  command = plan

  variables {
    placements_file = "placements.json"
  }

  expect_failures = [var.vaults]
}

run "a_name_off_the_rule_needs_placements" {
  command = plan

  variables {
    vaults = {
      myapp-kv = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
        location    = "westeurope"
      }
    }
  }

  expect_failures = [var.vaults]
}

run "a_name_off_the_rule_needs_project_and_stage" {
  command = plan

  variables {
    vaults = {
      myapp-kv = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
        location    = "westeurope"
        placements  = [{ project = "myapp", stage = "dev" }, { project = "myapp" }]
      }
    }
  }

  expect_failures = [var.vaults]
}

run "a_misspelt_field_is_refused" {
  command = plan

  variables {
    vaults = {
      myapp-kv = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/myapp-kv"
        location    = "westeurope"
        placements  = [{ project = "myapp", stage = "dev", namspace = "web" }]
      }
    }
  }

  expect_failures = [var.vaults]
}
