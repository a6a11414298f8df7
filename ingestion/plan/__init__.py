"""What a run would do: read at most two pages of its source as a run does, and keep nothing."""
