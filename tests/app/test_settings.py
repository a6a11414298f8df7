"""The settings: each is on the page that lists them, with its true default, and a wrong one is named."""

import re
from pathlib import Path

import pytest

from ingestion.errors import InvalidInput
from ingestion.settings import Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def listed() -> dict[str, str]:
    return dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_setting_is_on_the_page_with_its_default() -> None:
    settings = load_settings(STORAGE)
    defaults = {
        field.alias: f"{value:g}" if isinstance(value := getattr(settings, name), float) else str(value)
        for name, field in Settings.model_fields.items()
        if str(field.alias).startswith("SLUICE_")
    }
    assert listed() == {"AzureWebJobsStorage": "required", "SLUICE_QUEUES": "none", **defaults}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLUICE_QUEUE", "No Capitals"),
        ("SLUICE_QUEUES", "good,not_good"),
        ("SLUICE_CHUNK_SIZE", "0"),
        ("SLUICE_CHUNK_SIZE", "many"),
        ("SLUICE_MESSAGE_ENCODING", "utf-16"),
        ("SLUICE_QUEUES", "orders,orders"),
        ("SLUICE_ENQUEUE_SECONDS", "inf"),
        ("SLUICE_FETCH_SECONDS", "nan"),
        ("SLUICE_MAX_MESSAGES_PER_SECOND", "inf"),
        ("SLUICE_MESSAGE_TTL_SECONDS", "-2"),
        ("SLUICE_MESSAGE_TTL_SECONDS", "0"),
        ("SLUICE_MESSAGE_DELAY_SECONDS", str(7 * 24 * 3600)),
        ("SLUICE_LEDGER_DAYS", "-1"),
        ("SLUICE_KEEPER_SECONDS", "7"),
        ("SLUICE_KEEPER_SECONDS", "90"),
        ("SLUICE_KEEPER_SECONDS", " 0 "),
        ("SLUICE_KEEPER_SECONDS", "300.0"),
        ("SLUICE_KEEPER_SECONDS", "-60"),
        ("SLUICE_KEEPER_SECONDS", "often"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings({**STORAGE, name: value})
    assert refused.value.field == name
    assert refused.value.problem


def test_an_empty_setting_counts_as_not_given() -> None:
    assert load_settings({**STORAGE, "SLUICE_CHUNK_SIZE": ""}) == load_settings(STORAGE)


def test_a_missing_storage_account_is_named() -> None:
    with pytest.raises(InvalidInput, match="AzureWebJobsStorage"):
        load_settings({})
