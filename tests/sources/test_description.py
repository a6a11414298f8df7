"""A source that is described wrongly is refused with its name, the key, and what may be there."""

from pathlib import Path

import pytest

from ingestion.errors import InvalidInput
from ingestion.source.check import check, main
from ingestion.source.description import load_source

ROOT = Path(__file__).parents[2]
SHOP = '[shop]\nurl = "http://shop.example/orders"\nitems = "data"\n'
NONE = 'pagination = { style = "none" }\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "sources.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        (SHOP, "shop.pagination", "a value"),
        (SHOP + 'pagination = { style = "pages" }', "shop.pagination", "'page_number'"),
        (SHOP + "pagination = {}", "shop.pagination.style", "'next_url'"),
        (
            SHOP + 'pagination = { style = "cursor", raed = "x" }',
            "shop.pagination.raed",
            "also, end, limit, read, send",
        ),
        (SHOP + NONE + "colour = 1", "shop.colour", "auth, body, expiry"),
        (SHOP + 'pagination = { style = "cursor", send = "cookie:x" }', "shop.pagination.send", "query:name"),
        (SHOP + 'pagination = { style = "cursor", limit = 0 }', "shop.pagination.limit", "at least 1"),
        (
            SHOP + 'pagination = { style = "offset", end = { empty = "x" } }',
            "shop.pagination.end.empty",
            "true or false",
        ),
        (
            SHOP + 'pagination = { style = "offset", end = { statuses = [500] } }',
            "shop.pagination.end.statuses.0",
            "499",
        ),
        (SHOP + 'pagination = { style = "since", start = "today" }', "shop.pagination", "'iso'"),
        (SHOP + 'pagination = { style = "window", stop = 0 }', "shop.pagination", "above start"),
        (SHOP + NONE + 'expiry = { then = "resume" }', "shop.expiry", "key and send"),
        (SHOP + NONE + "expiry = { statuses = [200] }", "shop.expiry", "codes"),
        (SHOP + NONE + 'auth = { kind = "magic" }', "shop.auth", "'bearer'"),
        (SHOP + NONE + 'hosts = ["cdn.example"]', "shop.hosts.0", "https?://"),
        (SHOP + NONE + 'headers = { Authorization = "Bearer x" }', "shop.headers.Authorization", "the table auth"),
        (SHOP + NONE + 'query = { api_key = "x" }', "shop.query.api_key", "%NAME%"),
        ('[shop]\nurl = "http://me:pw@shop.example"\nitems = ""\n' + NONE, "shop.url", "see auth"),
        ("shop = 5", "shop", "a table"),
    ],
)
def test_a_wrong_description_names_source_and_key_and_what_is_allowed(
    text: str, key: str, allowed: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as error:
        load_source(written(tmp_path, text), "shop", {})
    assert error.value.field == f"sources.toml: {key}"
    assert allowed in error.value.allowed


def test_app_settings_are_filled_in_and_one_that_is_not_set_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'headers = { X-Api-Key = "%SHOP_KEY%" }')
    assert load_source(file, "shop", {"SHOP_KEY": "k"}).headers == {"X-Api-Key": "k"}
    with pytest.raises(InvalidInput, match="SHOP_KEY is not set"):
        load_source(file, "shop", {})


def test_the_check_tells_of_every_source_and_of_settings_that_are_not_set_here(tmp_path: Path) -> None:
    file = written(
        tmp_path, SHOP + NONE + SHOP.replace("shop", "other") + '[third]\nurl = "%WHERE%/x"\nitems=""\n' + NONE
    )
    lines, well = check(file, {})
    assert not well
    assert lines[0] == "shop: ok, none"
    assert lines[1].startswith("sources.toml: other.pagination: missing")
    assert lines[2:] == ["third: ok, none", "(the app setting WHERE is not set here)"]


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    assert check(tmp_path / "none.toml", {})[1] is False
    assert "not TOML" in check(written(tmp_path, "[shop"), {})[0][0]


def test_the_sources_that_come_with_the_app_are_well_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check", str(ROOT / "sources.toml")])
    assert main() == 0
    assert "demo: ok, cursor" in capsys.readouterr().out


def test_credentials_are_given_by_the_name_of_an_app_setting_and_never_filled_in(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'auth = { kind = "bearer", token = "%SHOP_TOKEN%" }')
    with pytest.raises(InvalidInput, match=r"shop.auth.token: not a name.*without %") as refused:
        load_source(file, "shop", {"SHOP_TOKEN": "very secret"})
    assert "very secret" not in str(refused.value)


def test_a_check_tells_which_credentials_are_not_set_here(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'auth = { kind = "bearer", token = "SHOP_TOKEN" }')
    assert check(file, {}) == (["shop: ok, none", "(the app setting SHOP_TOKEN is not set here)"], True)
