metadata description = 'Lets the identity ask Azure for an AKS cluster\'s endpoint and authority; the cluster itself says what it may do there.'

@description('Name of the cluster.')
param clusterName string

@description('Object id of the app\'s identity.')
param principalId string

var clusterUser = '4abbcc35-e782-43d8-92c5-2d3f1bd2253f'

resource cluster 'Microsoft.ContainerService/managedClusters@2025-05-01' existing = {
  name: clusterName
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(cluster.id, principalId, clusterUser)
  scope: cluster
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', clusterUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
