"""Apps and host.json files that the real host starts, half starts, or does not start."""

from tests.real_host.parts import run
from tests.real_host.verdict import problems


def test_devhost_starts_what_the_real_host_starts_or_says_what_it_does() -> None:
    assert not problems("starts", run("starts"))
