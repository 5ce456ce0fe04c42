metadata description = 'The alerts on events of one vault that were dead-lettered, and on those that were dropped.'

import { tagMap } from '../types.bicep'

@description('Name of the vault\'s system topic.')
param topicName string

@description('Name of the vault.')
param vaultName string

@description('What the names of the rules begin with.')
param name string

@description('Tags of the alert rules.')
param tags tagMap

@description('The action groups of the alerts.')
param actionGroupIds string[]

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource rule 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in items(loadJsonContent('../../alerts/events.json')): {
    name: '${name}-${alert.key}-${vaultName}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.value.description
      enabled: true
      severity: 2
      scopes: [
        topic.id
      ]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: alert.key
            metricNamespace: 'Microsoft.EventGrid/systemTopics'
            metricName: alert.value.metric
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              // As infra/subscribe.py names it.
              {
                name: 'EventSubscriptionName'
                operator: 'Include'
                values: [
                  'key-vault-sync'
                ]
              }
            ]
            // A new topic has not counted anything yet.
            skipMetricValidation: true
          }
        ]
      }
      autoMitigate: true
      actions: [
        for id in actionGroupIds: {
          actionGroupId: id
        }
      ]
    }
  }
]
