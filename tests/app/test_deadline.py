"""Functions end in time, before the host ends their worker."""

import asyncio
from pathlib import Path

import pytest

from ingestion.deadline import DEFAULT_SECONDS, function_timeout, in_time
from ingestion.errors import InvalidInput, OutOfTime


@pytest.mark.parametrize(
    ("setting", "host_json", "seconds"),
    [
        ("", '{"functionTimeout": "00:10:00"}', 600.0),
        ("00:05:00", '{"functionTimeout": "00:10:00"}', 300.0),
        ("1.02:00:03", "{}", 93_603.0),
        ("-1", '{"functionTimeout": "00:10:00"}', float("inf")),
        ("", "{}", DEFAULT_SECONDS),
        ("", None, DEFAULT_SECONDS),
    ],
)
def test_the_time_of_a_function_is_the_host_s(
    tmp_path: Path, setting: str, host_json: str | None, seconds: float
) -> None:
    if host_json is not None:
        (tmp_path / "host.json").write_text(host_json)
    environment = {"AzureFunctionsJobHost__functionTimeout": setting}
    assert function_timeout(environment, tmp_path / "host.json") == seconds


def test_an_invalid_time_is_refused_and_named() -> None:
    with pytest.raises(InvalidInput, match="functionTimeout: 'soon' is not a time"):
        function_timeout({"AzureFunctionsJobHost__functionTimeout": "soon"})


async def test_work_that_takes_too_long_is_cancelled_and_the_error_names_it() -> None:
    with pytest.raises(OutOfTime, match="could not close the ledger of run r1 within 0 s"):
        async with in_time("close the ledger of run r1", 0.01):
            await asyncio.Event().wait()


async def test_a_timeout_of_the_work_itself_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError, match="the work's own"):
        async with in_time("wait", 60.0):
            raise TimeoutError("the work's own")
