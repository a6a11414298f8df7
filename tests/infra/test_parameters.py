"""Parameters, environment names and app settings agree between azd, the template and the app."""

import json
import re
from collections.abc import Callable
from copy import deepcopy

import pytest
import yaml

from ingestion.errors import InvalidInput
from ingestion.settings import Settings, load_settings
from ingestion.telemetry import CONNECTION
from local.demo.stack import ROOT
from tests.infra.checks import MEMORY, PYTHONS
from tests.infra.deployed import INFRA, Deployed, Json, read

AZURE: Json = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
GIVEN: dict[str, str] = dict(
    re.findall(r"^param (\w+) = (.*)$", (INFRA / "main.bicepparam").read_text("utf-8"), re.MULTILINE)
)
OWN_NAMES = {"environmentName": "AZURE_ENV_NAME", "location": "AZURE_LOCATION"} | {
    "pythonVersion": "DEPLOY_PYTHON",
    "queueNames": "DEPLOY_QUEUES",
}


def check_azure(azure: Json) -> None:
    """Check that azd finds the template, the app and host.json."""
    infra, services = azure["infra"], azure["services"]
    assert (ROOT / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert (ROOT / infra["path"] / f"{infra['module']}.bicepparam").is_file()
    assert infra["provider"] == "bicep"
    assert set(services) == {
        each["tags"]["azd-service-name"] for each in Deployed(read("main.snapshot.json")).of("Web/sites")
    }
    (app,) = services.values()
    assert (ROOT / app["project"] / "function_app.py").is_file()
    assert (app["language"], app["host"], app["remoteBuild"]) == ("python", "function", True)
    for system in ("posix", "windows"):
        run = app["hooks"]["prepackage"][system]["run"]
        assert "DEPLOY_BACKEND" in run
        assert "infra/host.dts.json host.json" in run


def check_given(given: dict[str, str], parameters: Json) -> None:
    """Check that each parameter of the template is read from its own environment name, with the template's default."""
    assert set(given) == set(parameters)
    for parameter, text in given.items():
        ((name, default),) = re.findall(r"readEnvironmentVariable\('(\w+)', '([^']*)'\)", text)
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).upper()
        assert name == OWN_NAMES.get(parameter, f"DEPLOY_{words}")
        value = parameters[parameter].get("defaultValue")
        if value is not None:
            shown = ",".join(value) if isinstance(value, list) else value
            assert default == (shown if isinstance(shown, str) else json.dumps(shown)), parameter


def test_azd_finds_template_app_and_host() -> None:
    check_azure(AZURE)


def test_every_parameter_is_given_by_the_parameter_file_of_azd_with_its_default() -> None:
    check_given(GIVEN, read("main.json")["parameters"])


BROKEN_AZURE: dict[str, Callable[[Json], object]] = {
    "another folder": lambda azure: azure["infra"].update(path="infrastructure"),
    "another module": lambda azure: azure["infra"].update(module="template"),
    "another provider": lambda azure: azure["infra"].update(provider="terraform"),
    "another service": lambda azure: azure["services"].update(api=azure["services"].pop("app")),
    "a folder without the app": lambda azure: azure["services"]["app"].update(project="src"),
    "another language": lambda azure: azure["services"]["app"].update(language="js"),
    "another host": lambda azure: azure["services"]["app"].update(host="appservice"),
    "a build on the machine": lambda azure: azure["services"]["app"].update(remoteBuild=False),
    "no hook on Windows": lambda azure: azure["services"]["app"]["hooks"]["prepackage"].pop("windows"),
    "a hook that copies nothing": lambda azure: azure["services"]["app"]["hooks"]["prepackage"]["posix"].update(
        run=":"
    ),
}


@pytest.mark.parametrize("broken", BROKEN_AZURE)
def test_a_broken_azure_yaml_is_noticed(broken: str) -> None:
    copy = deepcopy(AZURE)
    BROKEN_AZURE[broken](copy)
    with pytest.raises((AssertionError, KeyError)):
        check_azure(copy)


