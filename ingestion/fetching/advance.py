"""Find the position after a page, or the end of the source and its reason. No I/O.

The guards that are always on are here: against loops of any length, too many pages, and next links to other hosts.
"""

from dataclasses import replace

from ingestion.concealed import is_storable, quoted, quoted_names
from ingestion.errors import SourceRefused
from ingestion.fetching.filling import NO_MESSAGES
from ingestion.fetching.position import Before, Position, request_at
from ingestion.fetching.seen import Seen, fingerprint
from ingestion.source.auth.kinds import without_key
from ingestion.source.description import Source
from ingestion.source.http.origin import is_allowed, origin
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.path import keys_of, shown
from ingestion.source.styles.end import End, Reached, number_of
from ingestion.source.styles.next_url import AddressStyle
from ingestion.source.styles.since import fingerprint as fingerprint_of

NO_CONTENT = 204


def advance(
    source: Source, position: Position, request: PageRequest, page: Page, seen: Seen, dropped: int = 0
) -> Position | End:
    """Return the position after `page`, the answer to `request`, or the end. Add the next request to `seen`.

    `dropped` is how many items of the page the run drops, because the page before had them too; they do not count.
    """
    style = source.pagination
    position = with_total(source, position, page)
    reached = replace(_reached(position), pages=position.pages + 1, items=position.items + page.count - dropped)
    if page.null_list and position.items and not style.end.takes_null(page, reached):
        raise SourceRefused(
            f"page {reached.pages} has a null where earlier pages had a list of items (items = "
            f"{shown(source.items)!r}): {page.null_list}. If that is how the source ends, set end.empty = true"
        )
    columns = fingerprint_of(page.document) if source.format == "csv" and page.document else position.columns
    if position.columns and columns != position.columns:
        raise SourceRefused(
            f"page {reached.pages} begins with {quoted(', '.join(page.document))!r}, and the first page had "
            "another header. No message of this page was taken; each page of CSV must begin with the same header"
        )
    following = style.following(page, position.cursor, reached)
    if isinstance(following, End):
        return _ended(source, _doubted(source, position, following, page, reached), reached)
    if isinstance(style, AddressStyle):  # a stored position holds no credentials; each request adds them
        following = without_key(source.auth, following, is_storable)
    moved = replace(
        position,
        cursor=following,
        pages=reached.pages,
        items=reached.items,
        largest_page=max(position.largest_page, page.count),
        columns=columns,
        last_key=source.expiry.key_of(page.last) if page.count else position.last_key,
    )
    return _guarded(source, moved, request, reached, seen)


def answered(
    source: Source, position: Position, page: Page, *, begun_with_token: bool = False
) -> Position | End | None:
    """Return what an answer without a page means: the end, or where to start again after an expired cursor.

    Return None if the answer is a page. Raise SourceRefused for any other answer. A 404 to the first request means a
    wrong address, not an empty source. With `begun_with_token`, the answer to the first request may also say that the
    token of the run before has expired.
    """
    ends = source.pagination.ends_at(page.status, page.text)
    if page.status < 300 and not page.text and not ends:
        return None
    started = position.pages > 0
    if source.expiry.matches(page.status, page.text) and (started or begun_with_token):
        return _expired(source, position, page.status)
    started = started or position.window > 0
    if ends and (started or page.status in (NO_CONTENT, *source.pagination.own_statuses)):
        return _ended(source, End(f"HTTP {page.status}"), _reached(position))
    where = "after page " + str(position.pages) if started else "to the first request"
    raise SourceRefused(f"the source answered HTTP {page.status} {where}: {quoted(page.text)!r}")


def repeated(source: Source, position: Position, mark: bytes, pages: Seen) -> End | None:
    """Return the end if the page repeats an earlier page and end.repeated_page is set; None if its items are new.

    Raise SourceRefused if it repeats a page and end.repeated_page is not set. `mark` is the fingerprint of the items.
    """
    before = None if mark == NO_MESSAGES else pages.page_of(mark)
    if before is None:
        return None
    if source.pagination.end.repeated_page:
        return _ended(source, End(f"page {before} again"), _reached(position))
    if position.since is not None and not position.pages:
        raise SourceRefused(
            f"the source ignores {str(source.expiry.send)!r}, which should make it resume after its cursor has "
            f"expired: it began with page {before} again. No message of that page was taken; check expiry.send in the "
            "description"
        )
    raise SourceRefused(
        f"page {len(pages) + 1} of the source has the same items as page {before}. No message of this page was taken; "
        "the source may ignore what pagination sends: check it in the description. If the source repeats a page past "
        "its end, set end.repeated_page = true"
    )


def with_total(source: Source, position: Position, page: Page) -> Position:
    """Return `position` with the source's total in `page`, if there is one.

    After a resumption by key, pages count only the items after the key, so the earlier total stays.
    """
    if source.total is None or position.since is not None or (given := number_of(source.total.value_in(page))) is None:
        return position
    totals = [total for total in (given, position.total, position.least_total) if total is not None]
    return replace(position, total=max(totals), least_total=min(totals))


def _reached(position: Position) -> Reached:
    return Reached(
        pages=position.pages,
        items=position.items,
        largest_page=position.largest_page,
        total=position.total,
        least_total=position.least_total,
    )


