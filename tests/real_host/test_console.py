"""Log records and prints of an app, as the real host's console showed them."""

from tests.real_host.parts import run
from tests.real_host.verdict import problems


def test_devhost_shows_the_records_that_the_real_host_shows() -> None:
    assert not problems("logs", run("logs"))
