"""Annotations of activities that the real host's worker takes or refuses."""

import pytest

from tests.real_host.annotations import PARTS
from tests.real_host.parts import run
from tests.real_host.verdict import problems


@pytest.mark.parametrize("part", PARTS)
def test_devhost_loads_the_annotations_that_the_worker_loads(part: str) -> None:
    assert not problems(part, run(part))
