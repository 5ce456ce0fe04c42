targetScope = 'subscription'

metadata description = 'Everything but the code and the event subscriptions, which follow it: infra/publish.py and infra/subscribe.py.'

import { networkFaults, placementFaults, projectFaults, sharedNames, sharedSecrets, vaultsOf } from 'naming.bicep'
import { cluster, duration, entraAuthentication, pageMap, project, receivers } from 'types.bicep'
import { syncSettings, tagMap, topicMap, vaultMap, virtualNetwork } from 'types.bicep'

@description('Base of all resource names, of a-z and 0-9.')
@minLength(3)
@maxLength(11)
param name string = 'kvsync'

@description('Region of all resources but the topics, which are in their vault\'s region.')
param location string = deployment().location

@description('The Azure cloud, as the Azure CLI names it: AzureCloud, AzureChinaCloud or AzureUSGovernment.')
param cloud string = environment().name

@description('The resource group that is made.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${name}'

@description('Tags of every resource that takes tags.')
param tags tagMap = {}

@description('The vaults to serve, by name.')
param vaults vaultMap = {}

@description('The vaults to make, by project and stage; they are served like the others. What exists stays as it is, and a project taken off the list keeps its vaults. Look before with infra/vault_names.py.')
param projects project[] = []

@description('The resource group that projects\' vaults are in. It exists already: the one that is made for the app goes with it.')
@minLength(1)
@maxLength(90)
param projectsResourceGroupName string = 'rg-${name}-vaults'

@description('Name of the file in the package that says where vaults go, for more placements than a setting holds; without it they are those of vaults.')
param placementsFile string = ''

@description('The clusters, as in SYNC_CLUSTERS; each with aks lets the identity ask Azure for its endpoint. None: the setting is left out.')
param clusters cluster[] = []

@description('Resource ids of namespaces (…/managedClusters/CLUSTER/namespaces/NAMESPACE) whose Secrets the identity may read and write, on clusters with Azure RBAC. On others a RoleBinding does this.')
param azureRbacNamespaces string[] = []

@description('Resource ids of the secrets (…/vaults/VAULT/secrets/SECRET) that clusters name as token_secret or kubeconfig_secret: the identity may read each.')
param credentialSecrets string[] = []

@description('Whether the identity may also read how each vault is set up, but no value (Reader on the vault): doctor then tells who decides on access, what can be recovered, the network and the audit events. Without it these checks are "not checked".')
param inspectVaults bool = false

@description('Settings of the app; they win over what is derived.')
param settings syncSettings = {}

@description('The virtual network to run in; null: public.')
param network virtualNetwork?

@description('Whether plan and storage span availability zones.')
param zoneRedundant bool = false

@description('Instances that are always ready for events, resync and status; with zoneRedundant none or at least two.')
@minValue(0)
param alwaysReady int = 0

@description('Concurrent events and requests of one instance, at most what host.json allows.')
@minValue(1)
@maxValue(1000)
param perInstanceConcurrency int = 200

@description('Instances at most.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 2048

@description('Who is told of alerts; the rules exist in any case.')
param alertReceivers receivers = {
  emails: []
  actionGroupIds: []
}

@description('How long a vault may stay out of step, and no pass may run, before an alert; longer than two intervals of SYNC_SCHEDULE.')
param alertAfter duration = 'PT30M'

@description('Microsoft Entra before resync and status; null: function keys.')
param authentication entraAuthentication?

@description('Name of a vault to make for a first try; it is served like the others.')
@maxLength(24)
param exampleVault string = ''

var hosts = loadJsonContent('../clouds.json')[?cloud] ?? fail('cloud is AzureCloud, AzureChinaCloud or AzureUSGovernment, and not ${cloud}.')
var ownSubscription = subscription().subscriptionId
var groupId = '/subscriptions/${ownSubscription}/resourceGroups/${resourceGroupName}'
var uniqueName = '${name}-${uniqueString(groupId)}'

var projectsGroupId = '/subscriptions/${ownSubscription}/resourceGroups/${projectsResourceGroupName}'

var listed = union(
  vaults,
  empty(exampleVault)
    ? {}
    : {
        '${exampleVault}': {
          resourceId: '${groupId}/providers/Microsoft.KeyVault/vaults/${exampleVault}'
          location: location
        }
      }
)
var placements = flatten(map(
  items(listed),
  vault =>
    map(
      vault.value.?placements ?? [],
      placement =>
        union(
          { vault: vault.key },
          toObject(filter(items(placement), field => field.value != null), field => field.key, field => field.value)
        )
    )
))
// Whether the names alone say where vaults go, but for their placements; and whether the region in a name does.
var placedByName = empty(placementsFile) && empty(settings.?SYNC_VAULT_PATTERN) && empty(settings.?SYNC_PLACEMENTS)
var byRegion = contains(settings.?SYNC_NAMESPACE ?? '', '{region}') || !empty(settings.?SYNC_CLUSTERS) || !empty(filter(
  clusters,
  entry => entry.?match.?region != null
))
var faults = concat(
  projectFaults(projects, objectKeys(listed), network != null),
  sharedNames(projects),
  networkFaults(network),
  placedByName && !byRegion
    ? sharedSecrets(concat(
        map(filter(items(listed), vault => empty(vault.value.?placements)), vault => vault.key),
        filter(
          union([], map(vaultsOf(projects, projectsGroupId, location), vault => vault.name)),
          name => !contains(objectKeys(listed), name)
        )
      ))
    : [],
  placementFaults(listed, placedByName),
  contains([hosts.vaults, ''], settings.?SYNC_VAULT_DNS_SUFFIX ?? '')
    ? []
    : ['SYNC_VAULT_DNS_SUFFIX is not that of the cloud ${cloud}, ${hosts.vaults}: leave it out.'],
  empty(placementsFile) || empty(placements)
    ? []
    : ['placementsFile is given, and placements of vaults as well: put these into the file.']
)
// The loops below go by it, so that nothing is made where something is wrong.
var projectVaults = empty(faults) ? vaultsOf(projects, projectsGroupId, location) : fail(join(faults, ' '))

var served = union(
  listed,
  toObject(projectVaults, vault => vault.name, vault => {
    resourceId: vault.resourceId
    location: vault.location
  })
)
// One place for each vault's topic, by which the loops below go: an existing topic has a resource group and name of its own.
var topics = map(items(served), vault => {
  vaultName: vault.key
  vaultId: vault.value.resourceId
  location: vault.value.location
  exists: vault.value.?systemTopic != null
  name: last(split(vault.value.?systemTopic ?? 'key-vault-sync-${vault.key}', '/'))
  subscriptionId: split(vault.value.?systemTopic ?? vault.value.resourceId, '/')[2]
  groupName: split(vault.value.?systemTopic ?? vault.value.resourceId, '/')[4]
})
var vaultSubscriptions = map(items(served), vault => split(vault.value.resourceId, '/')[2])
var subscriptions = empty(served) ? [ownSubscription] : union([], vaultSubscriptions)

var clusterIds = map(filter(clusters, entry => contains(entry, 'aks')), entry => entry.?aks ?? '')
var namespaceSubscriptions = map(azureRbacNamespaces, id => '/subscriptions/${split(id, '/')[2]}')

var derivedSettings = union(
  { SYNC_SUBSCRIPTIONS: join(subscriptions, ',') },
  cloud == 'AzureCloud' ? {} : { SYNC_VAULT_DNS_SUFFIX: hosts.vaults },
  empty(served) ? {} : { SYNC_VAULTS: join(objectKeys(served), ',') },
  empty(placements) ? {} : { SYNC_PLACEMENTS: string(placements) },
  empty(placementsFile) ? {} : { SYNC_PLACEMENTS: placementsFile },
  empty(clusters) ? {} : { SYNC_CLUSTERS: string(clusters) }
)
var effectiveSettings = union(derivedSettings, settings)
var searched = effectiveSettings.?SYNC_DISCOVERY == 'resource-graph'
  ? map(split(effectiveSettings.?SYNC_SUBSCRIPTIONS ?? '', ','), id => trim(id))
  : []

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: uniqueName
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: replace(uniqueName, '-', '')
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    public: network == null
    principalId: identity.outputs.principalId
  }
}

