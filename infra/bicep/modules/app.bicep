metadata description = 'The Flex Consumption plan and the function app on it.'

import { entraAuthentication, endpoints, syncSettings, tagMap } from '../types.bicep'

@description('Name of plan and app.')
param name string

@description('Region of plan and app.')
param location string

@description('Tags of plan and app.')
param tags tagMap

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('The Azure cloud.')
param cloud string

@description('Host that the cloud logs in at.')
param loginHost string

@description('Name of the host\'s storage account.')
param storageAccountName string

@description('Addresses of the storage account\'s services.')
param storageEndpoints endpoints

@description('Where the package is put.')
param deploymentContainerUrl string

@description('Where telemetry goes.')
param applicationInsightsConnectionString string

@description('The SYNC_ settings.')
param settings syncSettings

@description('Microsoft Entra before resync and status; null: function keys.')
param authentication entraAuthentication?

@description('Resource id of the subnet to go out through; null: none.')
param subnetId string?

@description('Whether instances span availability zones.')
param zoneRedundant bool

@description('Instances that are always ready for events and requests.')
param alwaysReady int

@description('Concurrent events and requests of one instance.')
param perInstanceConcurrency int

@description('Instances at most.')
param maximumInstances int

@description('Memory of an instance in MB.')
param instanceMemory int

var derivedSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AZURE_CLIENT_ID: identityClientId
  // Strangers need not learn from the root what runs here.
  AzureWebJobsDisableHomepage: 'true'
}

// A name means an account of the public cloud.
var cloudSettings = cloud == 'AzureCloud'
  ? {
      AzureWebJobsStorage__accountName: storageAccountName
    }
  : {
      AzureWebJobsStorage__blobServiceUri: storageEndpoints.blob
      AzureWebJobsStorage__queueServiceUri: storageEndpoints.queue
      AzureWebJobsStorage__tableServiceUri: storageEndpoints.table
      AZURE_AUTHORITY_HOST: loginHost
    }

// Client id of the Azure CLI, in every tenant.
var azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'

var entraSettings = {
  platform: {
    enabled: true
  }
  globalValidation: {
    requireAuthentication: true
    unauthenticatedClientAction: 'Return401'
    // The host takes the webhook's path in any case, and Azure writes it in two; no document says in which case this list is compared.
    excludedPaths: [
      '/runtime/webhooks/eventgrid'
      '/runtime/webhooks/EventGrid'
      '/api/health'
    ]
  }
  httpSettings: {
    requireHttps: true
  }
  identityProviders: {
    azureActiveDirectory: {
      enabled: true
      registration: {
        clientId: authentication.?clientId
        openIdIssuer: 'https://${loginHost}/${tenant().tenantId}/v2.0'
      }
      validation: {
        defaultAuthorizationPolicy: {
          allowedApplications: union([azureCli], authentication.?allowedApplications ?? [])
          allowedPrincipals: {
            identities: authentication.?allowedPrincipals
          }
        }
      }
    }
  }
  login: {
    tokenStore: {
      enabled: false
    }
  }
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, {
    // azd finds the app of the service in azure.yaml by it.
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReady == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: alwaysReady
              }
            ]
        maximumInstanceCount: maximumInstances
        instanceMemoryMB: instanceMemory
        triggers: {
          http: {
            // Left out it is 1 for Python: an instance for each event of a burst.
            perInstanceConcurrency: perInstanceConcurrency
          }
        }
      }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(derivedSettings, cloudSettings, settings)
  }

  // There in any case, so that authentication taken out again is turned off.
  resource authSettings 'config' = {
    name: 'authsettingsV2'
    properties: authentication == null ? { platform: { enabled: false } } : entraSettings
  }
}

@description('Resource id of the function app.')
output id string = site.id

@description('Name of the function app.')
output name string = site.name

@description('Host name of the function app.')
output hostName string = site.properties.defaultHostName
