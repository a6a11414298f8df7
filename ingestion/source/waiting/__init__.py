"""How long a source is left alone: what it says of that, what the app spends of its patience, its pace."""
