using 'events.bicep'

// Nothing to edit: all of it is what main.bicep put out. azd hands its outputs on as environment variables of their names.
// With the Azure CLI, after main.bicep and `make package`:
//
//   out() { az deployment sub show --name keyvault-sync --query "properties.outputs.$1.value" --output "$2"; }
//   az functionapp deployment source config-zip --src dist/keyvault-sync.zip --build-remote false \
//     --resource-group "$(out resourceGroupName tsv)" --name "$(out functionAppName tsv)"
//   export functionAppId="$(out functionAppId tsv)" storageAccountId="$(out storageAccountId tsv)"
//   export vaults="$(out vaults json)" actionGroupIds="$(out actionGroupIds json)" tags="$(out tags json)"
//   az deployment sub create --name keyvault-sync-events --location westeurope --parameters infra/bicep/events.bicepparam

param functionAppId = readEnvironmentVariable('functionAppId', '')

param storageAccountId = readEnvironmentVariable('storageAccountId', '')

param vaults = json(readEnvironmentVariable('vaults', '{}'))

param actionGroupIds = json(readEnvironmentVariable('actionGroupIds', '[]'))

param tags = json(readEnvironmentVariable('tags', '{}'))
