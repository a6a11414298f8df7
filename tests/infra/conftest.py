"""An end-to-end run whose records are asked, as the tests of tests/e2e have it."""

from tests.e2e.conftest import rig, small_api

__all__ = ["rig", "small_api"]
