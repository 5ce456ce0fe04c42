locals {
  alerts = jsondecode(file("${path.module}/../alerts/alerts.json"))
  minutes = {
    PT15M = 15
    PT30M = 30
    PT1H  = 60
    PT2H  = 120
    PT6H  = 360
  }
  action_group_ids = concat(var.alert_receivers.action_group_ids, azurerm_monitor_action_group.app[*].id)
}

resource "azapi_resource" "workspace" {
  type      = "Microsoft.OperationalInsights/workspaces@2025-02-01"
  name      = local.unique_name
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      sku = {
        name = "PerGB2018"
      }
      retentionInDays = 30
      features = {
        disableLocalAuth = true
      }
    }
  }
}

resource "azapi_resource" "application_insights" {
  type      = "Microsoft.Insights/components@2020-02-02"
  name      = local.unique_name
  parent_id = azurerm_resource_group.app.id
  location  = var.location
  tags      = var.tags

  body = {
    kind = "web"
    properties = {
      Application_Type    = "web"
      WorkspaceResourceId = azapi_resource.workspace.id
      DisableLocalAuth    = true
    }
  }

  # An address, which opens nothing without a role since local authentication is off.
  response_export_values = {
    connection_string = "properties.ConnectionString"
  }
}

resource "azurerm_monitor_action_group" "app" {
  count = length(var.alert_receivers.emails) > 0 ? 1 : 0

  name                = local.unique_name
  resource_group_name = azurerm_resource_group.app.name
  short_name          = var.name
  tags                = var.tags

  dynamic "email_receiver" {
    for_each = toset(var.alert_receivers.emails)

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "app" {
  for_each = local.alerts

  name                    = "${local.unique_name}-${each.key}"
  display_name            = "${local.unique_name}: ${each.key}"
  description             = each.value.description
  resource_group_name     = azurerm_resource_group.app.name
  location                = var.location
  tags                    = var.tags
  scopes                  = [azapi_resource.workspace.id]
  severity                = each.value.severity
  evaluation_frequency    = each.value.frequency
  window_duration         = each.value.window == "alertAfter" ? var.alert_after : each.value.window
  auto_mitigation_enabled = true
  # A new workspace has no tables yet, which the queries name.
  skip_query_validation = true

  criteria {
    query                   = join("\n", each.value.query)
    metric_measure_column   = each.value.measure
    time_aggregation_method = each.value.aggregation
    operator                = each.value.operator
    threshold               = each.value.threshold == "alertAfter" ? local.minutes[var.alert_after] : each.value.threshold

    dynamic "dimension" {
      for_each = each.value.dimension == "" ? [] : [each.value.dimension]

      content {
        name     = dimension.value
        operator = "Include"
        values   = ["*"]
      }
    }

    failing_periods {
      number_of_evaluation_periods             = 1
      minimum_failing_periods_to_trigger_alert = 1
    }
  }

  dynamic "action" {
    for_each = length(local.action_group_ids) == 0 ? [] : [local.action_group_ids]

    content {
      action_groups = action.value
    }
  }
}
