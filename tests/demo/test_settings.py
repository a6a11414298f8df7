"""An invalid value of a flag is refused before anything starts, and the error names the flag."""

import argparse
import re

import pytest

from local.demo.settings import ApiSettings, add_flags, settings_from


def parsed(*words: str) -> ApiSettings:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return settings_from(parser, parser.parse_args(words))


@pytest.mark.parametrize(
    ("flag", "value", "allowed"),
    [
        ("--ids", "-5", "greater than or equal to 0"),
        ("--ids", "many", "a valid integer"),
        ("--page-size", "0", "greater than or equal to 1"),
        ("--latency-ms", "nan", "a finite number"),
        ("--latency-ms", "inf", "a finite number"),
        ("--throttle", "nan", "a finite number"),
        ("--failure-rate", "nan", "less than 1"),
        ("--failure-rate", "1", "less than 1"),
    ],
)
def test_a_wrong_value_names_its_flag_alone_and_what_is_allowed(
    flag: str, value: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(flag, value)
    shown = capsys.readouterr().err.splitlines()[-1]
    assert re.findall(r"--[a-z-]+", shown) == [flag]
    assert allowed in shown


def test_the_flags_of_settings_give_the_settings_again() -> None:
    settings = ApiSettings(ids=7, page_size=3, latency_ms=1.5, failure_rate=0.25, throttle=9.0, seed=-1)
    assert parsed(*settings.flags()) == settings
