metadata description = 'Logs, Application Insights and the log alerts.'

import { duration, receivers, tagMap } from '../types.bicep'

@description('Base of the names.')
param name string

@description('Short name of the action group, as e-mails show it.')
@maxLength(12)
param shortName string

@description('Region of the resources.')
param location string

@description('Tags of the resources.')
param tags tagMap

@description('Object id of the app\'s identity.')
param principalId string

@description('Who is told of alerts.')
param alertReceivers receivers

@description('How long what an alert watches may last.')
param alertAfter duration

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'
var alerts = loadJsonContent('../../alerts/alerts.json')
var minutes = {
  PT15M: 15
  PT30M: 30
  PT1H: 60
  PT2H: 120
  PT6H: 360
}
var actionGroups = concat(alertReceivers.actionGroupIds, empty(alertReceivers.emails) ? [] : [actionGroup.id])

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 30
    features: {
      disableLocalAuth: true
    }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource publishing 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, principalId, monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertReceivers.emails)) {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: shortName
    emailReceivers: [
      for address in alertReceivers.emails: {
        name: address
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in items(alerts): {
    name: '${name}-${alert.key}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${name}: ${alert.key}'
      description: alert.value.description
      enabled: true
      severity: alert.value.severity
      scopes: [
        workspace.id
      ]
      evaluationFrequency: alert.value.frequency
      windowSize: alert.value.window == 'alertAfter' ? alertAfter : alert.value.window
      criteria: {
        allOf: [
          {
            query: join(alert.value.query, '\n')
            metricMeasureColumn: alert.value.measure
            timeAggregation: alert.value.aggregation
            operator: alert.value.operator
            threshold: int(alert.value.threshold == 'alertAfter' ? minutes[alertAfter] : alert.value.threshold)
            dimensions: empty(alert.value.dimension)
              ? []
              : [
                  {
                    name: alert.value.dimension
                    operator: 'Include'
                    values: [
                      '*'
                    ]
                  }
                ]
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // A new workspace has no tables yet, which the queries name.
      skipQueryValidation: true
      actions: {
        actionGroups: actionGroups
      }
    }
  }
]

@description('Where telemetry goes: an address, which opens nothing without a role since local authentication is off.')
output connectionString string = applicationInsights.properties.ConnectionString

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('The action groups of the alerts.')
output actionGroupIds string[] = actionGroups
