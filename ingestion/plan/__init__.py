"""What a run would do: at most two pages of its source, read as a run reads them, and nothing kept of them."""
