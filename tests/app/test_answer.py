"""An answer can hold any text of a source; the app drops cached answers in time."""

import json

from clients.answer import answer
from clients.brief_cache import KEPT_SECONDS, BriefCache


def test_half_of_a_surrogate_pair_reaches_who_asks_as_json_has_it() -> None:
    body = {"next": "cursor = \ud83d", "text": "grün 🟢"}
    sent = answer(body).get_body()
    assert json.loads(sent.decode()) == body
    assert "grün 🟢".encode() in sent


async def test_expired_entries_are_dropped_without_another_request() -> None:
    at = 0.0
    kept = BriefCache(lambda: at)

    async def make() -> list[int]:
        return [0] * 1_000

    for window in range(100):  # a run has another key in each of its windows
        await kept.get(("failed", window), make)
        at += KEPT_SECONDS / 4
    assert len(kept._kept) <= 5
