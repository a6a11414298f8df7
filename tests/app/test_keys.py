"""A key for the functions that read gives no other access."""

import json
from pathlib import Path

import httpx
import pytest

from clients.openapi import operations
from local.devhost.http.keys import key_file
from local.emulator import Azurite
from tests.app_host import sluice

LOOK = "for-looking-only"


def test_a_key_for_looking_opens_every_route_that_reads_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite
) -> None:
    reading = {one.function for one in operations() if one.method == "GET"}
    assert all(name.startswith("get_") for name in reading)
    key_file(tmp_path / "devhost.db").write_text(json.dumps({"functions": dict.fromkeys(reading, LOOK)}))
    with sluice(
        monkeypatch, tmp_path, enable_auth=True, AzureWebJobsStorage=azurite.connection_string, SLUICE_CONTAINER="keys"
    ) as (_, http):

        def is_open(method: str, path: str, key: str) -> bool:
            answer: httpx.Response = http.request(method, path, headers={"x-functions-key": key}, timeout=60)
            return answer.status_code not in (401, 403)

        for one in operations():
            path = "/api/" + one.route.format(run_id="orders", name="orders")
            assert is_open(one.method, path, LOOK) is (one.method == "GET"), (one.method, path)
        assert not is_open("get", "/runtime/webhooks/durabletask/instances", LOOK)
        assert not is_open("get", "/admin/functions", LOOK)
