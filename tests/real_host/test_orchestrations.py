"""Each recorded orchestration of `orchestrations.py`, played again on devhost and turn by turn on the SDK alone."""

import pytest

from tests.real_host.orchestrations import PARTS
from tests.real_host.parts import run
from tests.real_host.verdict import problems


@pytest.mark.filterwarnings("ignore:Potential duplicate Task completion")  # the SDK about an event before its wait
@pytest.mark.parametrize("part", PARTS)
def test_devhost_does_what_the_real_host_did(part: str) -> None:
    assert not problems(part, run(part))
