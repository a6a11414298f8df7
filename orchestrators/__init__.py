"""Durable orchestrators: pure decisions that replay from history. Activities do all I/O."""
