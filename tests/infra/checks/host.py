"""The function app: Flex Consumption, its Python, its instances, and the tags for azd."""

from tests.infra.checks.change import ACCOUNTS, APP, both, check, put, setting
from tests.infra.deployed import Deployed

# What Flex Consumption runs, of what the app is tested with.
PYTHONS = ("3.11", "3.12", "3.13")
MEMORY = (512, 2048, 4096)
REFUSED_BY_FLEX = ("FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE")
SCALE = "scaleAndConcurrency"


@both(*(setting(name, "x") for name in REFUSED_BY_FLEX))
def no_app_setting_is_one_that_flex_consumption_refuses(deployed: Deployed) -> None:
    assert set(deployed.settings).isdisjoint(REFUSED_BY_FLEX)


@both(
    put("Web/serverfarms", "sku.name", "Y1"),
    put("Web/serverfarms", "properties.reserved", False),
    put(APP, "kind", "functionapp"),
    put(APP, "properties.serverFarmId", "/elsewhere"),
    put(APP, "properties.functionAppConfig.runtime.name", "node"),
    put(APP, "properties.functionAppConfig.runtime.version", "3.9"),
    put(APP, "properties.functionAppConfig.runtime.version", "3.14"),
    put(APP, f"properties.functionAppConfig.{SCALE}.instanceMemoryMB", 1024),
    put(APP, f"properties.functionAppConfig.{SCALE}.maximumInstanceCount", 1001),
    put(APP, f"properties.functionAppConfig.{SCALE}.maximumInstanceCount", 0),
)
def app_is_python_on_flex_consumption_on_linux(deployed: Deployed) -> None:
    plan, app = deployed.one("Web/serverfarms"), deployed.one(APP)
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert plan["properties"]["reserved"] is True
    assert app["kind"] == "functionapp,linux"
    assert app["properties"]["serverFarmId"] == plan["id"]
    given = app["properties"]["functionAppConfig"]
    assert given["runtime"]["name"] == "python"
    assert given["runtime"]["version"] in PYTHONS
    assert given[SCALE]["instanceMemoryMB"] in MEMORY
    assert 1 <= given[SCALE]["maximumInstanceCount"] <= 1000


@check(
    "main",
    put(APP, f"properties.functionAppConfig.{SCALE}.alwaysReady", []),
    put(APP, f"properties.functionAppConfig.{SCALE}.alwaysReady", [{"name": "http", "instanceCount": 1}]),
    put(APP, f"properties.functionAppConfig.{SCALE}.alwaysReady", [{"name": "durable", "instanceCount": 9}]),
    put(APP, f"properties.functionAppConfig.{SCALE}.maximumInstanceCount", 1000),
)
def one_instance_is_always_ready_for_a_run_and_40_are_the_most(deployed: Deployed) -> None:
    scale = deployed.properties(APP)["functionAppConfig"][SCALE]
    assert scale["alwaysReady"] == [{"name": "durable", "instanceCount": 1}]
    assert scale["maximumInstanceCount"] == 40


@check("dts", put(APP, f"properties.functionAppConfig.{SCALE}.alwaysReady", [{"name": "durable", "instanceCount": 1}]))
def an_app_without_an_instance_that_is_always_ready_scales_to_nothing(deployed: Deployed) -> None:
    assert deployed.properties(APP)["functionAppConfig"][SCALE]["alwaysReady"] == []


@both(
    put(APP, "tags", {"azd-env-name": "sluice"}),
    put("Resources/resourceGroups", "tags", {}),
    put(ACCOUNTS, "tags", {"azd-env-name": "other"}),
)
def azd_finds_its_environment_and_its_app(deployed: Deployed) -> None:
    (environment,) = {each["tags"].get("azd-env-name") for each in deployed.resources if "tags" in each}
    assert deployed.one("Resources/resourceGroups")["name"] == f"rg-{environment}"
    assert [each for each in deployed.resources if "azd-service-name" in each.get("tags", {})] == [deployed.one(APP)]
    assert deployed.one(APP)["tags"]["azd-service-name"] == "app"
