metadata description = 'The private endpoint of the storage account\'s blobs and the DNS zone that leads to it.'

import { tagMap } from '../types.bicep'

@description('Base of the names.')
param name string

@description('Region of the private endpoint.')
param location string

@description('Tags of the resources.')
param tags tagMap

@description('Resource id of the storage account.')
param storageAccountId string

@description('Resource id of the virtual network that is to find the endpoint.')
param virtualNetworkId string

@description('Resource id of the private endpoint\'s subnet.')
param privateEndpointSubnetId string

@description('DNS suffix of storage accounts in the cloud.')
param storageSuffix string

@description('Resource id of an existing zone for blobs; empty: one is made and linked.')
param blobDnsZoneId string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (empty(blobDnsZoneId)) {
  name: 'privatelink.blob.${storageSuffix}'
  location: 'global'
  tags: tags
}

resource zoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = if (empty(blobDnsZoneId)) {
  parent: zone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetworkId
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-07-01' = {
  name: '${name}-blob'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: privateEndpointSubnetId
    }
    privateLinkServiceConnections: [
      {
        name: 'blob'
        properties: {
          privateLinkServiceId: storageAccountId
          groupIds: [
            'blob'
          ]
        }
      }
    ]
  }

  resource zoneGroup 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: 'blob'
          properties: {
            privateDnsZoneId: empty(blobDnsZoneId) ? zone.id : blobDnsZoneId
          }
        }
      ]
    }
  }
}
