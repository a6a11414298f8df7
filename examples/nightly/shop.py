"""`python -m examples.nightly.shop`: serve the partner's API of the tutorial, with orders that change, behind a token.

`GET /v1/orders?since=&cursor=&limit=` answers one page, sorted by `updated_at`:
`{"data": [{"id": "order-000001", "status": "paid", "updated_at": "2026-01-01T00:10:00Z"}, ...],
"meta": {"next": "...", "total": 1200}}`, where `next` is null on the last page. `limit` is at most 100. Without the
right token the answer is 401. For experiments, `POST /v1/orders` adds an order, and `PUT /token` with a text changes
the token.
"""

import argparse
import contextlib
import json
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ORDERS, MOST_IN_PAGE, TOKEN = 1200, 100, "shop-secret"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=10)  # between two orders: the last of them changed on 2026-01-09


def order(number: int, changed: datetime) -> dict[str, str]:
    return {"id": f"order-{number:06}", "status": "paid", "updated_at": changed.strftime("%Y-%m-%dT%H:%M:%SZ")}


def page(orders: list[dict[str, str]], query: dict[str, str]) -> dict[str, Any]:
    """Return the page that a query asks for."""
    found = [one for one in orders if one["updated_at"] >= query.get("since", "")]
    start, limit = int(query.get("cursor", "0")), min(int(query.get("limit", MOST_IN_PAGE)), MOST_IN_PAGE)
    following = str(start + limit) if start + limit < len(found) else None
    return {"data": found[start : start + limit], "meta": {"next": following, "total": len(found)}}


class Shop(ThreadingHTTPServer):
    """The server. `orders` begins with the oldest change; each GET must send `token`."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.orders = [order(number, FIRST + EVERY * number) for number in range(ORDERS)]
        self.token = TOKEN

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self) -> dict[str, str]:
        """Add an order that changed five seconds ago, so that a run that starts now reads it."""
        self.orders.append(order(len(self.orders), datetime.now(UTC) - timedelta(seconds=5)))
        return self.orders[-1]


class Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/v1/orders":
            self._answer(404, {"error": "not found"})
        elif self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._answer(401, {"error": "invalid token"})
        else:
            self._answer(200, page(self.server.orders, {name: of[0] for name, of in parse_qs(parts.query).items()}))

    def do_POST(self) -> None:
        self._answer(201, self.server.add())

    def do_PUT(self) -> None:
        self.server.token = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(200, {"token": self.server.token})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.nightly.shop", description="A partner's API to try with.")
    parser.add_argument("--port", type=int, default=8090, help="port; 0 takes a free one (default: %(default)s)")
    with Shop(parser.parse_args().port) as shop:
        print(f"token {shop.token}; shop ready on {shop.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            shop.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
