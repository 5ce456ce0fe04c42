metadata description = 'The storage account of the host, the package and the dead letters, without keys.'

import { endpoints, tagMap } from '../types.bicep'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the storage account.')
param location string

@description('Tags of the storage account.')
param tags tagMap

@description('Whether blobs are kept in several availability zones.')
param zoneRedundant bool

@description('Whether other networks than the private endpoint\'s may reach the account.')
param public bool

@description('Object id of the app\'s identity.')
param principalId string

var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Event Grid writes dead letters from outside the network, as a trusted service that logs in: its exception belongs to the
    // firewall, so the public endpoint stays and refuses all others.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: public ? 'Allow' : 'Deny'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: {
        enabled: true
        days: 7
      }
    }

    resource deployment 'containers' = {
      name: 'deployment'
      properties: {
        publicAccess: 'None'
      }
    }

    resource deadLetters 'containers' = {
      name: 'dead-letters'
      properties: {
        publicAccess: 'None'
      }
    }
  }
}

// At the account, as the Functions host documents for AzureWebJobsStorage: it makes its own containers for locks and keys. The
// package is read from the same account, so a role of its own on its container would add nothing.
resource hostAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, blobDataOwner)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

@description('Resource id of the storage account.')
output id string = account.id

@description('Name of the storage account.')
output name string = account.name

@description('Addresses of the account\'s services.')
output endpoints endpoints = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}

@description('Where the package is put.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${account::blobs::deployment.name}'

@description('Where dead letters are put.')
output deadLetterContainerUrl string = '${account.properties.primaryEndpoints.blob}${account::blobs::deadLetters.name}'
