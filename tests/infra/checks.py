"""What holds of everything that is deployed, each with the break that it has to notice.

The Bicep compiler sees none of this: a role, a life-cycle rule or a Python version that is wrong compiles without a
warning.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.infra.deployed import Deployed

Change = Callable[[Deployed], object]


class Check(NamedTuple):
    """A promise about one of the snapshots, and changes of it that each break the promise."""

    of: str
    holds: Callable[[Deployed], None]
    breaks: tuple[Change, ...]


CHECKS: list[Check] = []

# Names of built-in roles, from https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
}
# What Flex Consumption runs, of what the app is tested with.
PYTHONS = ("3.11", "3.12", "3.13")
MEMORY = (512, 2048, 4096)
REFUSED_BY_FLEX = ("FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE")

TOKEN = 13  # characters at the end of a name that make it unique
APP, ACCOUNTS = "Web/sites", "Storage/storageAccounts"
POLICIES = "Storage/storageAccounts/managementPolicies"
SCALE = "scaleAndConcurrency"


def check(of: str, *breaks: Change) -> Callable[[Callable[[Deployed], None]], Callable[[Deployed], None]]:
    """Register what holds of the snapshot `of`, and how it can be broken."""

    def register(holds: Callable[[Deployed], None]) -> Callable[[Deployed], None]:
        CHECKS.append(Check(of, holds, breaks))
        return holds

    return register


def both(*breaks: Change) -> Callable[[Callable[[Deployed], None]], Callable[[Deployed], None]]:
    """Register what holds of both snapshots."""

    def register(holds: Callable[[Deployed], None]) -> Callable[[Deployed], None]:
        return check("dts", *breaks)(check("main", *breaks)(holds))

    return register


def put(kind: str, path: str, value: Any, name: str = "") -> Change:
    """Return the change that gives a property of a resource another value."""

    def change(deployed: Deployed) -> None:
        *folders, last = path.split(".")
        part: Any = next(each for each in deployed.of(kind) if each["name"].startswith(name))
        for folder in folders:
            part = part[int(folder) if isinstance(part, list) else folder]
        part[last] = value

    return change


def drop(kind: str, name: str = "") -> Change:
    """Return the change that leaves a resource out."""

    def change(deployed: Deployed) -> None:
        deployed.resources.remove(next(each for each in deployed.of(kind) if each["name"].startswith(name)))

    return change


def add(kind: str, **properties: Any) -> Change:
    """Return the change that adds a resource."""
    resource = {"type": f"Microsoft.{kind}", "name": "added", "id": "/added", "properties": properties}
    return lambda deployed: deployed.resources.append(resource)


def setting(name: str, value: str | None) -> Change:
    """Return the change that gives an app setting another value, or takes it away."""

    def change(deployed: Deployed) -> None:
        listed = deployed.properties(APP)["siteConfig"]["appSettings"]
        listed[:] = [each for each in listed if each["name"] != name]
        if value is not None:
            listed.append({"name": name, "value": value})

    return change


def _role(number: int, role: str) -> Change:
    def change(deployed: Deployed) -> None:
        assignment = deployed.of("Authorization/roleAssignments")[number]
        assignment["properties"]["roleDefinitionId"] = f"/x/{role}"

    return change


def _wider_scope(deployed: Deployed) -> None:
    assignment = deployed.of("Authorization/roleAssignments")[1]
    assignment["id"] = "[extensionResourceId('/subscriptions/s/resourceGroups/rg-sluice', 'role', 'name')]"


def _another_identity(deployed: Deployed) -> None:
    deployed.one(APP)["identity"]["userAssignedIdentities"] = {"/somebody/else": {}}


def _told(deployed: Deployed) -> set[tuple[str, str]]:
    return {(ROLES.get(role, role), on) for role, on in deployed.roles()}


@both(
    put(APP, "identity.type", "SystemAssigned"),
    _another_identity,
    add("ManagedIdentity/userAssignedIdentities"),
    put(APP, "properties.keyVaultReferenceIdentity", "SystemAssigned"),
    put(APP, "properties.functionAppConfig.deployment.storage.authentication.type", "StorageAccountConnectionString"),
    put(APP, "properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId", "/x"),
)
def app_is_one_identity_for_storage_secrets_and_its_package(deployed: Deployed) -> None:
    identity, app = deployed.one("ManagedIdentity/userAssignedIdentities"), deployed.one(APP)
    assert app["identity"]["type"] == "UserAssigned"
    assert list(app["identity"]["userAssignedIdentities"]) == [identity["id"]]
    assert app["properties"]["keyVaultReferenceIdentity"] == identity["id"]
    assert app["properties"]["functionAppConfig"]["deployment"]["storage"]["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity["id"],
    }


@check(
    "main",
    *(_role(number, "b24988ac-6180-42a0-ab88-20f7382dd24c") for number in range(6)),  # Contributor
    _role(4, "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),  # sends, but may delete as well
    _wider_scope,
    drop("Authorization/roleAssignments"),
)
def app_has_the_least_roles_each_on_one_resource(deployed: Deployed) -> None:
    host, queues = (deployed.one(ACCOUNTS, start)["name"] for start in ("sluicehost", "sluiceq1"))
    assert _told(deployed) == {
        ("Monitoring Metrics Publisher", deployed.one("Insights/components")["name"]),
        ("Storage Blob Data Owner", host),
        ("Storage Queue Data Contributor", host),
        ("Storage Table Data Contributor", host),
        ("Storage Queue Data Message Sender", queues),
        ("Storage Queue Data Reader", queues),
    }
    assert len(list(deployed.roles())) == 6


@check(
    "dts",
    _role(1, "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
    _role(6, "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    _wider_scope,
)
def app_with_a_scheduler_has_no_right_on_queues_and_tables_of_its_own_account(deployed: Deployed) -> None:
    host, *queues = (deployed.one(ACCOUNTS, start)["name"] for start in ("sluicehost", "sluiceq1", "sluiceq2"))
    assert _told(deployed) == {
        ("Monitoring Metrics Publisher", deployed.one("Insights/components")["name"]),
        ("Storage Blob Data Owner", host),
        *(("Storage Queue Data Message Sender", account) for account in queues),
        *(("Storage Queue Data Reader", account) for account in queues),
        ("Durable Task Data Contributor", "Sluice"),
    }
    assert len(list(deployed.roles())) == 7


@both(
    put("Authorization/roleAssignments", "properties.principalId", "[reference('/somebody')]"),
    put("Authorization/roleAssignments", "properties.principalType", "User"),
)
def roles_are_those_of_the_identity(deployed: Deployed) -> None:
    identity = deployed.one("ManagedIdentity/userAssignedIdentities")["id"]
    for each in deployed.of("Authorization/roleAssignments"):
        assert f"'{identity}'" in each["properties"]["principalId"]
        assert each["properties"]["principalType"] == "ServicePrincipal"


@both(
    put(ACCOUNTS, "properties.allowSharedKeyAccess", True, "sluiceq1"),
    put(ACCOUNTS, "properties.allowSharedKeyAccess", None),
    put(ACCOUNTS, "properties.allowSharedKeyAccess", True),
    put(ACCOUNTS, "properties.allowBlobPublicAccess", True),
    put(ACCOUNTS, "properties.minimumTlsVersion", "TLS1_0"),
    put(ACCOUNTS, "properties.supportsHttpsTrafficOnly", False),
    add(ACCOUNTS),
)
def no_account_takes_a_shared_key(deployed: Deployed) -> None:
    for account in deployed.of(ACCOUNTS):
        given = account["properties"]
        assert given.get("allowSharedKeyAccess") is False
        assert given["allowBlobPublicAccess"] is False
        assert given["supportsHttpsTrafficOnly"] is True
        assert given["minimumTlsVersion"] == "TLS1_2"


@both(
    put("Insights/components", "properties.DisableLocalAuth", False),
    put("OperationalInsights/workspaces", "properties.features.disableLocalAuth", False),
    put("Insights/components", "properties.WorkspaceResourceId", "/elsewhere"),
    put("Web/sites/basicPublishingCredentialsPolicies", "properties.allow", True),
    put(APP, "properties.httpsOnly", False),
    put(APP, "properties.siteConfig.minTlsVersion", "1.0"),
    put(APP, "properties.siteConfig.ftpsState", "AllAllowed"),
    setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", None),
)
def nobody_sends_logs_or_publishes_with_a_key(deployed: Deployed) -> None:
    insights = deployed.properties("Insights/components")
    assert insights["DisableLocalAuth"] is True
    assert insights["WorkspaceResourceId"] == deployed.one("OperationalInsights/workspaces")["id"]
    assert deployed.properties("OperationalInsights/workspaces")["features"]["disableLocalAuth"] is True
    policies = deployed.of("Web/sites/basicPublishingCredentialsPolicies")
    assert [each["properties"]["allow"] for each in policies] == [False, False]
    app = deployed.properties(APP)
    assert app["httpsOnly"] is True
    assert (app["siteConfig"]["minTlsVersion"], app["siteConfig"]["ftpsState"]) == ("1.2", "Disabled")
    assert "Authorization=AAD" in deployed.settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]


@both(
    setting("AzureWebJobsStorage", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=eA=="),
    setting("QUEUES_1__queueServiceUri", "https://x.queue.core.windows.net?sig=abc"),
    setting("APP", "[listKeys('/x', '2024-01-01').keys[0].value]"),
)
def no_app_setting_holds_a_key(deployed: Deployed) -> None:
    for name, value in deployed.settings.items():
        assert name != "AzureWebJobsStorage"
        assert not any(sign in value for sign in ("AccountKey=", "sig=", "listKeys", "listAccountSas"))


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


def _rules(deployed: Deployed) -> list[Any]:
    rules: list[Any] = deployed.properties(POLICIES)["policy"]["rules"]
    return rules


@both(
    put(POLICIES, "properties.policy.rules.0.definition.actions.baseBlob", {"delete": {}}),
    put(POLICIES, "properties.policy.rules.0.definition.actions.baseBlob", {"tierToArchive": {}}),
    put(POLICIES, "properties.policy.rules.1.definition.actions.version", {"delete": {}}),
    put(POLICIES, "properties.policy.rules.0.definition.filters.prefixMatch", ["azure-webjobs-hosts/"]),
    put(POLICIES, "properties.policy.rules.1.definition.filters.prefixMatch", ["slu"]),
    put(POLICIES, "properties.policy.rules.0.definition.filters", {"blobTypes": ["blockBlob"]}),
    put(POLICIES, "properties.policy.rules", []),
)
def no_rule_takes_what_an_open_run_needs(deployed: Deployed) -> None:
    """A paused run may be as old as it likes: its blobs may become cool, which are read and written as before."""
    assert [sorted(each["definition"]["actions"]) for each in _rules(deployed)] == [["baseBlob"], ["snapshot"]]
    for rule in _rules(deployed):
        assert all(prefix.startswith("sluice/") for prefix in rule["definition"]["filters"]["prefixMatch"])
        assert set(rule["definition"]["actions"].get("baseBlob", {})) <= {"tierToCool"}


@check("main", put(POLICIES, "properties.policy.rules.0.enabled", True))
def a_ledger_that_goes_after_30_days_does_not_cool_before(deployed: Deployed) -> None:
    assert deployed.settings["SLUICE_LEDGER_DAYS"] == "30"
    assert [each["enabled"] for each in _rules(deployed)] == [False, True]


@check("dts", put(POLICIES, "properties.policy.rules.0.enabled", False))
def a_ledger_that_is_kept_for_a_year_cools(deployed: Deployed) -> None:
    assert deployed.settings["SLUICE_LEDGER_DAYS"] == "365"
    assert [each["enabled"] for each in _rules(deployed)] == [True, True]


@both(
    put("Storage/storageAccounts/blobServices", "properties.deleteRetentionPolicy.enabled", False),
    put("Storage/storageAccounts/blobServices", "properties.containerDeleteRetentionPolicy.days", 0),
)
def a_deleted_ledger_can_be_restored_for_a_week(deployed: Deployed) -> None:
    blobs = deployed.properties("Storage/storageAccounts/blobServices")
    assert blobs["deleteRetentionPolicy"] == blobs["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 7}


@both(
    drop("Storage/storageAccounts/queueServices/queues"),
    setting("SLUICE_QUEUES", "QUEUES_1/other"),
    setting("SLUICE_QUEUES", "sluice-ids"),
    setting("QUEUES_1__queueServiceUri", None),
    setting("QUEUES_1__queueServiceUri", "[format('https://{0}.queue.{1}', 'sluicehostx', 'x')]"),
    setting("QUEUES_1__clientId", "[reference('/somebody').clientId]"),
)
def messages_go_to_queues_in_other_accounts_than_the_hub(deployed: Deployed) -> None:
    settings, made = deployed.settings, set[tuple[str, str]]()
    for queue in deployed.of("Storage/storageAccounts/queueServices/queues"):
        account, _, name = queue["name"].split("/")
        made.add((account, name))
    host = settings["AzureWebJobsStorage__queueServiceUri"]
    asked = set()
    for entry in settings["SLUICE_QUEUES"].split(","):
        target, _, name = entry.rpartition("/")
        (account,) = {account for account, _ in made if f"'{account}'" in settings[f"{target}__queueServiceUri"]}
        assert f"'{account}'" not in host
        asked.add((account, name))
        assert settings[f"{target}__clientId"].strip("[]") in settings["AzureWebJobsStorage__clientId"]
    assert asked == made


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
    told = deployed.settings["DURABLE_TASK_SCHEDULER_CONNECTION_STRING"]
    assert "Authentication=ManagedIdentity;ClientID=" in told
    hub = deployed.one("DurableTask/schedulers/taskHubs")["name"].rpartition("/")[2]
    assert deployed.settings["TASKHUB_NAME"] == hub


@both(
    drop("Insights/diagnosticSettings"),
    put("Insights/diagnosticSettings", "properties.metrics.0.enabled", False),
    put("Insights/diagnosticSettings", "properties.workspaceId", "/elsewhere"),
)
def transactions_of_each_service_are_counted(deployed: Deployed) -> None:
    counted = set()
    for each in deployed.of("Insights/diagnosticSettings"):
        assert each["properties"]["metrics"] == [{"category": "Transaction", "enabled": True}]
        assert each["properties"]["workspaceId"] == deployed.one("OperationalInsights/workspaces")["id"]
        account, service = each["id"].split("/storageAccounts/")[1].split("/")[:2]
        counted.add((account, service))
    services = ("blobServices", "queueServices", "tableServices")
    used = {
        (account["name"], service)
        for account in deployed.of(ACCOUNTS)
        for service in (services if account["name"].startswith("sluicehost") else services[1:2])
    }
    is_dts = bool(deployed.of("DurableTask/schedulers"))
    assert counted == {
        each for each in used if not (is_dts and each[0].startswith("sluicehost") and each[1] != "blobServices")
    }


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


@both(
    drop("Insights/actionGroups"),
    put("Insights/actionGroups", "properties.enabled", False),
    put("Insights/actionGroups", "properties.groupShortName", "longer than twelve"),
)
def alerts_have_people_to_tell(deployed: Deployed) -> None:
    people = deployed.properties("Insights/actionGroups")
    assert people["enabled"] is True
    assert 0 < len(people["groupShortName"]) <= 12


@check("dts", put("Insights/actionGroups", "properties.emailReceivers", []))
def each_mail_address_is_told(deployed: Deployed) -> None:
    receivers = deployed.properties("Insights/actionGroups")["emailReceivers"]
    assert [each["emailAddress"] for each in receivers] == ["operations@example.com"]
