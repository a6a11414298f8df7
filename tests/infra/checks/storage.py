"""The storage accounts: queues apart from the task hub, life-cycle rules, restoring, counting."""

from typing import Any

from tests.infra.checks.change import ACCOUNTS, both, check, drop, put, setting
from tests.infra.deployed import Deployed

POLICIES = "Storage/storageAccounts/managementPolicies"


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
    """A paused run may be very old, so its blobs may become cool, but no rule deletes them."""
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
