"""host.json and environment, as the host reads them."""

from pathlib import Path

import pytest

from devhost.errors import AppLoadError
from devhost.settings import load_settings, read_local_values


def test_defaults_hold_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_SITE_NAME", raising=False)
    settings = load_settings(tmp_path)
    assert (settings.hub_name, settings.route_prefix) == ("TestHubName", "api")
    assert settings.function_timeout_seconds == 1800
    assert settings.overridable_existing_instance_states == "NonRunningStates"
    assert not settings.lenient


def test_host_json_is_read_and_environment_overrides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host.json").write_text(
        """{ // comment lines are allowed only on their own
        "version": "2.0", "functionTimeout": "00:01:30",
        "extensions": {"http": {"routePrefix": ""}, "durableTask": {
            "hubName": "%Hub%", "maxConcurrentActivityFunctions": 3, "overridableExistingInstanceStates": "anystate"}}}
        """.replace(" // comment lines are allowed only on their own", "\n// a comment\n")
    )
    monkeypatch.setenv("Hub", "HubFromSetting")
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "2")
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__durableTask__maxConcurrentOrchestratorFunctions", "4")
    settings = load_settings(tmp_path, lenient=True)
    assert (settings.hub_name, settings.route_prefix) == ("HubFromSetting", "")
    assert (settings.max_concurrent_activities, settings.max_concurrent_orchestrators) == (3, 4)
    assert settings.overridable_existing_instance_states == "AnyState"
    assert (settings.function_timeout_seconds, settings.thread_pool_size, settings.lenient) == (90, 2, True)


def test_minus_one_means_no_timeout(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "functionTimeout": "-1"}')
    assert load_settings(tmp_path).function_timeout_seconds is None


def durable(setting: str) -> str:
    return f'{{"version": "2.0", "extensions": {{"durableTask": {{{setting}}}}}}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "host.json is not valid JSON"),
        ("[]", "host.json must hold a JSON object"),
        ('{"functionTimeout": "-1"}', '"version" must be "2.0", not None'),
        ('{"version": "4.0"}', '"version" must be "2.0", not \'4.0\''),
        ('{"version": "2.0", "functionTimeout": "soon"}', "functionTimeout must read hh:mm:ss"),
        (durable('"hubName": "1x"'), "hubName '1x' must be"),
        (durable('"maxConcurrentActivityFunctions": 0'), "maxConcurrentActivityFunctions"),
        (durable('"localRpcEndpointEnabled": false'), "localRpcEndpointEnabled"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(AppLoadError, match=said):
        load_settings(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-16")
    with pytest.raises(AppLoadError, match=r"host\.json is not valid JSON"):
        load_settings(tmp_path)
    (tmp_path / "local.settings.json").mkdir()
    with pytest.raises(AppLoadError, match=r"local\.settings\.json cannot be read"):
        read_local_values(tmp_path)


def test_local_values_become_text(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {"A": "x", "B": 1, "C": true}}')
    assert read_local_values(tmp_path) == {"A": "x", "B": "1", "C": "true"}


def test_encrypted_local_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": true, "Values": {"A": "x"}}')
    with pytest.raises(AppLoadError, match="encrypted"):
        read_local_values(tmp_path)


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        (None, "there is no host.json"),
        ('{"version": "2.0"}', "names no extensionBundle"),
        ('{"version": "2.0", "extensionBundle": {"id": "x"}}', None),
    ],
)
def test_what_a_real_host_would_miss_is_said(tmp_path: Path, text: str | None, gap: str | None) -> None:
    if text is not None:
        (tmp_path / "host.json").write_text(text)
    gaps = load_settings(tmp_path).gaps
    assert gaps == () if gap is None else gap in gaps[0]
