"""Where the links of a page lead."""

import pytest

from ingestion.source.http.origin import is_allowed, linked
from ingestion.source.page import Page
from ingestion.source.styles.next_url import LinkHeaderStyle, NextUrlStyle

PAGE = "https://shop.example/v1/orders?page=1"


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://shop.example/v1/orders?page=2", "https://shop.example/v1/orders?page=2"),
        ("HTTP://Shop.Example/v1/orders?page=2", "https://Shop.Example/v1/orders?page=2"),
        ("https://shop.example/v1/orders?page=2", "https://shop.example/v1/orders?page=2"),
        ("?page=2", "https://shop.example/v1/orders?page=2"),
    ],
)
def test_a_link_to_the_host_of_its_page_keeps_to_https_where_a_proxy_hides_it_from_the_server(
    link: str, address: str
) -> None:
    assert linked(PAGE, link) == address
    assert NextUrlStyle().next(Page(items=[], document={"next": link}, url=PAGE), None) == address
    header = Page(items=[], document=None, headers={"link": f'<{link}>; rel="next"'}, url=PAGE)
    assert LinkHeaderStyle().next(header, None) == address


@pytest.mark.parametrize(
    "link",
    ["http://other.example/v1", "http://shop.example:8080/v1", "http://shop.example.org/v1", "ftp://shop.example/"],
)
def test_a_link_to_another_host_or_port_is_left_as_it_is_and_not_followed(link: str) -> None:
    assert linked(PAGE, link) == link
    assert not is_allowed(link, PAGE)


def test_a_link_of_a_page_that_came_in_clear_text_is_left_as_it_is() -> None:
    assert linked("http://shop.example/", "http://shop.example/2") == "http://shop.example/2"
    assert linked("http://shop.example/", "https://shop.example/2") == "https://shop.example/2"
