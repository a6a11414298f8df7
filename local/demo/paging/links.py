"""The next page as a URL: in a Link header, or in the body as an absolute URL, a path or a relative reference."""

from typing import Any

from aiohttp import web

from local.demo.paging.listing import Listing, by_token


def routes(listing: Listing) -> list[web.RouteDef]:
    """Return the routes of this family."""

    async def link_header(request: web.Request) -> web.Response:
        """Like GitHub: other relations beside `next`, several links in one header, and a body that is only the list."""
        page = by_token(listing, request.query.get("page_info"), request.query.get("limit"))
        here = request.url.with_query(None)
        links = [f'<{here}>; rel="first"; title="a, b; c"']
        if page.following:
            query = {"page_info": page.following, "limit": str(listing.size(request.query.get("limit")))}
            links.insert(0, f'<{here.with_query(query)}>; type="application/json"; rel="next last-but-one"')
        return web.json_response(page.items, headers={"Link": ", ".join(links)})

    async def next_url(request: web.Request) -> web.Response:
        """Like OData, DRF, Zendesk; on the last page the link is null, empty, absent, of another name, or to itself."""
        limit = request.query.get("limit")
        page = by_token(listing, request.query.get("skiptoken"), limit)
        answer: dict[str, Any] = {"value": page.items, "count": listing.total}
        if page.following:
            query = {"skiptoken": page.following, "limit": str(listing.size(limit))}
            form = request.match_info["form"]
            address = request.url.with_query(query)
            answer["@odata.nextLink"] = {
                "absolute": str(address), "path": address.raw_path_qs, "relative": f"?{address.raw_query_string}",
            }[form]  # fmt: skip
        else:
            ends: dict[str, dict[str, Any]] = {
                "null": {"@odata.nextLink": None}, "empty": {"@odata.nextLink": ""},
                "delta": {"@odata.deltaLink": str(request.url)}, "repeats": {"@odata.nextLink": str(request.url)},
            }  # fmt: skip
            answer |= ends.get(listing.end, {})
        return web.json_response(answer)

    return [web.get("/link-header", link_header), web.get("/next-url/{form:absolute|path|relative}", next_url)]
