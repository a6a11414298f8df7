"""The picture of the terminal is the output of its script, and loads nothing from another host."""

import re

from local.demo.still import FILE, still


def test_the_picture_of_the_terminal_is_what_it_shows_now() -> None:
    assert FILE.read_text(encoding="utf-8") == still(), "run make screenshots"
    assert {*re.findall(r"https?://[^\"'\s)]+", still())} <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
