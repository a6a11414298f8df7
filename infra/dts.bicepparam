// The other value of each switch, for the tests and as an example: a scheduler, a network, two accounts with two queues.
using './main.bicep'

param environmentName = 'sluice-dts'
param location = 'westeurope'
param backend = 'dts'
param pythonVersion = '3.12'
param queueNames = ['orders-a', 'orders-b']
param queueAccounts = 2
param ledgerDays = 365
param maximumInstances = 100
param instanceMemoryMB = 4096
param alwaysReady = 0
param privateNetwork = true
param alertEmails = ['operations@example.com']
