"""One pagination style by itself: its requests, and what it makes of a page."""

from typing import Any

from pydantic import BaseModel

from ingestion.source.page import Page, PageRequest
from ingestion.source.styles.style import Style

BASE = PageRequest(url="http://shop.example/v1/orders", query={"state": "open"})


def page(document: Any = None, items: list[Any] | None = None, **facts: Any) -> Page:
    if items:
        facts |= {"count": len(items), "first": items[0], "last": items[-1]}
    return Page(items=items or [], document=document, url="http://shop.example/v1/orders?page=1", **facts)


def after(style: Style, answer: Page, cursor: Any = None) -> Any:
    return style.next(answer, cursor)


def style_of(kind: type[BaseModel], **table: Any) -> Any:
    return kind.model_validate(table)
