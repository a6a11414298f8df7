"""The worker process, its threads and functionTimeout, as on the real host."""

import pytest

from tests.real_host.parts import run
from tests.real_host.verdict import problems
from tests.real_host.workers import PARTS


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", PARTS)
def test_the_worker_process_is_and_dies_as_on_the_real_host(part: str) -> None:
    assert not problems(part, run(part))
