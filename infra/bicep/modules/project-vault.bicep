metadata description = 'A vault of a project: made once, and left as it is from then on.'

import { tagMap } from '../types.bicep'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the vault.')
param location string

@description('Tags of the vault.')
param tags tagMap

@description('Object ids of the groups that set its secrets.')
param officers string[]

@description('Object ids of the groups that see the names of its secrets.')
param readers string[]

@description('Whether it has a firewall.')
param firewall bool

@description('The public IPv4 ranges that the firewall lets in.')
param addresses string[]

@description('Resource id of the workspace that its audit events go to.')
param workspaceId string

var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var keyVaultReader = '21090545-7ca7-4776-b22c-e363652d74d2'

@onlyIfNotExists()
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    networkAcls: {
      bypass: 'None'
      defaultAction: firewall ? 'Deny' : 'Allow'
      ipRules: [
        for range in addresses: {
          value: range
        }
      ]
      virtualNetworkRules: []
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'key-vault-sync'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

resource officer 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for id in officers: {
    name: guid(vault.id, id, keyVaultSecretsOfficer)
    scope: vault
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
      principalId: id
      principalType: 'Group'
    }
  }
]

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for id in readers: {
    name: guid(vault.id, id, keyVaultReader)
    scope: vault
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultReader)
      principalId: id
      principalType: 'Group'
    }
  }
]
