"""Scheduled sources: the allowed values of the keys, and the names that such a source cannot have."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.errors import InvalidInput
from ingestion.settings import load_settings
from ingestion.source.check import check
from ingestion.source.description import described, has_schedule, load_source, read_scheduled, scheduled_tables

REST = 'url = "http://shop.example/orders"\nitems = "data"\npagination = { style = "none" }\n'
NIGHTLY = 'schedule = "0 0 2 * * *"\n'


def written(folder: Path, keys: str, name: str = "shop") -> Path:
    file = folder / "sources.toml"
    file.write_text(f'["{name}"]\n{REST}{keys}')
    return file


@pytest.mark.parametrize(
    ("keys", "key", "said"),
    [
        ('schedule = "every night"', "schedule", "not six fields of NCRONTAB; allowed: second (0), minute, hour"),
        ('schedule = "*/10 * * * * *"', "schedule", "the seconds (the first field) must be 0"),
        ('schedule = "0 0 2 30 2 *"', "schedule", "never due"),
        ("schedule = 2", "schedule", "valid string"),
        (NIGHTLY + 'time_zone = "Mars"', "time_zone", "no time zone has this name; allowed: a name of the tz database"),
        (NIGHTLY + 'if_running = "wait"', "if_running", "'skip' or 'queue'"),
        (NIGHTLY + 'if_missed = "all"', "if_missed", "'run' or 'skip'"),
        ('time_zone = "UTC"', "time_zone", "of no use without schedule"),
        ('if_running = "skip"', "if_running", "of no use without schedule"),
        ('if_missed = "run"', "if_missed", "of no use without schedule"),
        ('schedule = "%NIGHT%"', "schedule", "the app setting NIGHT is not set"),
    ],
)
def test_a_wrong_key_is_refused_wherever_the_description_is_read(
    tmp_path: Path, keys: str, key: str, said: str
) -> None:
    file = written(tmp_path, keys)
    with pytest.raises(InvalidInput) as refused:
        load_source(file, "shop", {})
    assert refused.value.field == f"sources.toml: shop.{key}"
    assert said in str(refused.value)
    lines, well = check(file, {})
    assert (well, said in lines[0]) == (("%" in keys), ("%" not in keys)), lines
    if "schedule" in keys:
        with pytest.raises(InvalidInput) as refused:
            read_scheduled(file, "shop", scheduled_tables(file)["shop"], {})
        assert said in str(refused.value)


@pytest.mark.parametrize("name", ["a", "Orders-2_eu", "x" * 40])
def test_a_name_that_can_be_part_of_a_run_id_is_taken(tmp_path: Path, name: str) -> None:
    assert load_source(written(tmp_path, NIGHTLY, name), name, {}).schedule == "0 0 2 * * *"


@pytest.mark.parametrize("name", ["", "x" * 41, "my orders", "a/b", "a.b", "ü", "-a", "_a", "a\\n"])
def test_a_name_that_cannot_is_refused(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, NIGHTLY, name)
    (name,) = scheduled_tables(file)
    with pytest.raises(InvalidInput, match="1 to 40 letters, digits, - and _"):
        load_source(file, name, {})
    with pytest.raises(InvalidInput, match="1 to 40 letters, digits, - and _"):
        read_scheduled(file, name, scheduled_tables(file)[name], {})
    lines, well = check(file, {})
    assert (well, "1 to 40 letters" in lines[0]) == (False, True)


def test_settings_are_filled_in_and_the_check_shows_the_next_due_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.clock.now", lambda: datetime(2026, 11, 25, 12, tzinfo=UTC))
    file = written(tmp_path, 'schedule = "0 30  %HOUR% * * *"\ntime_zone = "%ZONE%"')
    assert check(file, {"HOUR": "2", "ZONE": "Europe/Berlin"}) == (
        ["shop: ok, none; next due 2026-11-26 02:30 Europe/Berlin (2026-11-26T01:30Z)"],
        True,
    )
    assert check(file, {"ZONE": "Europe/Berlin"})[1], "what depends on a setting that is not set here counts as right"


def test_when_a_source_is_started_is_no_change_that_holds_a_run(tmp_path: Path) -> None:
    settings = load_settings({"AzureWebJobsStorage": "any", "SLUICE_SOURCES": str(written(tmp_path, ""))})
    plain = described(settings, "shop", {})
    fingerprint = load_source(written(tmp_path, ""), "shop", {}).fingerprint
    keys = NIGHTLY + 'time_zone = "Europe/Berlin"\nif_running = "queue"\nif_missed = "skip"'
    assert load_source(written(tmp_path, keys), "shop", {}).fingerprint == fingerprint
    assert described(settings, "shop", {}) == plain


def test_a_file_that_cannot_be_read_may_have_a_schedule(tmp_path: Path) -> None:
    assert has_schedule(tmp_path / "not_there.toml")
    assert has_schedule(written(tmp_path, "= broken"))
    assert has_schedule(written(tmp_path, "schedule = 7"))
    assert not has_schedule(written(tmp_path, ""))
