"""What a run is and does next: pure decisions on its state, and the ledger that outlives its history."""
