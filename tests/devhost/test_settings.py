"""host.json, local.settings.json and environment: what devhost reads, and what it refuses."""

from pathlib import Path

import pytest

from local.devhost.errors import AppLoadError, DevhostError
from local.devhost.settings import load_settings, read_local_values


def host_json(inside: str) -> str:
    return f'{{"version": "2.0", "extensionBundle": {{}}, {inside}}}'


def durable(setting: str) -> str:
    return host_json(f'"extensions": {{"http": {{"routePrefix": ""}}, "durableTask": {{{setting}}}}}')


def test_host_json_is_read_and_environment_overrides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(tmp_path).function_timeout_seconds == 1800
    (tmp_path / "host.json").write_text(durable('"hubName": "%Hub%", "maxConcurrentActivityFunctions": 3'))
    monkeypatch.setenv("Hub", "HubFromSetting")
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "2")
    monkeypatch.setenv("AzureFunctionsJobHost__functionTimeout", "00:01:30")
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__durableTask__maxConcurrentOrchestratorFunctions", "4")
    settings = load_settings(tmp_path)
    assert (settings.hub_name, settings.route_prefix) == ("HubFromSetting", "")
    assert (settings.max_concurrent_activities, settings.max_concurrent_orchestrators) == (3, 4)
    assert (settings.function_timeout_seconds, settings.thread_pool_size) == (90, 2)


def test_minus_one_means_no_timeout(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(host_json('"functionTimeout": "-1"'))
    assert load_settings(tmp_path).function_timeout_seconds is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "host.json is not valid JSON"),
        ("[]", "host.json must hold a JSON object"),
        ('{"version": "4.0"}', '"version" must be "2.0", not \'4.0\''),
        ('{"version": "2.0"}', "has no extensionBundle"),
        (host_json('"functions": ["a"]'), "serves all functions (the real host loads only those in ['a'])"),
        (host_json('"functionTimeout": "soon"'), "must be hh:mm:ss"),
        (host_json('"functionTimeout": "00:00:00"'), "greater than 00:00:01"),
        (durable('"hubName": "1x"'), "Task hub name '1x' should"),
        (durable(f'"hubName": "{"h" * 47}"'), "Task hub name 'hhh"),
        (durable('"maxConcurrentActivityFunctions": 0'), "maxConcurrentActivityFunctions"),
        (durable('"versionMatchStrategy": "Strict"'), "(the real host gives instances a version"),
        (durable('"defaultVersion": "1.0"'), "defaultVersion"),
        (durable('"httpSettings": {"useForwardedHost": true}'), "(the real host writes the forwarded host into"),
        (durable('"overridableExistingInstanceStates": "AnyState"'), "(the real host with AnyState lets a start"),
        (durable('"localRpcEndpointEnabled": false'), "(the real host fails each call of a durable client"),
    ],
)
def test_a_setting_that_devhost_cannot_follow_is_named_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(AppLoadError) as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-16")
    with pytest.raises(AppLoadError, match=r"host\.json is not valid JSON"):
        load_settings(tmp_path)
    (tmp_path / "local.settings.json").mkdir()
    with pytest.raises(DevhostError, match=r"cannot read local\.settings\.json"):
        read_local_values(tmp_path)


def test_local_values_become_text(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {"A": "x", "B": 1, "C": true}}')
    assert read_local_values(tmp_path) == {"A": "x", "B": "1", "C": "true"}


def test_encrypted_local_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": true, "Values": {"A": "x"}}')
    with pytest.raises(DevhostError, match="encrypted"):
        read_local_values(tmp_path)