def clamped_to(source: Source, position: Position, page: Page) -> int | None:
    """Return the size of the first page if the server made it smaller than requested. Call it if more pages follow."""
    limit = source.pagination.limit
    return page.count if position.pages == 0 and limit is not None and 0 < page.count < limit else None


def _doubted(source: Source, position: Position, end: End, page: Page, reached: Reached) -> End:
    """Return `end`, with a doubt if its only sign is a key or header that the first page does not have."""
    # That key or header led to each later page. But each earlier window may have had only one page.
    first = not position.pages and (position.window > 0 or not position.earlier_pages)
    if not end.missing or not first or not page.count or source.pagination.end.one_page:
        return end
    if reached.total == reached.items:
        return end
    keys, headers = quoted_names(keys_of(page.document)), quoted_names(page.headers)
    lacks = ""
    check = "Check pagination in the description; if the source can have only one page, set end.one_page = true"
    if source.total is not None and reached.total is None:
        lacks = f"no number at total = {source.total} and "
        check = "Check total first: a right total shows whether one page is the whole source"
    return replace(
        end,
        doubt=f"the source's first page has {lacks}{end.reason}, and no run with this description has seen one yet. "
        f"The page has {page.count} items, these keys: {keys}, and these headers: {headers}. {check}",
    )


def _guarded(source: Source, moved: Position, request: PageRequest, reached: Reached, seen: Seen) -> Position | End:
    following = request_at(source, moved)
    check_address(source, following.url, "the source's next link")
    mark = fingerprint(following)
    before = seen.page_of(mark)
    if before is not None:
        if source.pagination.end.repeated and mark == fingerprint(request):
            return _ended(source, End("the cursor repeats"), reached)
        raise SourceRefused(
            f"the pages of the source form a loop: after page {reached.pages} comes page {before} again, "
            f"{reached.pages + 1 - before} pages back. No repeated page was taken; check the pagination in the "
            "description"
        )
    if moved.earlier_pages + moved.pages >= source.max_pages:
        raise SourceRefused(f"the source has more than {source.max_pages} pages; if that is right, raise max_pages")
    seen.add(mark)
    return moved


def check_address(source: Source, url: str, what: str) -> None:
    """Raise SourceRefused if requests may not go to `url`."""
    if not is_allowed(url, source.url, source.hosts):
        leads = origin(url) or "something that is not an HTTP address"
        names = ", ".join(sorted({origin(each) for each in (source.url, *source.hosts)}))
        raise SourceRefused(
            f"{what} leads to {leads}, but requests may go only to {names}; "
            "if the link is right, add its origin to hosts in the description"
        )


def following_window(source: Source, position: Position) -> Position:
    """Return where the window after that of `position` begins; `source` is the description of the next window."""
    before = Before(position.before.items + position.items, position.known, position.outside)
    return replace(
        position,
        cursor=source.pagination.first(),
        window=position.window + 1,
        before=before,
        earlier_pages=position.earlier_pages + position.pages,
        pages=0,
        items=0,
        total=None,
        least_total=None,
        last_key=None,
        since=None,
    )


def check_items(end: End, position: Position, least: int) -> None:
    """Raise SourceRefused if the source has ended, at `position`, with fewer than `least` items."""
    items = position.before.items + position.items
    if items < least:
        advice = "Lower it" if items else "Check the path items, or set min_items = 0"
        raise SourceRefused(
            f"the source ended ({end.reason}) after {items} items, and min_items is {least}. {advice} if that is right"
        )


def _ended(source: Source, end: End, reached: Reached) -> End:
    differ = f", and on another page {reached.least_total}" if reached.total != reached.least_total else ""
    if source.pagination.end.exact_total and reached.total is not None and reached.items != reached.total:
        raise SourceRefused(
            f"the source ended ({end.reason}) after {reached.items} items, but says that it has {reached.total}{differ}"
        )
    return replace(end, reason=f"{end.reason}; the total was {reached.total}{differ}") if differ else end


def _expired(source: Source, position: Position, status: int) -> Position:
    """Return the position to restart or to resume from. Raise SourceRefused if neither is allowed."""
    if not position.pages:
        raise SourceRefused(
            f"the source says that the token of the run before has expired (HTTP {status} to the first request). "
            "DELETE the watermark of the source and start a new run: without a token it reads everything"
        )
    said = f"the source says that its cursor has expired (HTTP {status}, after page {position.pages})"
    if source.expiry.then == "fail":
        raise SourceRefused(
            f"{said}. Start a new run; or set expiry.then in the description to 'restart' or 'resume', "
            "so that a run goes on by itself"
        )
    if position.restarts and not position.fresh:
        raise SourceRefused(f"{said}, again before a new message came: cursors expire faster than the run can catch up")
    resumes = source.expiry.then == "resume"
    return replace(
        position,
        cursor=source.pagination.first(),
        pages=0,
        items=position.items if resumes else 0,
        largest_page=0,
        columns="",
        last_key=None,
        fresh=0,
        restarts=position.restarts + 1,
        earlier_pages=position.earlier_pages + position.pages,
        since=position.last_key if resumes else None,
    )