module privateStorage 'modules/private-storage.bicep' = if (network != null) {
  name: 'private-storage'
  scope: group
  params: {
    name: uniqueName
    location: location
    tags: tags
    storageAccountId: storage.outputs.id
    virtualNetworkId: join(take(split(network.?subnetId ?? '', '/'), 9), '/')
    privateEndpointSubnetId: network.?privateEndpointSubnetId ?? ''
    blobDnsZoneId: network.?blobDnsZoneId ?? ''
    storageSuffix: hosts.storage
  }
}

module zoneLinks 'modules/zone-link.bicep' = [
  for zoneId in network.?linkedDnsZoneIds ?? []: {
    name: 'zone-link-${uniqueString(zoneId, groupId)}'
    scope: resourceGroup(split(zoneId, '/')[2], split(zoneId, '/')[4])
    params: {
      name: uniqueName
      tags: tags
      zoneName: last(split(zoneId, '/'))
      virtualNetworkId: join(take(split(network.?subnetId ?? '', '/'), 9), '/')
    }
  }
]

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: uniqueName
    shortName: name
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    alertReceivers: alertReceivers
    alertAfter: alertAfter
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: uniqueName
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    cloud: cloud
    loginHost: hosts.login
    storageAccountName: storage.outputs.name
    storageEndpoints: storage.outputs.endpoints
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    settings: effectiveSettings
    subnetId: network.?subnetId
    zoneRedundant: zoneRedundant
    alwaysReady: alwaysReady
    perInstanceConcurrency: perInstanceConcurrency
    maximumInstances: maximumInstances
    instanceMemory: instanceMemory
    authentication: authentication
  }
  dependsOn: [
    privateStorage
  ]
}

