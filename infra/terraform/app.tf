locals {
  azure_cli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46" # its client id, in every tenant

  derived_settings = {
    SYNC_VAULTS = join(",", values(local.vaults)[*].name)
    SYNC_SUBSCRIPTIONS = join(",", length(local.vaults) == 0 ? [local.subscription_id] : distinct([
      for vault in values(local.vaults) : split("/", vault.resource_id)[2]
    ]))
    SYNC_PLACEMENTS       = length(local.placements) == 0 ? var.placements_file : jsonencode(local.placements)
    SYNC_VAULT_DNS_SUFFIX = local.public ? "" : local.hosts.vaults
    SYNC_CLUSTERS         = length(var.clusters) == 0 ? "" : jsonencode(var.clusters)
  }
  sync_settings = merge({ for name, value in local.derived_settings : name => value if value != "" }, var.settings)

  cloud_settings = {
    AzureWebJobsStorage__accountName     = azapi_resource.storage.name
    AzureWebJobsStorage__blobServiceUri  = azapi_resource.storage.output.blob_endpoint
    AzureWebJobsStorage__queueServiceUri = azapi_resource.storage.output.queue_endpoint
    AzureWebJobsStorage__tableServiceUri = azapi_resource.storage.output.table_endpoint
    AZURE_AUTHORITY_HOST                 = local.hosts.login
  }

  app_settings = merge(
    {
      AzureWebJobsStorage__credential           = "managedidentity"
      AzureWebJobsStorage__clientId             = azurerm_user_assigned_identity.app.client_id
      APPLICATIONINSIGHTS_CONNECTION_STRING     = azapi_resource.application_insights.output.connection_string
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING = "ClientId=${azurerm_user_assigned_identity.app.client_id};Authorization=AAD"
      AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.app.client_id
      # Strangers need not learn from the root what runs here.
      AzureWebJobsDisableHomepage = "true"
    },
    # A name means an account of the public cloud.
    { for name, value in local.cloud_settings : name => value if local.public == (name == "AzureWebJobsStorage__accountName") },
    local.sync_settings,
  )
}

resource "azapi_resource" "plan" {
  type      = "Microsoft.Web/serverfarms@2024-11-01"
  name      = local.unique_name
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  body = {
    kind = "functionapp"
    sku = {
      tier = "FlexConsumption"
      name = "FC1"
    }
    properties = {
      reserved      = true
      zoneRedundant = var.zone_redundant
    }
  }
}

resource "azapi_resource" "site" {
  type      = "Microsoft.Web/sites@2024-11-01"
  name      = local.unique_name
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.app.id]
  }

  body = {
    kind = "functionapp,linux"
    properties = {
      serverFarmId           = azapi_resource.plan.id
      httpsOnly              = true
      virtualNetworkSubnetId = try(var.network.subnet_id, null)
      siteConfig = {
        minTlsVersion    = "1.2"
        scmMinTlsVersion = "1.2"
        ftpsState        = "Disabled"
        appSettings      = [for name, value in local.app_settings : { name = name, value = value }]
      }
      functionAppConfig = {
        deployment = {
          storage = {
            type  = "blobContainer"
            value = "${azapi_resource.storage.output.blob_endpoint}${azapi_resource.container["deployment"].name}"
            authentication = {
              type                           = "UserAssignedIdentity"
              userAssignedIdentityResourceId = azurerm_user_assigned_identity.app.id
            }
          }
        }
        runtime = {
          name    = "python"
          version = "3.13"
        }
        scaleAndConcurrency = {
          alwaysReady          = var.always_ready == 0 ? [] : [{ name = "http", instanceCount = var.always_ready }]
          maximumInstanceCount = var.maximum_instances
          instanceMemoryMB     = var.instance_memory
          triggers = {
            http = {
              # Left out it is 1 for Python: an instance for each event of a burst.
              perInstanceConcurrency = var.per_instance_concurrency
            }
          }
        }
      }
    }
  }

  response_export_values = {
    host_name = "properties.defaultHostName"
  }

  depends_on = [
    azurerm_private_endpoint.blob,
    azurerm_private_dns_zone_virtual_network_link.blob,
    azurerm_role_assignment.app,
  ]
}

resource "azapi_update_resource" "basic_publishing" {
  for_each = toset(["ftp", "scm"])

  type      = "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01"
  name      = each.key
  parent_id = azapi_resource.site.id

  body = {
    properties = {
      allow = false
    }
  }
}

# There in any case, so that `authentication` taken out again is turned off.
resource "azapi_update_resource" "authentication" {
  type      = "Microsoft.Web/sites/config@2024-11-01"
  name      = "authsettingsV2"
  parent_id = azapi_resource.site.id

  body = {
    properties = merge(
      { platform = { enabled = var.authentication != null } },
      [for entra in var.authentication[*] : {
        globalValidation = {
          requireAuthentication       = true
          unauthenticatedClientAction = "Return401"
          # The host takes the webhook's path in any case, and Azure writes it in two; no document says in which case this list is compared.
          excludedPaths = ["/runtime/webhooks/eventgrid", "/runtime/webhooks/EventGrid", "/api/health"]
        }
        httpSettings = {
          requireHttps = true
        }
        identityProviders = {
          azureActiveDirectory = {
            enabled = true
            registration = {
              clientId     = entra.client_id
              openIdIssuer = "https://${local.hosts.login}/${data.azurerm_client_config.current.tenant_id}/v2.0"
            }
            validation = {
              defaultAuthorizationPolicy = {
                allowedApplications = distinct(concat([local.azure_cli], entra.allowed_applications))
                allowedPrincipals = {
                  identities = entra.allowed_principals
                }
              }
            }
          }
        }
        login = {
          tokenStore = {
            enabled = false
          }
        }
      }]...
    )
  }
}

# Logs in as `az` is logged in, and waits for the app's new role. When that does not suffice, the step is marked as failed and the
# next `terraform apply` goes on from here.
resource "terraform_data" "code" {
  triggers_replace = [azapi_resource.site.id, try(filesha256(var.package), null)]

  provisioner "local-exec" {
    working_dir = "${path.module}/../.."
    interpreter = ["/bin/sh", "-c"]
    command     = "exec python3 -m infra.publish --app \"$APP\" --package \"$PACKAGE\""
    environment = {
      APP     = azapi_resource.site.id
      PACKAGE = abspath(var.package)
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.package)
      error_message = "There is no package at ${var.package}: build it with `make package`."
    }
  }

  depends_on = [
    azapi_update_resource.authentication,
    azapi_update_resource.basic_publishing,
  ]
}
