"""The nightly example sends everything in its first night, and only what has changed in its second."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from examples.nightly.shop import TOKEN, Shop, order
from local.emulator import Azurite
from tests.app_host import ROOT
from tests.e2e.test_nights import FIRST, Nights
from tests.faults.sending import texts_on

ORDERS = 250  # three pages
SOURCES = (ROOT / "examples/nightly/sources.toml").read_text()


def test_the_second_night_sends_only_what_has_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str
) -> None:
    with Shop() as shop:
        shop.orders = shop.orders[:ORDERS]
        threading.Thread(target=shop.serve_forever).start()
        monkeypatch.setenv("SHOP_URL", shop.url)
        monkeypatch.setenv("ORDERS_TOKEN", TOKEN)
        nights = Nights(monkeypatch, tmp_path, azurite, queue_name, cast(Any, shop))
        nights.describe(SOURCES)
        nights.see_schedule()
        first, second = (FIRST + timedelta(days=number) for number in (1, 2))
        nights.pass_night(first)
        for number in (3, ORDERS):  # an old order changes, and a new one comes
            shop.orders.append(order(number, first + timedelta(hours=12)))
        nights.pass_night(second)
        shop.shutdown()

    assert [nights.report(day)["fetched"] for day in (first, second)] == [ORDERS, 2]
    sent = texts_on(azurite, queue_name)
    assert sent.total() == ORDERS + 2
    assert {text for text, count in sent.items() if count == 2} == {"order-000003"}


def test_the_tutorial_builds_the_same_source() -> None:
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    assert tutorial.partition("<!-- file: sources.toml -->")[2].split("```")[1] == f"toml\n{SOURCES}"