module example 'modules/example-vault.bicep' = if (!empty(exampleVault)) {
  name: 'example-vault'
  scope: group
  params: {
    name: exampleVault
    location: location
    tags: tags
  }
}

module projectVault 'modules/project-vault.bicep' = [
  for vault in projectVaults: {
    name: 'project-${vault.name}-${uniqueString(groupId)}'
    scope: resourceGroup(projectsResourceGroupName)
    params: {
      name: vault.name
      location: vault.location
      tags: tags
      officers: vault.officers
      readers: vault.readers
      firewall: !empty(vault.addresses)
      addresses: empty(vault.addresses) ? [] : union(vault.addresses, network.?addresses ?? [])
      workspaceId: monitoring.outputs.workspaceId
    }
  }
]

module vaultAccess 'modules/vault-access.bicep' = [
  for vault in items(served): {
    name: 'vault-${vault.key}-${uniqueString(groupId)}'
    scope: resourceGroup(split(vault.value.resourceId, '/')[2], split(vault.value.resourceId, '/')[4])
    params: {
      vaultName: last(split(vault.value.resourceId, '/'))
      accessPolicies: vault.value.?accessPolicies ?? false
      inspect: inspectVaults
      principalId: identity.outputs.principalId
    }
    dependsOn: [
      example
      projectVault
    ]
  }
]

module secretAccess 'modules/secret-access.bicep' = [
  for id in union([], credentialSecrets): {
    name: 'secret-${uniqueString(id, groupId)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      vaultName: split(id, '/')[8]
      credentialName: split(id, '/')[10]
      principalId: identity.outputs.principalId
    }
  }
]

module clusterAccess 'modules/cluster-access.bicep' = [
  for id in union([], clusterIds): {
    name: 'cluster-${uniqueString(id, groupId)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      clusterName: last(split(id, '/'))
      principalId: identity.outputs.principalId
    }
  }
]

