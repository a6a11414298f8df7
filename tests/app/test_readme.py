"""The pages that a newcomer reads: no link leads nowhere, and the source that the README shows is a valid one."""

import re
from pathlib import Path

import pytest

from ingestion.source.description import load_source

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_source_that_the_readme_shows_is_valid(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    file = tmp_path / "sources.toml"
    file.write_text(shown[1], encoding="utf-8")
    source = load_source(file, "orders", {"ORDERS_TOKEN": "secret", "SHOP_URL": "https://shop.example"})
    assert source.url == "https://shop.example/orders"


def test_the_index_has_every_page_once() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+)\n([^#]+)", index, re.MULTILINE))
    assert [*sections] == ["Tutorial", "How-to", "Reference", "Why"]
    listed = [page for text in sections.values() for page in re.findall(r"\]\(([a-z-]+\.md)\)", text)]
    assert sorted(listed) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md")


def test_every_file_that_the_glossary_names_exists() -> None:
    named = re.findall(r"`([a-z_/]+(?:\.py|/))`", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
