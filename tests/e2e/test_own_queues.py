"""Two sources with their own queues and formats run at the same time; each message arrives on the right queue."""

import json
from collections import Counter

import pytest
from azure.core.exceptions import ResourceNotFoundError

from ingestion.sending.packed import unpack
from local.demo.readback import catalogue
from tests.e2e.rig import IDS, Rig
from tests.faults.sending import texts_on

SOURCES = """
[orders]
url = "%SLUICE_DEMO_URL%/ids?limit=100"
items = "items"
message = "id"
pagination = {{ style = "cursor", read = "next_cursor", send = "cursor" }}

[orders.messages]
queue = "{0}-orders"
format = "packed"
encoding = "none"

[prices]
url = "%SLUICE_DEMO_URL%/ids?limit=100"
items = "items"
message = "id"
pagination = {{ style = "cursor", read = "next_cursor", send = "cursor" }}

[prices.messages]
queues = ["{0}-prices", "SHOP_ACCOUNT/{0}-late"]
format = "envelope"
"""


def test_two_sources_with_queues_and_formats_of_their_own_run_at_the_same_time(rig: Rig) -> None:
    file = rig.folder / "sources.toml"
    file.write_text(SOURCES.format(rig.name), encoding="utf-8")
    rig.settings = {"SLUICE_SOURCES": str(file), "SHOP_ACCOUNT": rig.azurite.connection_string}
    with rig.host() as host:
        rig.hold(0)
        for run_id, source in (("one", "orders"), ("two", "prices")):
            assert host.start(run_id, source=source).status_code == 202
        rig.gate.wait_until_reached()
        assert {host.look(run_id)["status"] for run_id in ("one", "two")} <= {"pending", "running"}
        rig.gate.open()
        queues = f"{rig.name}-orders", f"SHOP_ACCOUNT/{rig.name}-late, {rig.name}-prices"
        for run_id, named in zip(("one", "two"), queues, strict=True):
            run = host.wait(run_id)
            assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
            assert run["report"]["queues"] == named

    served = Counter(catalogue(rig.api_url))
    packs = texts_on(rig.azurite, f"{rig.name}-orders", base64=False)
    assert {(json.loads(pack)["run"], json.loads(pack)["source"]) for pack in packs} == {("one", "orders")}
    assert Counter(message for pack in packs.elements() for _, message in unpack(pack)) == served

    shards = [texts_on(rig.azurite, f"{rig.name}-{queue}") for queue in ("prices", "late")]
    assert all(shards), "both of its queues are used"
    envelopes = [json.loads(text) for shard in shards for text in shard.elements()]
    assert {(each["run"], each["source"]) for each in envelopes} == {("two", "prices")}
    assert Counter(each["id"] for each in envelopes) == served
    with pytest.raises(ResourceNotFoundError):
        texts_on(rig.azurite, rig.name)  # the queue of the app, to which no source sends
