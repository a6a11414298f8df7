"""An end-to-end run, as in tests/e2e, whose log records the tests query."""

from tests.e2e.conftest import rig, small_api

__all__ = ["rig", "small_api"]
