using 'main.bicep'

// The one place to edit: events.bicepparam takes what it needs from main.bicep's outputs.
//
//   azd up
//
// or, with the Azure CLI:
//
//   az deployment sub create --name keyvault-sync --location westeurope --parameters infra/bicep/main.bicepparam
//
// and then the code and the events, as events.bicepparam says.

// azd sets it; it finds the resource group again by the tag.
var environmentName = readEnvironmentVariable('AZURE_ENV_NAME', '')

param name = 'kvsync'

param resourceGroupName = empty(environmentName) ? 'rg-kvsync' : 'rg-${environmentName}'

param tags = empty(environmentName) ? {} : { 'azd-env-name': environmentName }

// The vaults to serve:
//
//   'weu-DS-AKV-shop-dev-1': {
//     resourceId: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1'
//     location: 'westeurope'
//   }
//   'weu-DS-AKV-shop-dev-2': {
//     resourceId: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-2'
//     location: 'westeurope'
//     systemTopic: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.EventGrid/systemTopics/TOPIC'
//   }
// One of another name says where it goes, and one that takes access policies says that:
//
//   'myapp-kv': {
//     resourceId: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/myapp-kv'
//     location: 'westeurope'
//     accessPolicies: true
//     placements: [{ project: 'myapp', stage: 'dev', namespace: 'web-dev', secret: 'myapp' }]
//   }
param vaults = {}

// Vaults to make, and to serve like the others; look before, as docs/deploy.md says:
//
//   {
//     name: 'shop'
//     stage: 'dev'
//     numbers: [1]
//     region: 'weu'
//     officers: ['OBJECT-ID-OF-A-GROUP']
//   }
param projects = []

// The clusters, as in docs/clusters.md:
//
//   {
//     name: 'dev'
//     aks: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/dev'
//   }
param clusters = []

// A vault to make for a first try, such as 'weu-DS-AKV-demo-dev-1'. Vault names are unique in all of Azure.
param exampleVault = ''
