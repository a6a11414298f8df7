"""The app's identity and rights: one identity, the least roles, no key."""

from tests.infra.checks.change import ACCOUNTS, APP, Change, add, both, check, drop, put, setting
from tests.infra.deployed import Deployed

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
