"""Both values of each switch: the private network, and the backend of Durable Functions."""

from tests.infra.checks.change import ACCOUNTS, APP, add, check, drop, put, setting
from tests.infra.deployed import Deployed

TOKEN = 13  # characters at the end of a name that make it unique


@check(
    "main",
    put(ACCOUNTS, "properties.publicNetworkAccess", "Disabled"),
    put(APP, "properties.virtualNetworkSubnetId", "/some/subnet"),
    add("Network/virtualNetworks"),
)
def without_the_switch_there_is_no_network(deployed: Deployed) -> None:
    assert not [each for each in deployed.resources if each["type"].startswith("Microsoft.Network")]
    assert deployed.properties(APP)["virtualNetworkSubnetId"] is None
    assert {each["properties"]["publicNetworkAccess"] for each in deployed.of(ACCOUNTS)} == {"Enabled"}


@check(
    "dts",
    put(ACCOUNTS, "properties.publicNetworkAccess", "Enabled"),
    put(ACCOUNTS, "properties.networkAcls.defaultAction", "Allow"),
    put(APP, "properties.virtualNetworkSubnetId", None),
    put("Network/virtualNetworks", "properties.subnets.0.properties.delegations", []),
    drop("Network/privateEndpoints"),
    put("Network/privateEndpoints", "properties.privateLinkServiceConnections.0.properties.groupIds", ["file"]),
    put("Network/privateEndpoints", "properties.subnet.id", "/x/subnets/app"),
    drop("Network/privateEndpoints/privateDnsZoneGroups"),
    drop("Network/privateDnsZones"),
    drop("Network/privateDnsZones/virtualNetworkLinks"),
)
def with_the_switch_storage_is_reached_from_the_network_of_the_app_alone(deployed: Deployed) -> None:
    for account in deployed.of(ACCOUNTS):
        assert account["properties"]["publicNetworkAccess"] == "Disabled"
        assert account["properties"]["networkAcls"]["defaultAction"] == "Deny"
    network = deployed.one("Network/virtualNetworks")
    subnets = {each["name"]: each["properties"] for each in network["properties"]["subnets"]}
    assert deployed.properties(APP)["virtualNetworkSubnetId"] == f"{network['id']}/subnets/app"
    assert [each["properties"]["serviceName"] for each in subnets["app"]["delegations"]] == [
        "Microsoft.App/environments"
    ]
    doors = set()
    for endpoint in deployed.of("Network/privateEndpoints"):
        (link,) = endpoint["properties"]["privateLinkServiceConnections"]
        account = link["properties"]["privateLinkServiceId"].rpartition("/")[2]
        doors |= {(account[:-TOKEN], service) for service in link["properties"]["groupIds"]}
        assert endpoint["properties"]["subnet"]["id"] == f"{network['id']}/subnets/endpoints"
    assert doors == {("sluicehost", "blob"), ("sluiceq1", "queue"), ("sluiceq2", "queue")}
    assert len(deployed.of("Network/privateEndpoints/privateDnsZoneGroups")) == len(doors)
    zones = {service for _, service in doors}
    assert len(deployed.of("Network/privateDnsZones")) == len(zones)
    assert len(deployed.of("Network/privateDnsZones/virtualNetworkLinks")) == len(zones)


@check(
    "main",
    add("DurableTask/schedulers"),
    setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint=https://x"),
)
def with_backend_storage_there_is_no_scheduler(deployed: Deployed) -> None:
    assert not [each for each in deployed.resources if each["type"].startswith("Microsoft.DurableTask")]
    assert "DURABLE_TASK_SCHEDULER_CONNECTION_STRING" not in deployed.settings


@check(
    "dts",
    drop("DurableTask/schedulers"),
    drop("DurableTask/schedulers/taskHubs"),
    put("DurableTask/schedulers", "properties.ipAllowlist", []),
    put("DurableTask/schedulers", "properties.sku.name", "Standard"),
    setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", None),
    setting("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint=https://x;Authentication=None"),
    setting("TASKHUB_NAME", "Other"),
)
def with_backend_dts_the_app_talks_to_the_scheduler_as_its_identity(deployed: Deployed) -> None:
    scheduler = deployed.properties("DurableTask/schedulers")
    assert scheduler["sku"]["name"] in ("Consumption", "Dedicated")
    assert scheduler["ipAllowlist"] != []
    connection = deployed.settings["DURABLE_TASK_SCHEDULER_CONNECTION_STRING"]
    assert "Authentication=ManagedIdentity;ClientID=" in connection
    hub = deployed.one("DurableTask/schedulers/taskHubs")["name"].rpartition("/")[2]
    assert deployed.settings["TASKHUB_NAME"] == hub
