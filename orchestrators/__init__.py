"""Durable orchestrators: pure decisions, replayed from history; every effect is in an activity."""
