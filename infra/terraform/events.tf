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

# Runs anew when the topic is made anew, and for whatever the subscription is made of. Logs in as `az` is logged in.
resource "terraform_data" "subscription" {
  for_each = local.topics

  triggers_replace = [
    each.value.id,
    each.value.principal_id,
    azapi_resource.site.id,
    azapi_resource.storage.id,
    filesha256("${path.module}/../subscribe.py"),
  ]

  provisioner "local-exec" {
    working_dir = "${path.module}/../.."
    interpreter = ["/bin/sh", "-c"]
    command     = "exec python3 -m infra.subscribe --app \"$APP\" --storage \"$STORAGE\" --topics \"$TOPICS\""
    environment = {
      APP     = azapi_resource.site.id
      STORAGE = azapi_resource.storage.id
      TOPICS  = jsonencode({ (local.vaults[each.key].name) = each.value.id })
    }
  }

  # Event Grid refuses a subscription to a function that is not deployed.
  depends_on = [
    azurerm_role_assignment.dead_letters,
    terraform_data.code,
  ]
}

# A topic that is made here takes its subscription along. One that was there before stays, and is left without it.
resource "terraform_data" "unsubscription" {
  for_each = local.existing_topics

  input            = jsonencode({ (local.vaults[each.key].name) = each.value })
  triggers_replace = each.value

  provisioner "local-exec" {
    when        = destroy
    working_dir = "${path.module}/../.."
    interpreter = ["/bin/sh", "-c"]
    command     = "exec python3 -m infra.subscribe --delete --topics \"$TOPICS\""
    environment = {
      TOPICS = self.input
    }
  }

  # Destroyed before the role by which dead letters are written.
  depends_on = [azurerm_role_assignment.dead_letters]
}

locals {
  event_alerts = jsondecode(file("${path.module}/../alerts/events.json"))
  topic_alerts = {
    for pair in setproduct(keys(local.event_alerts), keys(local.topics)) : join("-", pair) => { alert = pair[0], topic = pair[1] }
  }
}

resource "azapi_resource" "event_alert" {
  for_each = local.topic_alerts

  type      = "Microsoft.Insights/metricAlerts@2018-03-01"
  name      = "${local.unique_name}-${each.key}"
  parent_id = local.topics[each.value.topic].group_id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      description         = local.event_alerts[each.value.alert].description
      enabled             = true
      severity            = 2
      scopes              = [local.topics[each.value.topic].id]
      evaluationFrequency = "PT5M"
      windowSize          = "PT15M"
      criteria = {
        "odata.type" = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"
        allOf = [
          {
            criterionType   = "StaticThresholdCriterion"
            name            = each.value.alert
            metricNamespace = "Microsoft.EventGrid/systemTopics"
            metricName      = local.event_alerts[each.value.alert].metric
            timeAggregation = "Total"
            operator        = "GreaterThan"
            threshold       = 0
            dimensions = [
              {
                name     = "EventSubscriptionName"
                operator = "Include"
                values   = ["key-vault-sync"] # as infra/subscribe.py names it
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
