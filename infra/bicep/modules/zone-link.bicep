metadata description = 'The link of an existing private DNS zone to the app\'s virtual network.'

import { tagMap } from '../types.bicep'

@description('Name of the link.')
param name string

@description('Tags of the link.')
param tags tagMap

@description('Name of the zone.')
param zoneName string

@description('Resource id of the virtual network.')
param virtualNetworkId string

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' existing = {
  name: zoneName
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
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
