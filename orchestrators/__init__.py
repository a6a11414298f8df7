"""Durable orchestrators: pure decisions, replayed from history; every effect is an activity's."""
