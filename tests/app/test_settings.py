"""The settings: docs/settings.md lists each one with its default, and an error names the wrong one."""

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
    required = {"AzureWebJobsStorage": "required", "TASKHUB_NAME": "required"}
    assert listed() == required | {"SLUICE_QUEUES": "none"} | defaults


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
        ("SLUICE_MESSAGE_DELAY_SECONDS", str(7 * 24 * 3600 + 1)),
        ("SLUICE_LEDGER_DAYS", "-1"),
        ("SLUICE_KEEPER_SECONDS", "7"),
        ("SLUICE_KEEPER_SECONDS", "90"),
        ("SLUICE_KEEPER_SECONDS", " 0 "),
        ("SLUICE_KEEPER_SECONDS", "300.0"),
        ("SLUICE_KEEPER_SECONDS", "-60"),
        ("SLUICE_KEEPER_SECONDS", "often"),
        ("SLUICE_TELEMETRY", "on"),
        ("SLUICE_TELEMETRY", "azure_monitor"),  # without a connection string
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings({**STORAGE, name: value})
    assert refused.value.field == name
    assert refused.value.problem


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SLUICE_QUEU", "SLUICE_QUEUE"),
        ("SLUICE_CHUNKSIZE", "SLUICE_CHUNK_SIZE"),
        ("SLUICE_MESSAGE_TTL", "SLUICE_MESSAGE_TTL_SECONDS"),
        ("SLUICE_MAX_MESSAGE_PER_SECOND", "SLUICE_MAX_MESSAGES_PER_SECOND"),
        ("sluice_queues", "SLUICE_QUEUES"),
        ("SLUICE_DEMO_URLS", ""),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_one(name: str, meant: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: Sluice has no such setting; allowed: {meant}") as refused:
        load_settings({**STORAGE, name: "shop"})
    assert refused.value.field == name


def test_a_setting_that_sources_or_queues_name_may_begin_like_one_of_sluice(tmp_path: Path) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text('[shop]\nurl = "%SLUICE_SHOP%"\nauth = { kind = "bearer", token = "SLUICE_TOKEN" }\n')
    own = {"SLUICE_SHOP": "http://shop", "SLUICE_TOKEN": "t", "SLUICE_ACCOUNT__accountName": "shop"}
    load_settings({
        **STORAGE, **own, "SLUICE_DEMO_URL": "http://demo", "SLUICE_SOURCES": str(sources),
        "SLUICE_QUEUES": "SLUICE_ACCOUNT/orders", "SLUICE_CHUNK_SIEZ": "",
    })  # fmt: skip


def test_an_app_beside_a_terminal_that_knows_where_it_is_starts() -> None:
    load_settings({**STORAGE, "SLUICE_URL": "http://localhost:7071", "SLUICE_KEY": "k"})


@pytest.mark.parametrize("name", ["SLUICE_FETCH_SECONDS", "SLUICE_ENQUEUE_SECONDS"])
def test_a_budget_beyond_the_time_of_a_function_is_refused(name: str) -> None:
    timeout = "AzureFunctionsJobHost__functionTimeout"
    with pytest.raises(InvalidInput, match=r"601 s are longer than functionTimeout .*allowed: 600 at most") as refused:
        load_settings({**STORAGE, name: "601"})
    assert refused.value.field == name
    assert load_settings({**STORAGE, name: "600"})
    assert load_settings({**STORAGE, name: "601", timeout: "00:30:00"})
    assert load_settings({**STORAGE, timeout: "00:01:00"}), "a default gives way"


REFERENCE = "@Microsoft.KeyVault(SecretUri=https://shop.vault.azure.net/secrets/storage)"


@pytest.mark.parametrize("name", ["AzureWebJobsStorage", "OTHER"])
def test_a_key_vault_reference_that_was_not_resolved_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="holds a Key Vault reference that was not resolved") as refused:
        load_settings({**STORAGE, "SLUICE_QUEUES": "OTHER/orders", "OTHER": "x", name: REFERENCE})
    assert refused.value.field == name


def test_a_message_that_would_expire_before_it_is_seen_is_refused() -> None:
    with pytest.raises(InvalidInput, match="after 60 s the message has expired; allowed: less than") as refused:
        load_settings({**STORAGE, "SLUICE_MESSAGE_TTL_SECONDS": "60", "SLUICE_MESSAGE_DELAY_SECONDS": "60"})
    assert refused.value.field == "SLUICE_MESSAGE_DELAY_SECONDS"


def test_an_empty_setting_counts_as_not_given() -> None:
    assert load_settings({**STORAGE, "SLUICE_CHUNK_SIZE": ""}) == load_settings(STORAGE)


def test_a_missing_storage_account_is_named() -> None:
    with pytest.raises(InvalidInput, match="AzureWebJobsStorage"):
        load_settings({})
