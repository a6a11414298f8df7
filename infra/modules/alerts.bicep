// Who is told, and of what. Each rule asks with a query from infra/queries.
param name string
param tags object
param emails string[]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'sluice'
    emailReceivers: [
      for (email, index) in emails: {
        name: 'mail-${index + 1}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}
