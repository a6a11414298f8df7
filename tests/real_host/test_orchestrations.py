"""Each recorded orchestration, played again on devhost; each recorded turn, given to the SDK alone; corner cases."""

import gc

import pytest

from tests.real_host import corners, orchestrations
from tests.real_host.parts import run
from tests.real_host.verdict import problems


@pytest.mark.filterwarnings("ignore:Potential duplicate Task completion")  # the SDK about an event before its wait
@pytest.mark.filterwarnings("ignore:coroutine 'async_def' was never awaited")  # nor is it by the SDK
@pytest.mark.parametrize("part", [*orchestrations.PARTS, *corners.PARTS])
def test_devhost_does_what_the_real_host_did(part: str) -> None:
    found = problems(part, run(part))
    gc.collect()  # here, where the warning is expected, and not in some later test
    assert not found
