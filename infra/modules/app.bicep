// The function app on Flex Consumption, with every app setting that it reads.
param name string
param location string
param tags object
param pythonVersion string
param maximumInstances int
param instanceMemoryMB int
param alwaysReady int
param identityId string
param identityClientId string
param insightsConnectionString string
param hostAccountName string
param packageContainer string
param queueNames string[]
param queueAccountNames string[]
param ledgerDays int

param taskHub string
param backend string

@description('Empty if backend is storage.')
param schedulerEndpoint string

@description('Empty without a network.')
param subnetId string
param appSettings object

var suffix = environment().suffixes.storage
var hostStorage = {
  AzureWebJobsStorage__blobServiceUri: 'https://${hostAccountName}.blob.${suffix}'
  AzureWebJobsStorage__queueServiceUri: 'https://${hostAccountName}.queue.${suffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${hostAccountName}.table.${suffix}'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
}
var insights = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}
var targets = map(range(0, length(queueAccountNames)), index => 'QUEUES_${index + 1}')
var places = map(range(0, length(targets)), index => {
  name: '${targets[index]}__queueServiceUri'
  value: 'https://${queueAccountNames[index]}.queue.${suffix}'
})
var clients = map(targets, target => { name: '${target}__clientId', value: identityClientId })
var sluice = {
  SLUICE_QUEUES: join(flatten(map(targets, target => map(queueNames, queue => '${target}/${queue}'))), ',')
  SLUICE_LEDGER_DAYS: string(ledgerDays)
  TASKHUB_NAME: taskHub
}
var scheduler = backend == 'storage'
  ? {}
  : {
      DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
    }
var named = items(union(hostStorage, insights, sluice, scheduler, appSettings))

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-${name}'
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      appSettings: concat(map(named, each => { name: each.key, value: string(each.value) }), places, clients)
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${hostAccountName}.blob.${suffix}/${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstances
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'durable', instanceCount: alwaysReady }]
      }
    }
  }

  // Publishing with a user name and password is disabled.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
