"""Each transcript of `http_exchanges.py`, replayed on devhost."""

import pytest

from tests.real_host.http_exchanges import PARTS
from tests.real_host.parts import run
from tests.real_host.verdict import problems


@pytest.mark.parametrize("part", PARTS)
def test_devhost_answers_as_the_real_host_did(part: str) -> None:
    assert not problems(part, run(part))
