"""A run: pure decisions on its state, and its ledger, which outlives its history in Durable Functions."""
