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
param vaults = {}

// The clusters, as in docs/clusters.md:
//
//   {
//     name: 'dev'
//     aks: '/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/dev'
//   }
param clusters = []

// A vault to make for a first try, such as 'weu-DS-AKV-demo-dev-1'. Vault names are unique in all of Azure.
param exampleVault = ''
