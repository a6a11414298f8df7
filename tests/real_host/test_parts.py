"""Each part of the comparison: devhost does what the real host did, or docs/devhost.md says why it does not."""

import gc

import pytest

from tests.real_host.parts import PARTS, run
from tests.real_host.verdict import problems, summary


@pytest.mark.filterwarnings("ignore:Potential duplicate Task completion")  # the SDK about an event before its wait
@pytest.mark.filterwarnings("ignore:coroutine 'async_def' was never awaited")  # nor is it by the SDK
@pytest.mark.parametrize("part", PARTS)
def test_devhost_does_what_the_real_host_did(part: str) -> None:
    rows = run(part)
    print(summary(part, rows))
    gc.collect()  # here, where the warning is expected, and not in some later test
    if found := problems(part, rows):
        pytest.fail("\n".join(found), pytrace=False)
