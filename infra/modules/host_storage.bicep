// The app's own account: its package, spool and ledgers, the data of the Functions host, and the task hub.
param name string
param location string
param tags object

@description('Whether Durable Functions stores its state here.')
param keepsHub bool
param ledgerDays int
param restoreDays int
param isPrivate bool
param principalId string
param workspaceId string

var packageContainer = 'app-package'

// The names are for readers; Azure identifies a role by its id.
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var queueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var roles = concat([blobDataOwner], keepsHub ? [queueDataContributor, tableDataContributor] : [])

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'None' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: restoreDays }
      containerDeleteRetentionPolicy: { enabled: true, days: restoreDays }
    }

    resource package 'containers' = {
      name: packageContainer
    }

    resource runs 'containers' = {
      name: 'sluice'
    }
  }

  resource queues 'queueServices' = {
    name: 'default'
  }

  resource tables 'tableServices' = {
    name: 'default'
  }

  // Spool and ledger of a run have the same prefix, and a paused run may be very old. So no rule deletes a blob: the app
  // does that SLUICE_LEDGER_DAYS after the end of a run. The app reads and writes a cool blob as before.
  resource lifeCycle 'managementPolicies' = {
    name: 'default'
    properties: {
      policy: {
        rules: [
          {
            name: 'cool-what-is-kept-long'
            type: 'Lifecycle'
            enabled: ledgerDays == 0 || ledgerDays >= 60
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['sluice/runs/'] }
              actions: { baseBlob: { tierToCool: { daysAfterModificationGreaterThan: 30 } } }
            }
          }
          {
            name: 'delete-snapshots'
            type: 'Lifecycle'
            enabled: true
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['sluice/'] }
              actions: { snapshot: { delete: { daysAfterCreationGreaterThan: 30 } } }
            }
          }
        ]
      }
    }
    dependsOn: [blobs]
  }
}

resource uses 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    scope: account
    name: guid(account.id, principalId, role)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource blobCounts 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account::blobs
  name: 'transactions'
  properties: { workspaceId: workspaceId, metrics: [{ category: 'Transaction', enabled: true }] }
}

resource queueCounts 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (keepsHub) {
  scope: account::queues
  name: 'transactions'
  properties: { workspaceId: workspaceId, metrics: [{ category: 'Transaction', enabled: true }] }
}

resource tableCounts 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (keepsHub) {
  scope: account::tables
  name: 'transactions'
  properties: { workspaceId: workspaceId, metrics: [{ category: 'Transaction', enabled: true }] }
}

output id string = account.id
output name string = account.name
output packageContainer string = packageContainer
