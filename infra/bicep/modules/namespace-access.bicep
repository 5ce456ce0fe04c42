metadata description = 'Lets the identity read and write the Secrets of one namespace, on a cluster with Azure RBAC.'

@description('Name of the cluster.')
param clusterName string

@description('Name of the namespace.')
param namespaceName string

@description('Name of the custom role, a GUID.')
param roleName string

@description('Object id of the app\'s identity.')
param principalId string

var namespaceId = '${resourceGroup().id}/providers/Microsoft.ContainerService/managedClusters/${clusterName}/namespaces/${namespaceName}'

// A namespace is no type of its own in Resource Manager. Spelt out, the assignment's id cannot be taken for one on the resource group.
#disable-next-line BCP081 BCP174
resource access 'Microsoft.ContainerService/managedClusters/namespaces/providers/roleAssignments@2022-04-01' = {
  name: '${clusterName}/${namespaceName}/Microsoft.Authorization/${guid(namespaceId, principalId, roleName)}'
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
