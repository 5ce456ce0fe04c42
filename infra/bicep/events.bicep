targetScope = 'subscription'

metadata description = 'The event subscriptions of the vaults, after the code: Event Grid refuses one to a function that is not deployed. The values are outputs of main.bicep.'

import { tagMap, vaultMap } from 'types.bicep'

@description('Resource id of the function app.')
param functionAppId string

@description('Resource id of the storage account with the container of the dead letters.')
param storageAccountId string

@description('The vaults to serve, by name.')
param vaults vaultMap = {}

@description('Resource ids of the action groups of the alerts.')
param actionGroupIds string[] = []

@description('Tags of every resource that takes tags.')
param tags tagMap = {}

var appName = last(split(functionAppId, '/'))

// One place for each vault's topic, by which all the loops below go: an existing topic has a resource group and name of its own.
var topics = map(items(vaults), vault => {
  vaultName: vault.key
  vaultId: vault.value.resourceId
  location: vault.value.location
  exists: vault.value.?systemTopic != null
  name: last(split(vault.value.?systemTopic ?? 'key-vault-sync-${vault.key}', '/'))
  subscriptionId: split(vault.value.?systemTopic ?? vault.value.resourceId, '/')[2]
  groupName: split(vault.value.?systemTopic ?? vault.value.resourceId, '/')[4]
})

module topic 'modules/topic.bicep' = [
  for entry in topics: {
    name: 'topic-${entry.vaultName}'
    scope: resourceGroup(entry.subscriptionId, entry.groupName)
    params: {
      name: entry.name
      exists: entry.exists
      vaultId: entry.vaultId
      location: entry.location
      tags: tags
    }
  }
]

module deadLetterAccess 'modules/dead-letter-access.bicep' = [
  for (entry, index) in topics: {
    name: 'dead-letters-${entry.vaultName}'
    scope: resourceGroup(split(storageAccountId, '/')[2], split(storageAccountId, '/')[4])
    params: {
      storageAccountName: last(split(storageAccountId, '/'))
      principalId: topic[index].outputs.principalId
    }
  }
]

module eventSubscription 'modules/event-subscription.bicep' = [
  for (entry, index) in topics: {
    name: 'events-${entry.vaultName}'
    scope: resourceGroup(entry.subscriptionId, entry.groupName)
    params: {
      topicName: entry.name
      alertName: '${appName}-dead-lettered-${entry.vaultName}'
      droppedAlertName: '${appName}-dropped-${entry.vaultName}'
      tags: tags
      functionAppId: functionAppId
      storageAccountId: storageAccountId
      actionGroupIds: actionGroupIds
    }
    dependsOn: [
      deadLetterAccess[index]
    ]
  }
]
