# With azapi, since a topic and what belongs to it are in the vault's subscription, and azurerm knows one subscription.

locals {
  existing_topics = { for name, vault in local.vaults : name => vault.system_topic if vault.system_topic != null }

  topics = {
    for name, vault in local.vaults : name => {
      id           = vault.system_topic == null ? azapi_resource.topic[name].id : vault.system_topic
      principal_id = vault.system_topic == null ? one(azapi_resource.topic[name].identity[*].principal_id) : data.azapi_resource.topic[name].output.principal_id
      group_id     = join("/", slice(split("/", coalesce(vault.system_topic, vault.resource_id)), 0, 5))
    }
  }
}

data "azapi_resource" "topic" {
  for_each = local.existing_topics

  type        = "Microsoft.EventGrid/systemTopics@2025-02-15"
  resource_id = each.value

  response_export_values = {
    identity_type = "identity.type"
    principal_id  = "identity.principalId"
    source        = "properties.source"
  }

  lifecycle {
    postcondition {
      condition     = strcontains(coalesce(self.output.identity_type, "None"), "SystemAssigned")
      error_message = "The system topic ${each.value} has no system-assigned identity, by which dead letters are written. Give it one: az eventgrid system-topic update --ids ${each.value} --identity systemassigned"
    }

    postcondition {
      condition     = lower(self.output.source) == lower(local.vaults[each.key].resource_id)
      error_message = "The system topic ${each.value} is not that of the vault ${local.vaults[each.key].name}."
    }
  }
}

resource "azapi_resource" "topic" {
  for_each = { for name, vault in local.vaults : name => vault if vault.system_topic == null }

  type      = "Microsoft.EventGrid/systemTopics@2025-02-15"
  name      = "key-vault-sync-${each.key}"
  parent_id = join("/", slice(split("/", each.value.resource_id), 0, 5))
  location  = each.value.location
  tags      = var.tags

  identity {
    type = "SystemAssigned"
  }

  body = {
    properties = {
      source    = each.value.resource_id
      topicType = "Microsoft.KeyVault.vaults"
    }
  }

  depends_on = [azapi_resource.example_vault, azapi_resource.project_vault]
}

resource "azurerm_role_assignment" "dead_letters" {
  for_each = local.topics

  name               = uuidv5("url", join("/", [azapi_resource.container["dead-letters"].id, each.value.principal_id, local.blob_data_contributor]))
  scope              = azapi_resource.container["dead-letters"].id
  role_definition_id = "/subscriptions/${local.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/${local.blob_data_contributor}"
  principal_id       = each.value.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azapi_resource" "event_subscription" {
  for_each = local.topics

  type      = "Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15"
  name      = "key-vault-sync"
  parent_id = each.value.id

  body = {
    properties = {
      destination = {
        endpointType = "AzureFunction"
        properties = {
          resourceId                    = "${azapi_resource.site.id}/functions/key_vault_event"
          maxEventsPerBatch             = 1
          preferredBatchSizeInKilobytes = 64
        }
      }
      # The app takes both schemas. In this one an event says by its topic which vault raised it.
      eventDeliverySchema = "EventGridSchema"
      filter = {
        includedEventTypes = [
          "Microsoft.KeyVault.SecretNewVersionCreated",
          "Microsoft.KeyVault.CertificateNewVersionCreated",
          "Microsoft.KeyVault.SecretNearExpiry",
          "Microsoft.KeyVault.SecretExpired",
          "Microsoft.KeyVault.CertificateNearExpiry",
          "Microsoft.KeyVault.CertificateExpired",
        ]
      }
      retryPolicy = {
        maxDeliveryAttempts      = 30
        eventTimeToLiveInMinutes = 1440
      }
      deadLetterWithResourceIdentity = {
        identity = {
          type = "SystemAssigned"
        }
        deadLetterDestination = {
          endpointType = "StorageBlob"
          properties = {
            resourceId        = azapi_resource.storage.id
            blobContainerName = azapi_resource.container["dead-letters"].name
          }
        }
      }
    }
  }

  # What Event Grid answers until it sees the function that was just deployed, and the new role on the container.
  retry = {
    error_message_regex = ["Endpoint validation", "Destination endpoint not found"]
  }

  timeouts {
    create = "10m"
  }

  # Event Grid refuses a subscription to a function that is not deployed.
  depends_on = [
    azurerm_role_assignment.dead_letters,
    terraform_data.code,
  ]
}

resource "azapi_resource" "dead_lettered" {
  for_each = local.topics

  type      = "Microsoft.Insights/metricAlerts@2018-03-01"
  name      = "${local.unique_name}-dead-lettered-${each.key}"
  parent_id = each.value.group_id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      description         = "Events were given up on after all their deliveries failed; they are in the container dead-letters. The next pass finds what they told of."
      enabled             = true
      severity            = 2
      scopes              = [each.value.id]
      evaluationFrequency = "PT5M"
      windowSize          = "PT15M"
      criteria = {
        "odata.type" = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
        allOf = [
          {
            criterionType   = "StaticThresholdCriterion"
            name            = "dead-lettered"
            metricNamespace = "Microsoft.EventGrid/systemTopics"
            metricName      = "DeadLetteredCount"
            timeAggregation = "Total"
            operator        = "GreaterThan"
            threshold       = 0
            dimensions = [
              {
                name     = "EventSubscriptionName"
                operator = "Include"
                values   = [azapi_resource.event_subscription[each.key].name]
              }
            ]
            # A new topic has not counted anything yet.
            skipMetricValidation = true
          }
        ]
      }
      autoMitigate = true
      actions      = [for id in local.action_group_ids : { actionGroupId = id }]
    }
  }
}

resource "azapi_resource" "dropped" {
  for_each = local.topics

  type      = "Microsoft.Insights/metricAlerts@2018-03-01"
  name      = "${local.unique_name}-dropped-${each.key}"
  parent_id = each.value.group_id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      description         = "Events were given up on and could not be put into the container dead-letters either: they exist nowhere. The next pass finds what they told of; resync the vaults that no pass covers."
      enabled             = true
      severity            = 2
      scopes              = [each.value.id]
      evaluationFrequency = "PT5M"
      windowSize          = "PT15M"
      criteria = {
        "odata.type" = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
        allOf = [
          {
            criterionType   = "StaticThresholdCriterion"
            name            = "dropped"
            metricNamespace = "Microsoft.EventGrid/systemTopics"
            metricName      = "DroppedEventCount"
            timeAggregation = "Total"
            operator        = "GreaterThan"
            threshold       = 0
            dimensions = [
              {
                name     = "EventSubscriptionName"
                operator = "Include"
                values   = [azapi_resource.event_subscription[each.key].name]
              }
            ]
            # A new topic has not counted anything yet.
            skipMetricValidation = true
          }
        ]
      }
      autoMitigate = true
      actions      = [for id in local.action_group_ids : { actionGroupId = id }]
    }
  }
}
