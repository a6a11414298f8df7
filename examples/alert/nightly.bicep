// Alerts when nothing has moved, confirmed or set the watermark of one source for 26 hours; infra/ has a rule for all sources.
param location string = resourceGroup().location

@description('Resource id of the Application Insights that receives the records of Sluice.')
param insightsId string

@description('Resource id of the action group that receives the alert; azd up creates one.')
param actionGroupId string

param source string
param hours int = 26

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'alert-sluice-night-${source}'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Sluice: ${source} has had no successful night for ${hours} hours'
    severity: 1
    enabled: true
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    scopes: [insightsId]
    skipQueryValidation: true
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: loadTextContent('../../infra/queries/alert_watermark_old.kql')
          metricMeasureColumn: 'hours'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: hours
          dimensions: [{ name: 'watermark', operator: 'Include', values: [source] }]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [actionGroupId] }
  }
}
