"""The deployed resources keep every promise, and each promise fails on a broken copy."""

from copy import deepcopy

import pytest

from tests.infra.checks import CHECKS, Change, Check
from tests.infra.deployed import Deployed, read


def named(check: Check) -> str:
    return f"{check.of}-{check.holds.__name__}"


BREAKS = [
    pytest.param(check, change, id=f"{named(check)}-{number}")
    for check in CHECKS
    for number, change in enumerate(check.breaks, start=1)
]


@pytest.mark.parametrize("check", [pytest.param(check, id=named(check)) for check in CHECKS])
def test_what_is_deployed_keeps_its_promises(check: Check) -> None:
    assert check.breaks, "a promise that nothing can break says nothing"
    check.holds(Deployed(read(f"{check.of}.snapshot.json")))


@pytest.mark.parametrize(("check", "change"), BREAKS)
def test_a_broken_copy_is_noticed(check: Check, change: Change) -> None:
    copy = Deployed(deepcopy(read(f"{check.of}.snapshot.json")))
    change(copy)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check.holds(copy)
