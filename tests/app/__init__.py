"""Promises of the app: functions and `ingestion`, without a host."""
