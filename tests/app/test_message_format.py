"""The content of a message: raw, envelope, packed; and messages that cannot be sent."""

import base64
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.contracts import Chunk, EnqueueRequest, Run
from ingestion.fetching.line import line_of
from ingestion.sending.message_format import MAX_MESSAGE_BYTES, Post, posts_of
from ingestion.sending.packed import unpack
from ingestion.settings import Settings, load_settings

REQUEST = EnqueueRequest(run=Run("r1", "s1"), source="demo", chunk=Chunk(2, "token"))


def settings(**names: str) -> Settings:
    return load_settings({"AzureWebJobsStorage": "any", **names})


def posts(messages: list[Any], **names: str) -> list[Post]:
    return list(posts_of([line_of(message) for message in messages], REQUEST, settings(**names)))


def text(post: Post) -> str:
    """Return the message as the queue delivers it, parsed by an XML parser."""
    return ElementTree.fromstring(post.body).findtext("MessageText") or ""


def decoded(post: Post) -> str:
    return base64.b64decode(text(post)).decode()


def test_raw_is_the_id_as_it_is_and_a_record_as_compact_json() -> None:
    assert [decoded(post) for post in posts(["ä-1", 17, {"id": 1, "name": "é"}])] == [
        "ä-1",
        "17",
        '{"id":1,"name":"é"}',
    ]


def test_an_envelope_says_where_the_message_comes_from_and_has_a_stable_key() -> None:
    first, second = (json.loads(decoded(post)) for post in posts(["a", {"x": 1}], SLUICE_MESSAGE_FORMAT="envelope"))
    assert first == {"run": "r1", "source": "demo", "key": "r1/s1/2/0", "id": "a"}
    assert second == {"run": "r1", "source": "demo", "key": "r1/s1/2/1", "record": {"x": 1}}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=2_000), max_size=40), st.integers(1, 50))
def test_packs_hold_every_message_under_its_key_and_keep_both_limits(ids: list[str], limit: int) -> None:
    names = {"SLUICE_MESSAGE_FORMAT": "packed", "SLUICE_PACK_MESSAGES": str(limit), "SLUICE_PACK_BYTES": "9000"}
    packs = [decoded(post) for post in posts(ids, **names) if not post.reason]
    unpacked = [pair for pack in packs for pair in unpack(pack)]
    assert unpacked == [(f"r1/s1/2/{index}", name) for index, name in enumerate(ids)]
    assert all(len(pack.encode()) <= 9_000 and len(json.loads(pack)["messages"]) <= limit for pack in packs)


def test_a_message_too_large_for_a_pack_is_rejected_and_the_keys_count_on() -> None:
    names = {"SLUICE_MESSAGE_FORMAT": "packed", "SLUICE_PACK_BYTES": "1024"}
    small, large, last = posts(["a", "b" * 2_000, "c"], **names)
    assert (small[:2], large[:2], last[:2]) == ((0, 1), (1, 2), (2, 3))
    assert large.reason.startswith("too_large: ")
    assert list(unpack(decoded(last))) == [("r1/s1/2/2", "c")]


@given(st.lists(st.one_of(st.text(), st.integers(), st.dictionaries(st.text(max_size=5), st.text()))), st.data())
def test_posts_cover_a_chunk_without_gaps_whatever_is_in_it(messages: list[Any], data: st.DataObject) -> None:
    format, encoding = data.draw(st.sampled_from(["raw", "envelope", "packed"])), data.draw(st.sampled_from("bn"))
    names = {"SLUICE_MESSAGE_FORMAT": format, "SLUICE_MESSAGE_ENCODING": {"b": "base64", "n": "none"}[encoding]}
    found = posts(messages, **names)
    assert [index for post in found for index in range(post.first, post.stop)] == list(range(len(messages)))
    assert all(post.body or post.reason for post in found)
    assert found == posts(messages, **names)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_plain_text_survives_xml_or_is_rejected(name: str) -> None:
    (post,) = posts([name], SLUICE_MESSAGE_ENCODING="none")
    if post.reason:
        assert post.reason.startswith("not_xml: U+")
    else:
        assert text(post) == name


@pytest.mark.parametrize(("encoding", "limit"), [("base64", 49_152), ("none", MAX_MESSAGE_BYTES)])
def test_a_message_may_be_as_large_as_the_queue_takes_and_no_byte_larger(encoding: str, limit: int) -> None:
    fits, too_large = posts(["x" * limit, "x" * (limit + 1)], SLUICE_MESSAGE_ENCODING=encoding)
    assert fits.body
    assert too_large.reason.startswith("too_large: ")
    assert not too_large.body


NUMBERS = ["0.123456789012345678", "10.10", "1E400", "-1e-999", "123456789012345678901234567890", "-0", "-0.0", "1.0e5"]


@pytest.mark.parametrize("form", ["raw", "envelope", "packed"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_sent_digit_for_digit(form: str, number: str) -> None:
    record = f'{{"amount":{number},"name":"é\\\\ud800"}}'
    lines = [f"{message}\n".encode() for message in (record, number)]
    sent = "".join(decoded(post) for post in posts_of(lines, REQUEST, settings(SLUICE_MESSAGE_FORMAT=form)))
    assert record in sent
    assert number in sent.replace(record, "")


@pytest.mark.parametrize("form", ["raw", "envelope", "packed"])
def test_a_null_is_rejected_alone_in_every_format(form: str) -> None:
    first, null, last = posts(["a", None, "b"], SLUICE_MESSAGE_FORMAT=form)
    assert (null.first, null.stop, null.body, null.reason[:5]) == (1, 2, b"", "null:")
    assert (first.reason, last.reason, last.first) == ("", "", 2)


def test_half_a_surrogate_pair_is_rejected_in_every_format() -> None:
    for format in ("raw", "envelope", "packed"):
        (post,) = posts(["\ud800"], SLUICE_MESSAGE_FORMAT=format)
        assert post.reason.startswith("not_text: ")
