// Everything that Sluice needs in Azure, in one resource group. docs/azure.md says what and why.
targetScope = 'subscription'

@description('Name of the azd environment. It is part of the names and tags of all resources.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of all resources.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Where Durable Functions stores its state: in the storage account of the app, or in a Durable Task Scheduler.')
@allowed(['storage', 'dts'])
param backend string = 'storage'

@description('Python version of the app.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.11'

@description('Names of the queues for the messages. Each queue account has all of them.')
@minLength(1)
param queueNames string[] = ['sluice-ids']

@description('Number of storage accounts with these queues. An account accepts about 20,000 messages per second.')
@minValue(1)
@maxValue(10)
param queueAccounts int = 1

@description('How long to keep the ledger of an ended run, in days; 0 for ever.')
@minValue(0)
@maxValue(3650)
param ledgerDays int = 30

@description('How long you can restore a deleted blob, in days.')
@minValue(1)
@maxValue(365)
param restoreDays int = 7

@description('Largest number of instances of the app. This limits the cost of an hour.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Memory of an instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Instances for orchestrators and activities that always run; with 0 there is none between runs.')
@minValue(0)
@maxValue(20)
param alwaysReady int = 1

@description('Whether only private endpoints, in a virtual network of the app, give access to storage.')
param privateNetwork bool = false

@description('Address range of that network: a /22 or wider.')
param networkAddresses string = '10.42.0.0/22'

@description('E-mail addresses for all alerts. Without an address, only the portal shows alerts.')
param alertEmails string[] = []

@description('Alert when a run rejects more than this percentage of its messages.')
@minValue(0)
@maxValue(100)
param rejectedPercent int = 1

@description('Alert when queues have throttled a run for longer than this within half an hour, in seconds summed over its chunks.')
@minValue(1)
param throttledSeconds int = 600

@description('Alert when more messages than this wait in a queue.')
@minValue(1)
param queueDepth int = 1000000

@description('Alert when the watermark of an incremental source has not moved for this many hours.')
@minValue(1)
param watermarkHours int = 48

@description('App settings in addition to those of this template: SLUICE_*, and the names in sources.toml. The deployment history shows them, so give a secret as a Key Vault reference.')
param appSettings object = {}

@description('How long to keep logs, in days.')
@minValue(30)
@maxValue(730)
param logDays int = 30

var taskHub = 'Sluice'
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-sluice-${token}', location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'sluice-${token}'
    location: location
    tags: tags
    logDays: logDays
    principalId: identity.outputs.principalId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: 'sluice-${token}'
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    emails: alertEmails
    rejectedPercent: rejectedPercent
    throttledSeconds: throttledSeconds
    queueDepth: queueDepth
    watermarkHours: watermarkHours
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    name: 'sluice-${token}'
    location: location
    tags: tags
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module host 'modules/host_storage.bicep' = {
  name: 'host'
  scope: group
  params: {
    name: 'sluicehost${token}'
    location: location
    tags: tags
    keepsHub: backend == 'storage'
    ledgerDays: ledgerDays
    restoreDays: restoreDays
    isPrivate: privateNetwork
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module queues 'modules/queue_storage.bicep' = [
  for index in range(1, queueAccounts): {
    name: 'queues-${index}'
    scope: group
    params: {
      name: 'sluiceq${index}${token}'
      location: location
      tags: tags
      queueNames: queueNames
      isPrivate: privateNetwork
      principalId: identity.outputs.principalId
      workspaceId: monitoring.outputs.workspaceId
    }
  }
]

module scheduler 'modules/scheduler.bicep' = if (backend == 'dts') {
  name: 'scheduler'
  scope: group
  params: {
    name: 'sluice-${token}'
    taskHub: taskHub
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    name: 'sluice-${token}'
    location: location
    tags: tags
    addresses: networkAddresses
    hostAccountId: host.outputs.id
    hostServices: backend == 'storage' ? ['blob', 'queue', 'table'] : ['blob']
    queueAccountIds: [for index in range(0, queueAccounts): queues[index].outputs.id]
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: 'sluice-${token}'
    location: location
    tags: tags
    pythonVersion: pythonVersion
    maximumInstances: maximumInstances
    instanceMemoryMB: instanceMemoryMB
    alwaysReady: alwaysReady
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    insightsConnectionString: monitoring.outputs.connectionString
    hostAccountName: host.outputs.name
    packageContainer: host.outputs.packageContainer
    queueNames: queueNames
    queueAccountNames: [for index in range(0, queueAccounts): queues[index].outputs.name]
    ledgerDays: ledgerDays
    backend: backend
    taskHub: taskHub
    schedulerEndpoint: scheduler.?outputs.endpoint ?? ''
    subnetId: network.?outputs.appSubnetId ?? ''
    appSettings: appSettings
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output APP_NAME string = app.outputs.name
output APP_URL string = app.outputs.url
