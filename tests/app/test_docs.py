"""The documentation stays short, and every link has a target."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOOK = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = (".", ".github", ".github/ISSUE_TEMPLATE", "docs", "examples", "examples/*", "tests/real_host")
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md"))
MOST_WORDS = 12_000
# Words of the glossary that nobody knows from elsewhere: those with an anchor.
ANCHOR = r'<a id="([^"]+)"></a>'
TERMS = re.findall(ANCHOR, (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
LINKED = [
    page for page in BOOK if page not in (ROOT / "docs" / name for name in ("README.md", "glossary.md", "style.md"))
]
BLOCKS, CODE = r"(?ms)^ *```.*?^ *```$", r"`[^`\n]*`"
NO_PROSE = (  # code, headings, tables of benchmarks, HTML, links to other places
    rf"{BLOCKS}|^#+ .*?$|<!-- [a-z]+ -->.*?<!-- end -->|<[^>]*>|{CODE}|!?\[[^\]]*\]\((?![^)]*glossary\.md#)[^)]*\)"
)


def prose(page: Path) -> str:
    """Return the text of a page without code blocks, tables, comments, pictures and the facts below a benchmark."""
    text = re.sub(rf"{BLOCKS}|<!--.*?-->", "", page.read_text(encoding="utf-8"))
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("|", "<")))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: those of its headings, as GitHub makes them, and its own."""
    text = re.sub(BLOCKS, "", page.read_text(encoding="utf-8"))
    found: list[str] = []
    for heading in re.findall(r"(?m)^#+ (.+)$", text):
        plain = re.sub(r"\]\([^)]*\)", "", heading.strip().lower())
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(f"{slug}-{count}" if (count := found.count(slug)) else slug)
    return {*found, *re.findall(ANCHOR, text)}


def broken(page: Path) -> list[str]:
    """Return the relative links of a page to a missing file or anchor."""
    text = re.sub(rf"{BLOCKS}|{CODE}", "", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    bad = []
    for link in (one or other for one, other in links):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            bad.append(link)
    return bad


def unlinked(page: Path) -> list[tuple[str, int, int]]:
    """Return the glossary's words whose first use on a page is no link to their meaning, and where they stand."""
    text = re.sub(NO_PROSE, lambda found: " " * len(found[0]), page.read_text(encoding="utf-8"))
    found = []
    for term in TERMS:
        words = term.replace("-", r"\s")
        link = rf"(?P<link>\[[^\]]*\]\([^)]*glossary\.md#{term}[a-z-]*\))"
        use = re.search(rf"{link}|(?<![\w-]){words}(s|es)?(?![\w-])", text)
        if use and not use["link"]:
            found.append((term, use.start(), use.end()))
    return found


def test_readme_and_docs_have_at_most_12_000_words_beside_tables_and_code() -> None:
    words = {str(page.relative_to(ROOT)): len(prose(page).split()) for page in BOOK}
    assert sum(words.values()) <= MOST_WORDS, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_exists(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_the_first_use_of_a_word_of_the_glossary_is_a_link_to_its_meaning(page: Path) -> None:
    assert unlinked(page) == []


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("A redrive, then a [redrive](glossary.md#redrive).", ["redrive"]),
        ("Two commit\nrecords.", ["commit-record"]),
        ("A [redrive](glossary.md#redrive), then a redrive.", []),
        ("# Redrive\n`redrive`, [a redrive](runs.md), post-redrive", []),
    ],
)
def test_a_first_use_without_a_link_is_found(tmp_path: Path, text: str, terms: list[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert [term for term, *_ in unlinked(page)] == terms


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [("there.md#a-word-and-hostjson", False), ("there.md#gone", True), ("gone.md", True), ("https://a.example", False)],
)
def test_a_broken_link_or_anchor_is_found(tmp_path: Path, link: str, is_broken: bool) -> None:
    (tmp_path / "there.md").write_text("# A `word`, and host.json\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"[it]({link})\n", encoding="utf-8")
    assert broken(page) == ([link] if is_broken else [])
