mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {}

variables {
  location = "westeurope"
  package  = "versions.tf"
}

run "least_rights" {
  command = plan

  assert {
    condition = { for name in keys(azurerm_role_assignment.app) : name => local.access[name].role } == {
      storage   = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
      telemetry = "3913510d-42f4-4e42-8a64-420c390055eb"
    }
    error_message = "The identity must have the two roles that the host documents, and no other without being asked for."
  }

  assert {
    condition     = length(azurerm_role_definition.namespace) == 0
    error_message = "A role that nobody has must not be defined."
  }
}

run "secrets_are_made_by_a_role_of_their_own" {
  command = plan

  variables {
    settings = { SYNC_APPLICATIONS_PREPARE = "true" }
    vaults = {
      "weu-DS-AKV-shop-dev-1" = {
        resource_id = "/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
        location    = "westeurope"
      }
    }
  }

  override_data {
    target = data.azapi_resource.vault
    values = { output = { takes_roles = true } }
  }

  assert {
    condition     = one(azurerm_role_definition.prepare).permissions[0].data_actions == toset(["Microsoft.KeyVault/vaults/secrets/setSecret/action"])
    error_message = "The role must have the one action."
  }

  assert {
    condition     = local.access["prepared weu-ds-akv-shop-dev-1"].role == local.prepare_role
    error_message = "The identity must have the role at the vault."
  }
}

run "clusters" {
  command = plan

  variables {
    clusters = [
      { name = "dev", match = { stage = "dev" }, aks = "/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/dev" },
      { name = "test", match = { stage = "test" }, aks = "/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/dev" },
      { name = "edge", server = "https://10.0.0.4:6443", token_secret = "kv-platform/edge" },
    ]
    credential_secrets = ["/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/platform/providers/Microsoft.KeyVault/vaults/kv-platform/secrets/edge"]
  }

  assert {
    condition = { for name, access in azurerm_role_assignment.app : access.scope => reverse(split("/", access.role_definition_id))[0] if !contains(["storage", "telemetry"], name) } == {
      (var.clusters[0].aks)         = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"
      (one(var.credential_secrets)) = "4633458b-17de-408a-b874-0445c86b69e6"
    }
    error_message = "The identity must be able to ask for the AKS cluster's endpoint and to read just the secret."
  }
}

run "unknown_fields_of_clusters_are_refused" {
  command = plan

  variables {
    clusters = [{ name = "dev", server = "https://10.0.0.4:6443", cca = "x" }]
  }

  expect_failures = [var.clusters]
}

run "unknown_fields_of_match_are_refused" {
  command = plan

  variables {
    clusters = [{ name = "dev", server = "https://10.0.0.4:6443", match = { stages = "dev" } }]
  }

  expect_failures = [var.clusters]
}

run "two_ways_to_a_cluster_are_refused" {
  command = plan

  variables {
    clusters = [{ name = "dev", server = "https://10.0.0.4:6443", kubeconfig = "/home/site/kubeconfig" }]
  }

  expect_failures = [var.clusters]
}

run "a_whole_kubeconfig_is_refused" {
  command = plan

  variables {
    clusters = [{ name = "dev", kubeconfig = "{\"apiVersion\": \"v1\"}" }]
  }

  expect_failures = [var.clusters]
}

run "a_cluster_that_is_no_aks_id_is_refused" {
  command = plan

  variables {
    clusters = [{ name = "dev", aks = "dev" }]
  }

  expect_failures = [var.clusters]
}

run "clusters_that_are_no_list_are_refused" {
  command = plan

  variables {
    clusters = "dev"
  }

  expect_failures = [var.clusters]
}

run "azure_rbac" {
  command = plan

  variables {
    azure_rbac_namespaces = [
      "/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/dev/namespaces/shop-dev",
      "/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/dev/namespaces/shop-test",
      "/subscriptions/00000000-0000-0000-0000-000000000004/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod/namespaces/shop-prod",
    ]
  }

  assert {
    condition     = azurerm_role_definition.namespace[0].permissions[0].actions == null && azurerm_role_definition.namespace[0].permissions[0].data_actions == toset(["Microsoft.ContainerService/managedClusters/secrets/read", "Microsoft.ContainerService/managedClusters/secrets/write"])
    error_message = "The role must let read and write Secrets, and nothing else."
  }

  assert {
    condition     = azurerm_role_definition.namespace[0].assignable_scopes == tolist(["/subscriptions/00000000-0000-0000-0000-000000000003", "/subscriptions/00000000-0000-0000-0000-000000000004"])
    error_message = "The role must be known in the clusters' subscriptions."
  }

  assert {
    condition     = toset([for name, access in azurerm_role_assignment.app : access.scope if local.access[name].role == azurerm_role_definition.namespace[0].role_definition_id]) == toset(var.azure_rbac_namespaces)
    error_message = "The role must be assigned at each namespace."
  }
}

run "a_cluster_as_namespace_is_refused" {
  command = plan

  variables {
    azure_rbac_namespaces = ["/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/dev"]
  }

  expect_failures = [var.azure_rbac_namespaces]
}

run "a_vault_as_secret_is_refused" {
  command = plan

  variables {
    credential_secrets = ["/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/platform/providers/Microsoft.KeyVault/vaults/kv-platform"]
  }

  expect_failures = [var.credential_secrets]
}

run "discovery_by_the_app_needs_reader" {
  command = plan

  variables {
    settings = {
      SYNC_DISCOVERY     = "resource-graph"
      SYNC_SUBSCRIPTIONS = "00000000-0000-0000-0000-000000000005, 00000000-0000-0000-0000-000000000006"
    }
  }

  assert {
    condition     = toset([for name, access in azurerm_role_assignment.app : access.scope if local.access[name].role == "acdd72a7-3385-48ef-bd42-f606fba81ae7"]) == toset(["/subscriptions/00000000-0000-0000-0000-000000000005", "/subscriptions/00000000-0000-0000-0000-000000000006"])
    error_message = "The identity must be able to search the subscriptions of the setting."
  }
}