resource namespaceRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(azureRbacNamespaces)) {
  name: guid(groupId, 'namespace-secrets')
  properties: {
    roleName: 'Key Vault Sync: Secrets of a namespace (${uniqueName})'
    description: 'Read and write the Secrets of the namespaces that it is assigned at.'
    type: 'CustomRole'
    assignableScopes: union(['/subscriptions/${ownSubscription}'], namespaceSubscriptions)
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.ContainerService/managedClusters/secrets/read'
          'Microsoft.ContainerService/managedClusters/secrets/write'
        ]
        notDataActions: []
      }
    ]
  }
}

module namespaceAccess 'modules/namespace-access.bicep' = [
  for id in union([], azureRbacNamespaces): {
    name: 'namespace-${uniqueString(id, groupId)}'
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: {
      clusterName: split(id, '/')[8]
      namespaceName: split(id, '/')[10]
      roleName: guid(groupId, 'namespace-secrets')
      principalId: identity.outputs.principalId
    }
    dependsOn: [
      namespaceRole
    ]
  }
]

module searchAccess 'modules/search-access.bicep' = [
  for id in union([], searched): {
    name: 'search-${uniqueString(id, groupId)}'
    scope: subscription(id)
    params: {
      principalId: identity.outputs.principalId
    }
  }
]

module topic 'modules/topic.bicep' = [
  for entry in topics: {
    name: 'topic-${entry.vaultName}-${uniqueString(groupId)}'
    scope: resourceGroup(entry.subscriptionId, entry.groupName)
    params: {
      name: entry.name
      exists: entry.exists
      vaultId: entry.vaultId
      location: entry.location
      tags: tags
    }
    dependsOn: [
      example
      projectVault
    ]
  }
]

module deadLetterAccess 'modules/dead-letter-access.bicep' = [
  for (entry, index) in topics: {
    name: 'dead-letters-${entry.vaultName}'
    scope: group
    params: {
      storageAccountName: storage.outputs.name
      principalId: topic[index].outputs.principalId
    }
  }
]

module eventAlerts 'modules/event-alerts.bicep' = [
  for (entry, index) in topics: {
    name: 'event-alerts-${entry.vaultName}-${uniqueString(groupId)}'
    scope: resourceGroup(entry.subscriptionId, entry.groupName)
    params: {
      topicName: entry.name
      vaultName: entry.vaultName
      name: uniqueName
      tags: tags
      actionGroupIds: monitoring.outputs.actionGroupIds
    }
    dependsOn: [
      topic[index]
    ]
  }
]

@description('Name of the function app.')
output functionAppName string = app.outputs.name

@description('Resource id of the function app.')
output functionAppId string = app.outputs.id

@description('The resource group that was made.')
output resourceGroupName string = group.name

@description('Object id of the app\'s identity: the user that a RoleBinding in Kubernetes names.')
output identityPrincipalId string = identity.outputs.principalId

@description('Client id of the app\'s identity.')
output identityClientId string = identity.outputs.clientId

@description('Resource id of the storage account.')
output storageAccountId string = storage.outputs.id

@description('Where the events are that could not be delivered.')
output deadLetterContainerUrl string = storage.outputs.deadLetterContainerUrl

@description('The vaults that are served.')
output vaults vaultMap = served

@description('The page of each vault in the portal. No document promises these addresses.')
output portalAddresses pageMap = toObject(
  items(served),
  vault => vault.key,
  vault => 'https://${hosts.portal}/#@${tenant().tenantId}/resource${vault.value.resourceId}'
)

@description('Where a resync is asked for.')
output resyncUrl string = 'https://${app.outputs.hostName}/api/resync'

@description('The system topics of the vaults, whose event subscriptions follow the code.')
output topics topicMap = toObject(
  topics,
  entry => entry.vaultName,
  entry => resourceId(entry.subscriptionId, entry.groupName, 'Microsoft.EventGrid/systemTopics', entry.name)
)
