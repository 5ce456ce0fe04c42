metadata description = 'The system topic of one vault: made, or the one that it has.'

import { tagMap } from '../types.bicep'

@description('Name of the topic.')
param name string

@description('Whether the vault already has it.')
param exists bool

@description('Resource id of the vault.')
param vaultId string

@description('Region of the vault.')
param location string

@description('Tags of a topic that is made.')
param tags tagMap

resource made 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (!exists) {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: vaultId
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

resource given 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (exists) {
  name: name
}

@description('Object id of the topic\'s identity, which writes the dead letters.')
output principalId string = !exists
  ? made!.identity.principalId
  : contains(given.?identity.?type ?? '', 'SystemAssigned')
      ? given!.identity.principalId
      : fail('The system topic ${name} has no system-assigned identity, by which dead letters are written. Give it one: az eventgrid system-topic update --name ${name} --resource-group ${resourceGroup().name} --identity systemassigned')
