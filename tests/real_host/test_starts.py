"""Apps and host.json files that the real host starts, half starts, or does not start."""

import pytest

from tests.real_host.parts import run
from tests.real_host.starts import PARTS
from tests.real_host.verdict import problems


@pytest.mark.parametrize("part", PARTS)
def test_devhost_starts_what_the_real_host_starts_or_says_what_it_does(part: str) -> None:
    assert not problems(part, run(part))
