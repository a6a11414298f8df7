"""Durable activities: thin shells that decode, call `ingestion`, log, and encode."""
