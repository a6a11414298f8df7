// The workbook, and the same queries as saved queries of the portal. Both come from infra/queries.
param name string
param location string
param tags object
param insightsId string
param workspaceId string

var queries = {
  runs: loadTextContent('../queries/runs.kql')
  run_ids: loadTextContent('../queries/run_ids.kql')
  run: loadTextContent('../queries/run.kql')
  throughput: loadTextContent('../queries/throughput.kql')
  failures: loadTextContent('../queries/failures.kql')
  throttling: loadTextContent('../queries/throttling.kql')
  depths: loadTextContent('../queries/depths.kql')
  transactions: loadTextContent('../queries/transactions.kql')
}
var insights = 'microsoft.insights/components'

// workbook.json has the name of a query's file instead of the query.
var told = loadJsonContent('../workbook.json')
var filled = map(
  told.items,
  item =>
    union(item, {
      content: union(
        item.content,
        contains(item.content, 'query')
          ? {
              query: queries[item.content.query]
              crossComponentResources: [item.content.resourceType == insights ? insightsId : workspaceId]
            }
          : {},
        contains(item.content, 'parameters')
          ? {
              parameters: map(
                item.content.parameters,
                parameter =>
                  union(
                    parameter,
                    contains(parameter, 'query')
                      ? { query: queries[parameter.query], crossComponentResources: [insightsId] }
                      : {}
                  )
              )
            }
          : {}
      )
    })
)

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, name)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Sluice'
    category: 'workbook'
    sourceId: insightsId
    version: '1.0'
    serializedData: string(union(told, { items: filled, fallbackResourceIds: [insightsId] }))
  }
}

resource pack 'Microsoft.OperationalInsights/queryPacks@2023-09-01' = {
  name: 'queries-${name}'
  location: location
  tags: tags
  properties: {}

  resource saved 'queries' = [
    for query in items(queries): {
      name: guid(name, query.key)
      properties: {
        displayName: 'Sluice: ${query.key}'
        description: substring(split(query.value, '\n')[0], 3)
        body: query.value
        related: {
          resourceTypes: [query.key == 'transactions' ? 'microsoft.operationalinsights/workspaces' : insights]
        }
      }
    }
  ]
}
