// Parameters of an azd environment: `azd env set DEPLOY_QUEUES orders-a,orders-b`. What is not set has its default here.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'sluice')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param backend = readEnvironmentVariable('DEPLOY_BACKEND', 'storage')
param pythonVersion = readEnvironmentVariable('DEPLOY_PYTHON', '3.11')
param queueNames = split(readEnvironmentVariable('DEPLOY_QUEUES', 'sluice-ids'), ',')
param queueAccounts = int(readEnvironmentVariable('DEPLOY_QUEUE_ACCOUNTS', '1'))
param ledgerDays = int(readEnvironmentVariable('DEPLOY_LEDGER_DAYS', '30'))
param restoreDays = int(readEnvironmentVariable('DEPLOY_RESTORE_DAYS', '7'))
param maximumInstances = int(readEnvironmentVariable('DEPLOY_MAXIMUM_INSTANCES', '40'))
param instanceMemoryMB = any(int(readEnvironmentVariable('DEPLOY_INSTANCE_MEMORY_MB', '2048')))
param alwaysReady = int(readEnvironmentVariable('DEPLOY_ALWAYS_READY', '1'))
param privateNetwork = bool(readEnvironmentVariable('DEPLOY_PRIVATE_NETWORK', 'false'))
param networkAddresses = readEnvironmentVariable('DEPLOY_NETWORK_ADDRESSES', '10.42.0.0/22')
param alertEmails = filter(split(readEnvironmentVariable('DEPLOY_ALERT_EMAILS', ''), ','), mail => !empty(mail))
param appSettings = json(readEnvironmentVariable('DEPLOY_APP_SETTINGS', '{}'))
param logDays = int(readEnvironmentVariable('DEPLOY_LOG_DAYS', '30'))
