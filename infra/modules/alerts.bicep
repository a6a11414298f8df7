// The alert rules and their recipients. A rule runs a query of infra/queries; docs/monitoring.md lists the rules.
param name string
param location string
param tags object
param insightsId string
param emails string[]
param rejectedPercent int
param throttledSeconds int
param queueDepth int
param watermarkHours int

type rule = {
  name: string
  title: string
  severity: 0 | 1 | 2 | 3 | 4
  query: string

  @description('Time range of the query: longer than the interval between two queries, because records arrive some minutes late.')
  window: string

  @description('The column whose values each have a separate alert, which ends when the rule no longer holds.')
  by: string?

  @description('The column to compare with the threshold; without one, the rule counts rows.')
  measure: string?
  threshold: int?
  operator: 'LessThan'?
}

var rules rule[] = [
  {
    name: 'run-failed'
    title: 'a run failed, was terminated or completed with failures'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../queries/alert_run_failed.kql')
    by: 'run_id'
  }
  {
    name: 'completed-with-rejects'
    title: 'a run completed with rejects or another total'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../queries/alert_completed_with_rejects.kql')
    by: 'run_id'
  }
  {
    name: 'run-empty'
    title: 'a run completed without a message'
    severity: 3
    window: 'PT15M'
    query: loadTextContent('../queries/alert_run_empty.kql')
    by: 'source'
  }
  {
    name: 'run-held'
    title: 'a run waits for a person to accept a change'
    severity: 2
    window: 'PT30M'
    query: loadTextContent('../queries/alert_run_held.kql')
    by: 'run_id'
  }
  {
    name: 'run-stands-still'
    title: 'a run makes no progress and gives no reason'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../queries/alert_run_stands_still.kql')
    by: 'run_id'
  }
  {
    name: 'rejected-share'
    title: 'a run rejects too many messages'
    severity: 2
    window: 'PT30M'
    query: loadTextContent('../queries/alert_rejected_share.kql')
    by: 'run_id'
    measure: 'percent'
    threshold: rejectedPercent
  }
  {
    name: 'throttled'
    title: 'queues have throttled a run for a long time'
    severity: 3
    window: 'PT30M'
    query: loadTextContent('../queries/alert_throttled.kql')
    by: 'run_id'
    measure: 'throttled_seconds'
    threshold: throttledSeconds
  }
  {
    name: 'poison-queue'
    title: 'a poison queue has messages'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../queries/alert_poison_queue.kql')
    by: 'queue'
    measure: 'poison_depth'
    threshold: 0
  }
  {
    name: 'queue-depth'
    title: 'too many messages wait in a queue'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../queries/alert_queue_depth.kql')
    by: 'queue'
    measure: 'depth'
    threshold: queueDepth
  }
  {
    name: 'watermark-old'
    title: 'nothing has moved or confirmed a watermark for a long time'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../queries/alert_watermark_old.kql')
    by: 'watermark'
    measure: 'hours'
    threshold: watermarkHours
  }
  {
    name: 'schedule-missed'
    title: 'a scheduled run did not start'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../queries/alert_schedule_missed.kql')
    by: 'source'
  }
  {
    name: 'keeper-silent'
    title: 'the keeper has not run for ten minutes'
    severity: 1
    window: 'PT10M'
    query: loadTextContent('../queries/alert_keeper_silent.kql')
    measure: 'looks'
    threshold: 1
    operator: 'LessThan'
  }
]

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

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${name}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Sluice: ${rule.title}'
      description: substring(split(rule.query, '\n')[0], 3)
      enabled: true
      severity: rule.severity
      evaluationFrequency: 'PT5M'
      windowSize: rule.window
      scopes: [insightsId]
      skipQueryValidation: true // the tests check each query, and a new workspace has no table yet
      autoMitigate: true
      criteria: {
        allOf: [
          union(
            {
              query: rule.query
              timeAggregation: rule.?measure == null ? 'Count' : 'Maximum'
              operator: rule.?operator ?? 'GreaterThan'
              threshold: rule.?threshold ?? 0
              dimensions: rule.?by == null ? [] : [{ name: rule.by!, operator: 'Include', values: ['*'] }]
              failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
            },
            rule.?measure == null ? {} : { metricMeasureColumn: rule.measure! }
          )
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]
