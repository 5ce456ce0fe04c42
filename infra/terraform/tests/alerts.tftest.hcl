mock_provider "azurerm" {
  source = "./tests/mocks"
}

mock_provider "azapi" {}

variables {
  location = "westeurope"
  package  = "versions.tf"
}

run "every_alert_is_a_rule" {
  command = plan

  assert {
    condition     = keys(azurerm_monitor_scheduled_query_rules_alert_v2.app) == keys(jsondecode(file("../alerts/alerts.json")))
    error_message = "Each entry of alerts.json must be a rule."
  }

  assert {
    condition     = alltrue([for rule in azurerm_monitor_scheduled_query_rules_alert_v2.app : rule.auto_mitigation_enabled && rule.skip_query_validation && rule.criteria[0].failing_periods[0].number_of_evaluation_periods == 1])
    error_message = "A rule must resolve itself, and be made before its tables are."
  }

  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.app["failed-invocations"].criteria[0].threshold == 10 && azurerm_monitor_scheduled_query_rules_alert_v2.app["failed-invocations"].window_duration == "PT15M"
    error_message = "A threshold and a window of an entry must be the rule's."
  }

  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.app["oldest-unsynced-change"].criteria[0].dimension[0].name == "Vault" && length(azurerm_monitor_scheduled_query_rules_alert_v2.app["reconcile-not-run"].criteria[0].dimension) == 0
    error_message = "A rule must split by the dimension of its entry, if it has one."
  }

  assert {
    condition     = alltrue([for rule in azurerm_monitor_scheduled_query_rules_alert_v2.app : length(rule.action) == 0]) && length(azurerm_monitor_action_group.app) == 0
    error_message = "Without receivers nobody must be told."
  }
}

run "alert_after" {
  command = plan

  variables {
    alert_after = "PT2H"
  }

  assert {
    condition     = azurerm_monitor_scheduled_query_rules_alert_v2.app["oldest-unsynced-change"].criteria[0].threshold == 120 && azurerm_monitor_scheduled_query_rules_alert_v2.app["reconcile-not-run"].window_duration == "PT2H"
    error_message = "alertAfter must be minutes as a threshold, and itself as a window."
  }
}

run "receivers" {
  command = plan

  variables {
    alert_receivers = {
      emails           = ["platform@example.com"]
      action_group_ids = ["/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/ops/providers/Microsoft.Insights/actionGroups/ops"]
    }
  }

  assert {
    condition     = one(azurerm_monitor_action_group.app[0].email_receiver).email_address == "platform@example.com"
    error_message = "The address must be told."
  }

  assert {
    condition     = length(local.action_group_ids) == 2 && alltrue([for rule in azurerm_monitor_scheduled_query_rules_alert_v2.app : length(rule.action) == 1])
    error_message = "Each rule must tell both the made and the given action group."
  }
}

run "wrong_receivers_are_refused" {
  command = plan

  variables {
    alert_after = "PT5M"
    alert_receivers = {
      emails           = ["platform"]
      action_group_ids = []
    }
  }

  expect_failures = [var.alert_after, var.alert_receivers]
}
