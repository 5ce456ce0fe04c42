metadata description = 'Lets the identity list and read the secrets of one vault, by a role, or by an access policy where the vault takes those; and see how the vault is set up, if asked for.'

@description('Name of the vault.')
param vaultName string

@description('Whether the vault takes access policies instead of roles.')
param accessPolicies bool

@description('Whether the identity may read how the vault is set up.')
param inspect bool

@description('Name of the custom role that lets the identity set secrets, a GUID; empty: it may not.')
param prepareRoleName string

@description('Object id of the app\'s identity.')
param principalId string

var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var reader = 'acdd72a7-3385-48ef-bd42-f606fba81ae7'

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

// Left out by Azure it means access policies: so older vaults were made.
var takesRoles = vault.properties.?enableRbacAuthorization ?? false

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!accessPolicies) {
  name: guid(vault.id, principalId, keyVaultSecretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
    principalId: takesRoles
      ? principalId
      : fail('The vault ${vaultName} takes access policies, where a role is useless: set accessPolicies of its entry in vaults, or let it take roles (enableRbacAuthorization).')
    principalType: 'ServicePrincipal'
  }
}

resource preparation 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!accessPolicies && !empty(prepareRoleName)) {
  name: guid(vault.id, principalId, prepareRoleName)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', prepareRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Of the management plane, so it counts where the vault takes access policies, too.
resource inspection 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (inspect) {
  name: guid(vault.id, principalId, reader)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource policy 'Microsoft.KeyVault/vaults/accessPolicies@2026-02-01' = if (accessPolicies) {
  parent: vault
  name: 'add'
  properties: {
    accessPolicies: [
      {
        tenantId: tenant().tenantId
        objectId: takesRoles
          ? fail('The vault ${vaultName} takes roles, where an access policy is useless: leave accessPolicies out of its entry in vaults.')
          : principalId
        permissions: {
          secrets: concat(['get', 'list'], empty(prepareRoleName) ? [] : ['set'])
        }
      }
    ]
  }
}
