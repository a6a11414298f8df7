"""host.json and environment, as the host reads them."""

from pathlib import Path

import pytest

from local.devhost.errors import AppLoadError, DevhostError
from local.devhost.settings import load_settings, read_local_values


def test_defaults_hold_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_SITE_NAME", raising=False)
    settings = load_settings(tmp_path)
    assert (settings.hub_name, settings.route_prefix) == ("TestHubName", "api")
    assert settings.function_timeout_seconds == 1800


def test_host_json_is_read_and_environment_overrides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host.json").write_text(
        """{"version": "2.0", "extensionBundle": {}, "functionTimeout": "00:01:30",
        "extensions": {"http": {"routePrefix": ""}, "durableTask": {
            "hubName": "%Hub%", "maxConcurrentActivityFunctions": 3}}}
        """
    )
    monkeypatch.setenv("Hub", "HubFromSetting")
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "2")
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__durableTask__maxConcurrentOrchestratorFunctions", "4")
    settings = load_settings(tmp_path)
    assert (settings.hub_name, settings.route_prefix) == ("HubFromSetting", "")
    assert (settings.max_concurrent_activities, settings.max_concurrent_orchestrators) == (3, 4)
    assert (settings.function_timeout_seconds, settings.thread_pool_size) == (90, 2)


def test_minus_one_means_no_timeout(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensionBundle": {}, "functionTimeout": "-1"}')
    assert load_settings(tmp_path).function_timeout_seconds is None


def durable(setting: str) -> str:
    return f'{{"version": "2.0", "extensionBundle": {{}}, "extensions": {{"durableTask": {{{setting}}}}}}}'


DOWN, EMPTY = "does not start: every path answers 503", "starts with 0 functions: every path answers 404"


@pytest.mark.parametrize(
    ("text", "said", "then"),
    [
        ("{", "host.json is not valid JSON", DOWN),
        ("", "host.json is not valid JSON", DOWN),
        ('{"version": "2.0"} x', "host.json is not valid JSON", DOWN),
        ("{'version': '2.0'}", "host.json is not valid JSON", EMPTY),
        ('\ufeff{"version": "2.0"}', "host.json is not valid JSON", EMPTY),
        ("// a comment\n{}", "host.json is not valid JSON", EMPTY),
        ("[]", "host.json must hold a JSON object", DOWN),
        ("{}", '"version" must be "2.0", not None', DOWN),
        ('{"version": "4.0"}', '"version" must be "2.0", not \'4.0\'', DOWN),
        ('{"version": "2.0"}', "names no extensionBundle", DOWN),
        (
            '{"version": "2.0", "extensionBundle": {}, "functions": ["a"]}',
            "serves all functions",
            "loads only those in",
        ),
        ('{"version": "2.0", "extensionBundle": {}, "functionTimeout": "soon"}', "must read hh:mm:ss", DOWN),
        ('{"version": "2.0", "extensionBundle": {}, "functionTimeout": "00:00:00"}', "greater than 00:00:01", DOWN),
        (durable('"hubName": "1x"'), "Task hub name '1x' should", DOWN),
        (durable(f'"hubName": "{"h" * 47}"'), "Task hub name 'hhh", DOWN),
        (durable('"maxConcurrentActivityFunctions": 0'), "maxConcurrentActivityFunctions", DOWN),
        (
            durable('"versionMatchStrategy": "Strict"'),
            "versionMatchStrategy must not be set",
            "gives instances a version",
        ),
        (
            durable('"httpSettings": {"useForwardedHost": true}'),
            "useForwardedHost must not be set",
            "writes the forwarded host into its links",
        ),
        (durable('"defaultVersion": "1.0"'), "defaultVersion must not be set", "gives instances a version"),
        (
            durable('"overridableExistingInstanceStates": "AnyState"'),
            "overridableExistingInstanceStates must not be set",
            "starts over running instances",
        ),
        (durable('"localRpcEndpointEnabled": false'), "localRpcEndpointEnabled", "fails each call of a durable client"),
    ],
)
def test_a_wrong_setting_is_named_with_what_the_real_host_does(tmp_path: Path, text: str, said: str, then: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(AppLoadError) as caught:
        load_settings(tmp_path)
    assert said in str(caught.value)
    assert f"(the real host {then}" in str(caught.value)


def test_a_hub_name_of_46_letters_is_taken_as_the_host_takes_it(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(durable(f'"hubName": "{"h" * 46}"'))
    assert load_settings(tmp_path).hub_name == "h" * 46


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-16")
    with pytest.raises(AppLoadError, match=r"host\.json is not valid JSON"):
        load_settings(tmp_path)
    (tmp_path / "local.settings.json").mkdir()
    with pytest.raises(DevhostError, match=r"local\.settings\.json cannot be read"):
        read_local_values(tmp_path)


def test_local_values_become_text(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {"A": "x", "B": 1, "C": true}}')
    assert read_local_values(tmp_path) == {"A": "x", "B": "1", "C": "true"}


def test_encrypted_local_settings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": true, "Values": {"A": "x"}}')
    with pytest.raises(DevhostError, match="encrypted"):
        read_local_values(tmp_path)
