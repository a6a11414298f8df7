"""Promises about the deployed resources, each with changes that break it.

The Bicep compiler sees none of this: a role, a life-cycle rule or a Python version that is wrong compiles without a
warning.
"""

from tests.infra.checks import access, host, people, storage, switches
from tests.infra.checks.change import CHECKS, Change, Check
from tests.infra.checks.host import MEMORY, PYTHONS

__all__ = ["CHECKS", "MEMORY", "PYTHONS", "Change", "Check", "access", "host", "people", "storage", "switches"]
