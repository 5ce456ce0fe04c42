mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {}

variables {
  location      = "westeurope"
  package       = "versions.tf"
  vault_pattern = ""
  network = {
    subnet_id                  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/app"
    private_endpoint_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints"
    addresses                  = ["198.51.100.7"]
  }
  projects = [
    {
      name      = "shop"
      stage     = "dev"
      numbers   = [1, 2]
      region    = "weu"
      officers  = ["11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-111111111111"]
      readers   = ["21111111-1111-4111-8111-111111111111"]
      addresses = ["203.0.113.0/24"]
    },
    {
      name     = "a-b"
      stage    = "prod"
      numbers  = [99]
      region   = "neu"
      location = "northeurope"
    },
  ]
}

run "a_vault_for_each_number" {
  command = plan

  assert {
    condition     = toset([for vault in azapi_resource.project_vault : vault.name]) == toset(["weu-DS-AKV-shop-dev-1", "weu-DS-AKV-shop-dev-2", "neu-DS-AKV-a-b-prod-99"])
    error_message = "Each number must be a vault of the name rule."
  }

  assert {
    condition     = toset(values(azapi_resource.project_vault)[*].parent_id) == toset(["/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-kvsync-vaults"]) && length(azurerm_resource_group.app) > 0
    error_message = "Vaults must not be in the app's group, which goes with it."
  }

  assert {
    condition     = azapi_resource.project_vault["weu-ds-akv-shop-dev-1"].location == "westeurope" && azapi_resource.project_vault["neu-ds-akv-a-b-prod-99"].location == "northeurope"
    error_message = "A vault must be in its project's location, or else in the app's."
  }

  assert {
    condition     = alltrue([for vault in azapi_resource.project_vault : vault.body.properties.enableRbacAuthorization && vault.body.properties.enablePurgeProtection && vault.body.properties.softDeleteRetentionInDays == 90])
    error_message = "A vault must take roles, and keep what is deleted."
  }

  assert {
    condition     = keys(azapi_resource.project_audit) == keys(azapi_resource.project_vault) && alltrue([for audit in azapi_resource.project_audit : audit.body.properties.logs[0].category == "AuditEvent"])
    error_message = "Each vault must send its audit events."
  }
}

run "a_firewall_lets_in_the_team_and_the_app" {
  command = plan

  assert {
    condition     = azapi_resource.project_vault["weu-ds-akv-shop-dev-2"].body.properties.networkAcls.defaultAction == "Deny" && jsonencode(azapi_resource.project_vault["weu-ds-akv-shop-dev-2"].body.properties.networkAcls.ipRules) == jsonencode([{ value = "203.0.113.0/24" }, { value = "198.51.100.7" }])
    error_message = "With addresses nobody else must pass."
  }

  assert {
    condition     = azapi_resource.project_vault["neu-ds-akv-a-b-prod-99"].body.properties.networkAcls.defaultAction == "Allow" && length(azapi_resource.project_vault["neu-ds-akv-a-b-prod-99"].body.properties.networkAcls.ipRules) == 0
    error_message = "Without addresses there must be no firewall."
  }
}

run "groups_get_their_roles" {
  command = plan

  assert {
    condition = toset([for role in azurerm_role_assignment.team : "${reverse(split("/", role.scope))[0]} ${reverse(split("/", role.role_definition_id))[0]} ${role.principal_id} ${role.principal_type}"]) == toset([
      "weu-DS-AKV-shop-dev-1 b86a8fe4-44ce-4948-aee5-eccb2c155cd7 11111111-1111-4111-8111-111111111111 Group",
      "weu-DS-AKV-shop-dev-2 b86a8fe4-44ce-4948-aee5-eccb2c155cd7 11111111-1111-4111-8111-111111111111 Group",
      "weu-DS-AKV-shop-dev-1 21090545-7ca7-4776-b22c-e363652d74d2 21111111-1111-4111-8111-111111111111 Group",
      "weu-DS-AKV-shop-dev-2 21090545-7ca7-4776-b22c-e363652d74d2 21111111-1111-4111-8111-111111111111 Group",
    ])
    error_message = "Officers must set secrets, readers must see their names, and nobody else anything."
  }
}

run "the_app_serves_them" {
  command = plan

  assert {
    condition     = local.sync_settings["SYNC_VAULTS"] == "neu-DS-AKV-a-b-prod-99,weu-DS-AKV-shop-dev-1,weu-DS-AKV-shop-dev-2" && !contains(keys(local.sync_settings), "SYNC_PLACEMENTS")
    error_message = "The vaults must be served, and go where their names say."
  }

  assert {
    condition     = endswith(azurerm_role_assignment.app["vault weu-ds-akv-shop-dev-1"].role_definition_id, "/4633458b-17de-408a-b874-0445c86b69e6") && azapi_resource.topic["neu-ds-akv-a-b-prod-99"].location == "northeurope"
    error_message = "The app must read them, and be told of their events."
  }

  assert {
    condition     = length(data.azapi_resource.vault) == 0
    error_message = "What is only being made must not be looked up."
  }

  assert {
    condition     = output.portal_addresses["weu-DS-AKV-shop-dev-1"] == "https://portal.azure.com/#@00000000-0000-0000-0000-0000000000ff/resource/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-kvsync-vaults/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
    error_message = "The page of each vault must be told."
  }
}

run "another_group" {
  command = plan

  variables {
    projects_resource_group_name = "vaults"
  }

  assert {
    condition     = endswith(azapi_resource.project_vault["weu-ds-akv-shop-dev-1"].parent_id, "/resourceGroups/vaults")
    error_message = "Vaults must be in the given group."
  }
}

run "a_misspelt_field_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [1], region = "weu", adresses = ["203.0.113.0/24"] }]
  }

  expect_failures = [var.projects]
}

run "a_long_name_is_refused" {
  command = plan

  variables {
    projects = [{ name = "somethinglong", stage = "dev", numbers = [1], region = "weu" }]
  }

  expect_failures = [var.projects]
}

run "a_number_twice_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [1, 1], region = "weu" }]
  }

  expect_failures = [var.projects]
}

run "a_number_over_99_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [100], region = "weu" }]
  }

  expect_failures = [var.projects]
}

run "two_projects_on_one_name_are_refused" {
  command = plan

  variables {
    projects = [
      { name = "shop", stage = "dev", numbers = [1, 2], region = "weu" },
      { name = "shop", stage = "dev", numbers = [2], region = "weu" },
    ]
  }

  expect_failures = [var.projects]
}

run "a_vault_that_is_listed_as_well_is_refused" {
  command = plan

  variables {
    example_vault = "weu-ds-akv-shop-dev-1"
  }

  expect_failures = [var.projects]
}

run "parts_of_other_characters_are_refused" {
  command = plan

  variables {
    projects = [{ name = "a--b", stage = "dev", numbers = [1], region = "weu" }]
  }

  expect_failures = [var.projects]
}

run "a_group_that_is_no_object_id_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [1], region = "weu", readers = ["developers"] }]
  }

  expect_failures = [var.projects]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [1], region = "weu", addresses = ["office"] }]
  }

  expect_failures = [var.projects]
}

run "no_address_at_all_is_refused" {
  command = plan

  variables {
    projects = [{ name = "shop", stage = "dev", numbers = [1], region = "weu", addresses = [] }]
  }

  expect_failures = [var.projects]
}

run "a_firewall_without_a_network_is_refused" {
  command = plan

  variables {
    network = null
  }

  expect_failures = [var.projects]
}
