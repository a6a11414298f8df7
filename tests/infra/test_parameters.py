"""Parameters, environment names and app settings: what azd hands in is what the template takes and the app reads."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from ingestion.errors import InvalidInput
from ingestion.settings import Settings, load_settings
from local.demo.stack import ROOT
from tests.infra.checks import MEMORY, PYTHONS
from tests.infra.deployed import INFRA, Deployed, Json, read

AZURE: Json = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
GIVEN = dict(re.findall(r"^param (\w+) = (.*)$", (INFRA / "main.bicepparam").read_text("utf-8"), re.MULTILINE))
HOST_JSON = ROOT / "host.json"


def test_azd_finds_template_app_and_host() -> None:
    infra, services = AZURE["infra"], AZURE["services"]
    assert (ROOT / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert infra["provider"] == "bicep"
    tag = {each["tags"]["azd-service-name"] for each in Deployed(read("main.snapshot.json")).of("Web/sites")}
    assert set(services) == tag
    (app,) = services.values()
    assert (ROOT / app["project"] / "function_app.py").is_file()
    assert (app["language"], app["host"]) == ("python", "function")


def test_every_parameter_is_given_by_the_parameter_file_of_azd() -> None:
    assert set(GIVEN) == set(read("main.json")["parameters"])


def test_an_environment_name_is_that_of_azd_or_tells_its_parameter() -> None:
    for parameter, given in GIVEN.items():
        (name,) = re.findall(r"readEnvironmentVariable\('(\w+)', '[^']*'\)", given)
        told = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()
        spelled = {"AZURE_ENV_NAME", "AZURE_LOCATION", f"DEPLOY_{told}"} | {"DEPLOY_PYTHON", "DEPLOY_QUEUES"}
        assert name in spelled, f"{parameter} is read from {name}"
    names = [re.findall(r"readEnvironmentVariable\('(\w+)'", given)[0] for given in GIVEN.values()]
    assert len(set(names)) == len(names)


def test_defaults_of_azd_are_those_of_the_template() -> None:
    parameters = read("main.json")["parameters"]
    for name, given in GIVEN.items():
        (default,) = re.findall(r"', '([^']*)'\)", given)
        told = parameters[name].get("defaultValue")
        if told is not None:
            shown = ",".join(told) if isinstance(told, list) else told if isinstance(told, str) else json.dumps(told)
            assert default == shown, name


def test_manual_has_every_environment_name() -> None:
    manual = (ROOT / "docs/azure.md").read_text("utf-8")
    names = re.findall(r"DEPLOY_\w+", (INFRA / "main.bicepparam").read_text("utf-8"))
    assert [name for name in names if f"`{name}`" not in manual] == []


def test_allowed_values_are_those_that_flex_consumption_runs() -> None:
    parameters = read("main.json")["parameters"]
    assert tuple(parameters["pythonVersion"]["allowedValues"]) == PYTHONS
    assert tuple(parameters["instanceMemoryMB"]["allowedValues"]) == MEMORY
    assert parameters["backend"]["allowedValues"] == ["storage", "dts"]


@pytest.mark.parametrize("name", ["main", "dts"])
def test_app_reads_what_the_template_sets(name: str) -> None:
    deployed = Deployed(read(f"{name}.snapshot.json"))
    settings = load_settings(environment_of(deployed))
    assert settings.account.client_id == settings.shards[0][0].client_id == "client"
    assert settings.account.blob_uri.startswith(
        f"https://{deployed.one('Storage/storageAccounts', 'sluicehost')['name']}."
    )
    places = {(account.place, queue) for account, queue in settings.shards}
    queues = [each["name"].split("/") for each in deployed.of("Storage/storageAccounts/queueServices/queues")]
    assert places == {(f"https://{account}.queue.core.windows.net", queue) for account, _, queue in queues}
    assert settings.ledger_days == int(deployed.settings["SLUICE_LEDGER_DAYS"])
    defaults = {"account", "shards", "ledger_days"} ^ set(Settings.model_fields)
    assert all(getattr(settings, field) == Settings.model_fields[field].default for field in defaults)


BROKEN: dict[str, Callable[[dict[str, str]], object]] = {
    "a setting that the app does not know": lambda given: given.update(SLUICE_LEDGER_DAY="7"),
    "no place of the queues": lambda given: given.pop("QUEUES_1__queueServiceUri"),
    "no place of the app's own account": lambda given: given.pop("AzureWebJobsStorage__queueServiceUri"),
    "a queue that cannot be": lambda given: given.update(SLUICE_QUEUES="QUEUES_1/Orders"),
    "a number that is none": lambda given: given.update(SLUICE_LEDGER_DAYS="thirty"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_app_refuses_a_template_that_sets_something_else(broken: str) -> None:
    environment = environment_of(Deployed(read("main.snapshot.json")))
    BROKEN[broken](environment)
    with pytest.raises(InvalidInput):
        load_settings(environment)


def environment_of(deployed: Deployed) -> dict[str, str]:
    """Return the app settings as the app gets them, with what only Azure knows filled in."""
    environment = {}
    for name, value in deployed.settings.items():
        if name.endswith("Uri"):
            account, service = re.search(r"'(\w+)'", value[20:]), re.search(r"\{0\}\.(\w+)\.", value)
            assert account is not None
            assert service is not None
            value = f"https://{account[1]}.{service[1]}.core.windows.net"
        environment[name] = "client" if name.endswith("__clientId") else value
    return environment


def durable(path: str) -> Mapping[str, Any]:
    found: Json = json.loads((ROOT / path).read_text("utf-8"))
    return found


def test_host_json_for_the_scheduler_differs_in_the_hub_and_its_store_alone() -> None:
    ours, other = durable("host.json"), durable("infra/host.dts.json")
    own, with_scheduler = (each["extensions"].pop("durableTask") for each in (dict(ours), dict(other)))
    assert ours == other
    different = {key for key in own | with_scheduler if own.get(key) != with_scheduler.get(key)}
    assert different <= {"hubName", "storageProvider"}
    provider = with_scheduler["storageProvider"]
    assert provider["type"] == "azureManaged"
    settings = Deployed(read("dts.snapshot.json")).settings
    assert provider["connectionStringName"] in settings
    assert with_scheduler["hubName"].strip("%") in settings


def test_azd_packages_the_host_json_of_the_backend_on_each_system() -> None:
    for system in ("posix", "windows"):
        run = AZURE["services"]["app"]["hooks"]["prepackage"][system]["run"]
        assert "DEPLOY_BACKEND" in run
        assert "infra/host.dts.json host.json" in run
