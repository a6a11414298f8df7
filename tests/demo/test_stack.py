"""A local run stays on this machine, with any settings of its user."""

import json
from pathlib import Path

import pytest

from ingestion.settings import Settings, load_settings, read_shards
from local.demo import stack
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.devhost.settings import read_local_values
from local.emulator import Server

ELSEWHERE = "DefaultEndpointsProtocol=https;AccountName=production;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the app with settings of a user, some of them in the environment."""
    values = {
        "AzureWebJobsStorage": ELSEWHERE,
        "OTHER_ACCOUNT": ELSEWHERE,
        "SHOP__accountName": "production",
        "SLUICE_QUEUES": "OTHER_ACCOUNT/q-production",
        "SLUICE_MESSAGE_FORMAT": "envelope",
        "SLUICE_SOURCES": "mine.toml",
        "ORDERS_TOKEN": "secret",
    }
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    monkeypatch.setattr(stack, "ROOT", tmp_path)
    monkeypatch.setenv("SLUICE_MESSAGE_DELAY_SECONDS", "600")
    return tmp_path


def app_settings(stack: Stack, root: Path) -> tuple[dict[str, str], Settings]:
    """Return the settings that the app finds; the environment overrides local.settings.json."""
    stack.azurite.ports = {"Blob": 1, "Queue": 2, "Table": 3}
    environment = {**read_local_values(root), "SLUICE_MESSAGE_DELAY_SECONDS": "600", **stack.settings()}
    return environment, load_settings(environment)


def test_a_checked_run_takes_no_setting_of_the_user(root: Path) -> None:
    one = Stack(ApiSettings(), environment={"SLUICE_CHUNK_SIZE": "7"})
    _, found = app_settings(one, root)
    assert [(account.connection_string, queue) for account, queue in found.shards] == [
        (one.azurite.connection_string, "sluice-ids")
    ]
    assert (found.message_format, found.message_delay_seconds, found.chunk_size) == ("raw", 0, 7)
    assert found.sources == Path("local/demo/sources.toml")


def test_an_app_that_is_served_takes_the_user_s_settings_and_keeps_its_messages_here(root: Path) -> None:
    one = Stack(ApiSettings(), user_settings=True)
    environment, found = app_settings(one, root)
    assert [(account.connection_string, queue) for account, queue in found.shards] == [
        (one.azurite.connection_string, "sluice-ids")
    ]
    own = read_shards(["OTHER_ACCOUNT/orders", "SHOP/orders"], environment, found.account)
    assert {account.connection_string for account, _ in own} == {one.azurite.connection_string}, "a source's as well"
    assert (found.message_format, found.message_delay_seconds) == ("envelope", 600)
    assert (found.sources, environment["ORDERS_TOKEN"]) == (Path("mine.toml"), "secret")


def test_settings_that_cannot_be_read_are_left_to_devhost_to_refuse(root: Path) -> None:
    (root / "local.settings.json").write_text("{")
    assert stack.unset() == {"SLUICE_MESSAGE_DELAY_SECONDS": ""}


def test_the_processes_of_the_app_are_devhost_and_the_worker_that_it_started_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Stack(ApiSettings(), folder=tmp_path)
    assert one.app_pids == []
    one.devhost.log.write_text("12:00 worker process 71 runs the app\n12:01 worker process 72 runs the app\n")
    monkeypatch.setattr(Server, "pid", 70)
    assert one.app_pids == [70, 72]
