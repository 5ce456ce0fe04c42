using 'main.bicep'

// The one place to edit. With azd:
//
//   azd up
//
// With the Azure CLI: the infrastructure, the code, and the event subscriptions, each of which can be run again.
//
//   make package
//   az deployment sub create --name keyvault-sync --location westeurope --parameters infra/bicep/main.bicepparam
//   out() { az deployment sub show --name keyvault-sync --query "properties.outputs.$1.value" --output "$2"; }
//   .venv/bin/python -m infra.publish --app "$(out functionAppId tsv)"
//   .venv/bin/python -m infra.subscribe --app "$(out functionAppId tsv)" --storage "$(out storageAccountId tsv)" --topics "$(out topics json)"

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
