"""Annotations of activities that the real host's worker takes or refuses."""

from tests.real_host.parts import run
from tests.real_host.verdict import problems


def test_devhost_loads_the_annotations_that_the_worker_loads() -> None:
    assert not problems("annotations", run("annotations"))
