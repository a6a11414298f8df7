"""The recipients of alerts."""

from tests.infra.checks.change import both, check, drop, put
from tests.infra.deployed import Deployed


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
