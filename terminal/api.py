"""The app over HTTP: one request at a time; an error becomes one line and an exit code.

A repeated GET sends the ETag of the last answer, so that an unchanged answer costs the app very little.
"""

from typing import Any, Self

import httpx

from terminal.ending import Code, Trouble

TIMEOUT = httpx.Timeout(120.0, connect=10.0)  # the app answers within 100 s, with an error if need be
NO_PROXY: dict[str, None] = {"all://localhost": None, "all://127.0.0.1": None}  # call `make serve` directly
TRY_AGAIN = (408, 429)  # from a busy gateway; 500 or more: the app, or a service that it needs, is not available


class Api:
    """The routes of one app under `URL/api`."""

    def __init__(self, url: str, key: str | None, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url, self._has_key = url, bool(key)
        headers = {"x-functions-key": key} if key else {}
        if key and not (key.isascii() and key.isprintable()):  # otherwise a later error would show the key
            raise Trouble(Code.USAGE, "the key has a character that no key has (allowed: printable ASCII)")
        try:
            self._http = httpx.Client(
                base_url=f"{url}/api", headers=headers, timeout=TIMEOUT, transport=transport, mounts=NO_PROXY
            )
        except httpx.InvalidURL as error:
            raise Trouble(Code.USAGE, f"the URL of the app is not valid: {error}") from None
        self._seen: dict[str, tuple[str, Any]] = {}

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET, without the parameters that are None, and return the JSON of the answer. Raise Trouble."""
        given = {name: value for name, value in params.items() if value is not None}
        place = str(httpx.URL(path, params=given))
        etag, before = self._seen.get(place, ("", None))
        answer = self.ask("GET", path, params=given, headers={"If-None-Match": etag} if etag else {})
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return before
        document = self.document(answer)
        if "ETag" in answer.headers:
            self._seen[place] = (answer.headers["ETag"], document)
        return document

    def send(self, method: str, path: str, **given: Any) -> Any:
        """Return the JSON that answers a request. Raise Trouble."""
        return self.document(self.ask(method, path, **given))

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a request. Raise Trouble if the request fails."""
        try:
            answer = self._http.request(method, path, **given)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Trouble(Code.UNREACHABLE, f"cannot reach {self.url} (--url, SLUICE_URL): {why}") from None
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise self._trouble(answer)

    def document(self, answer: httpx.Response) -> Any:
        """Return the JSON of an answer. Raise Trouble."""
        try:
            return answer.json()
        except ValueError:
            raise Trouble(Code.UNREACHABLE, f"{self.url} did not answer with JSON: is it a Sluice app?") from None

    def _trouble(self, answer: httpx.Response) -> Trouble:
        """Return the error for an answer that is not a success."""
        status, details = answer.status_code, problem(answer)
        text = f"HTTP {status}"
        if details:
            allowed = f" (allowed: {details['allowed']})" if details.get("allowed") else ""
            field = f"{details['field']}: " if details.get("field") else ""
            text = f"{field}{details.get('detail') or details.get('title') or text}{allowed}"
        if status in (401, 403):
            is_of_key = status != 403 and self._has_key
            what, key = ("refused this key", "another key") if is_of_key else ("refused the request", "a key")
            text = f"{self.url} {what} ({text}); give {key} with --key, SLUICE_KEY or sluice login"
            return Trouble(Code.NOT_ALLOWED, text)
        if status >= 500 or status in TRY_AGAIN:
            return Trouble(Code.UNREACHABLE, text if details else f"{self.url} is not available: {text}")
        if answer.is_redirect:
            where = answer.headers.get("Location", "nowhere")
            return Trouble(Code.UNREACHABLE, f"{self.url} is not the app's URL: it redirects to {where}")
        if status == 404 and not details:
            return Trouble(Code.UNREACHABLE, f"{self.url} has no such route: is it a Sluice app of this version?")
        if status == 404 and details.get("field") == "run_id":
            text = f"{text.partition(' (allowed: ')[0]} at {self.url}; sluice list shows its runs"
            return Trouble(Code.NO_SUCH_RUN, text)
        return Trouble(Code.USAGE if status in (400, 404) else Code.FAILED, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._http.close()


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem details (RFC 9457) of an answer, or {} if it has none."""
    try:
        details = answer.json()
    except ValueError:
        return {}
    return details if isinstance(details, dict) and "status" in details else {}