BROKEN_GIVEN: dict[str, Callable[[dict[str, str]], object]] = {
    "a parameter is not given": lambda given: given.pop("ledgerDays"),
    "one that the template does not have": lambda given: given.update(colour="'blue'"),
    "a value that cannot be set": lambda given: given.update(alwaysReady="1"),
    "the name of another one": lambda given: given.update(alwaysReady=given["ledgerDays"]),
    "another default": lambda given: given.update(backend="readEnvironmentVariable('DEPLOY_BACKEND', 'dts')"),
    "other queues": lambda given: given.update(queueNames="split(readEnvironmentVariable('DEPLOY_QUEUES', 'x'), ',')"),
}


@pytest.mark.parametrize("broken", BROKEN_GIVEN)
def test_broken_parameters_are_noticed(broken: str) -> None:
    copy = dict(GIVEN)
    BROKEN_GIVEN[broken](copy)
    with pytest.raises((AssertionError, ValueError)):
        check_given(copy, read("main.json")["parameters"])


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


@pytest.mark.parametrize("name", ["main", "dts"])
def test_telemetry_needs_one_app_setting_and_nothing_else_of_the_template(name: str) -> None:
    environment = environment_of(Deployed(read(f"{name}.snapshot.json")))
    assert load_settings(environment | {"SLUICE_TELEMETRY": "azure_monitor"}).telemetry == "azure_monitor"
    assert ";Authorization=AAD" in environment["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY" not in environment, "it would export records a second time"


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
    """Return the app settings as in Azure, with values for what only Azure knows."""
    environment = {}
    for name, value in deployed.settings.items():
        if name.endswith("Uri"):
            account, service = re.search(r"'(\w+)'", value[20:]), re.search(r"\{0\}\.(\w+)\.", value)
            assert account is not None
            assert service is not None
            value = f"https://{account[1]}.{service[1]}.core.windows.net"
        environment[name] = "client" if name.endswith("__clientId") else value
    assert environment[CONNECTION].endswith(".ConnectionString)]")
    return environment | {CONNECTION: "InstrumentationKey=1"}


def host_json(path: str) -> Json:
    found: Json = json.loads((ROOT / path).read_text("utf-8"))
    return found


def check_host_json(with_scheduler: Json) -> None:
    """Check that it differs from the app's own one only in the store of Durable Functions."""
    ours, other = host_json("host.json"), deepcopy(with_scheduler)
    own, durable = (each["extensions"].pop("durableTask") for each in (ours, other))
    assert ours == other
    assert {key for key in own | durable if own.get(key) != durable.get(key)} == {"storageProvider"}
    settings = Deployed(read("dts.snapshot.json")).settings
    provider = durable["storageProvider"]
    assert (provider["type"], provider["connectionStringName"] in settings) == ("azureManaged", True)
    assert durable["hubName"].strip("%") in settings


def test_host_json_for_the_scheduler_differs_in_the_store_alone() -> None:
    check_host_json(host_json("infra/host.dts.json"))


BROKEN_HOST: dict[str, Callable[[Json], object]] = {
    "another timeout": lambda host: host.update(functionTimeout="00:05:00"),
    "another concurrency": lambda host: durable_of(host).update(maxConcurrentActivityFunctions=10),
    "another hub": lambda host: durable_of(host).update(hubName="Sluice"),
    "another store": lambda host: durable_of(host)["storageProvider"].update(type="mssql"),
    "a setting that is not there": lambda host: durable_of(host)["storageProvider"].update(connectionStringName="DTS"),
}


@pytest.mark.parametrize("broken", BROKEN_HOST)
def test_a_broken_host_json_is_noticed(broken: str) -> None:
    copy = host_json("infra/host.dts.json")
    BROKEN_HOST[broken](copy)
    with pytest.raises(AssertionError):
        check_host_json(copy)


def durable_of(host: Json) -> Json:
    found: Json = host["extensions"]["durableTask"]
    return found
