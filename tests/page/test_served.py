"""The three files of the page, as the app serves them."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clients.page import FOLDER
from tests.app_host import sluice

FILES = {"/api/ui": "text/html", "/api/ui/page.js": "text/javascript", "/api/ui/page.css": "text/css"}
MOST = 30_000  # bytes, compressed


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch, sluice(patch, tmp_path_factory.mktemp("host")) as (_, client):
        yield client


@pytest.mark.parametrize("path", FILES)
def test_the_content_security_policy_allows_only_this_app(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{FILES[path]}; charset=utf-8")
    rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "data:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", FILES)
def test_a_browser_that_has_the_file_is_not_sent_it_again(http: httpx.Client, path: str) -> None:
    first = http.get(path)
    again = http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert http.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_the_page_is_found_with_a_slash_at_its_end_as_well(http: httpx.Client) -> None:
    answer = http.get("/api/ui/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/api/ui")


def test_the_page_is_small_and_has_nothing_inline() -> None:
    files = [file.read_bytes() for file in sorted(FOLDER.iterdir())]
    assert [file.name for file in sorted(FOLDER.iterdir())] == ["index.html", "page.css", "page.js"]
    assert sum(len(gzip.compress(file)) for file in files) <= MOST
    html, _, script = (file.decode() for file in files)
    assert "style=" not in html
    assert html.count("<script") == html.count('<script type="module" src=') == 1
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in script, "texts become text nodes, whatever they hold"


def test_the_page_is_deployed() -> None:
    ignored = (Path(FOLDER.parent) / ".funcignore").read_text(encoding="utf-8").splitlines()
    assert not [line for line in ignored if line.strip("/") in ("page", "*.html", "*.js", "*.css")]
