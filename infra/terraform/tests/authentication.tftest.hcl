mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {}

variables {
  location = "westeurope"
  package  = "versions.tf"
}

run "without_it_function_keys" {
  command = plan

  assert {
    condition     = jsonencode(azapi_update_resource.authentication.body) == jsonencode({ properties = { platform = { enabled = false } } })
    error_message = "Authentication must be off, and be turned off where it was on."
  }
}

run "entra" {
  command = plan

  variables {
    authentication = {
      client_id          = "00000000-0000-0000-0000-00000000000a"
      allowed_principals = ["00000000-0000-0000-0000-00000000000b"]
    }
  }

  assert {
    condition     = azapi_update_resource.authentication.body.properties.platform.enabled
    error_message = "Authentication must be on."
  }

  assert {
    condition     = azapi_update_resource.authentication.body.properties.globalValidation.requireAuthentication && azapi_update_resource.authentication.body.properties.globalValidation.unauthenticatedClientAction == "Return401"
    error_message = "Whoever is not authenticated must get 401."
  }

  assert {
    condition     = jsonencode(azapi_update_resource.authentication.body.properties.globalValidation.excludedPaths) == jsonencode(["/runtime/webhooks/eventgrid", "/runtime/webhooks/EventGrid", "/api/health"])
    error_message = "Events and health alone must pass without a token."
  }

  assert {
    condition     = azapi_update_resource.authentication.body.properties.identityProviders.azureActiveDirectory.registration.openIdIssuer == "https://login.microsoftonline.com/00000000-0000-0000-0000-0000000000ff/v2.0"
    error_message = "Tokens must be of the own tenant."
  }

  assert {
    condition     = jsonencode(azapi_update_resource.authentication.body.properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedPrincipals.identities) == jsonencode(["00000000-0000-0000-0000-00000000000b"])
    error_message = "The named principals alone must pass."
  }

  assert {
    condition     = jsonencode(azapi_update_resource.authentication.body.properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedApplications) == jsonencode(["04b07795-8ddb-461a-bbee-02f9e1bf7b46"])
    error_message = "The Azure CLI must pass, and no application beside it that is not named."
  }

  assert {
    condition     = !contains(azapi_resource.site.body.properties.siteConfig.appSettings[*].name, "WEBSITE_AUTH_ENABLED")
    error_message = "The platform alone may say that it authenticates."
  }
}

run "further_applications" {
  command = plan

  variables {
    authentication = {
      client_id            = "00000000-0000-0000-0000-00000000000a"
      allowed_principals   = ["00000000-0000-0000-0000-00000000000b"]
      allowed_applications = ["00000000-0000-0000-0000-00000000000c", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"]
    }
  }

  assert {
    condition     = jsonencode(azapi_update_resource.authentication.body.properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedApplications) == jsonencode(["04b07795-8ddb-461a-bbee-02f9e1bf7b46", "00000000-0000-0000-0000-00000000000c"])
    error_message = "A named application must pass too, and the Azure CLI be named once."
  }
}

run "nobody_is_refused" {
  command = plan

  variables {
    authentication = {
      client_id          = "00000000-0000-0000-0000-00000000000a"
      allowed_principals = []
    }
  }

  expect_failures = [var.authentication]
}
