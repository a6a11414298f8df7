"""The app over HTTP: one request at a time, and what it refuses as one line with an exit code.

A repeated GET sends the ETag of its last answer, so that a look that finds nothing new costs the app next to nothing.
"""

from typing import Any, Self

import httpx

from terminal.ending import Code, Trouble

TIMEOUT = httpx.Timeout(120.0, connect=10.0)  # the app takes 100 s at most, and says then what kept it
TRY_AGAIN = (408, 429)  # what stands before the app is busy; from 500 on it or what it needs is away


class Api:
    """The routes of one app under `URL/api`."""

    def __init__(self, url: str, key: str | None, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        headers = {"x-functions-key": key} if key else {}
        if key and not (key.isascii() and key.isprintable()):  # else an error further down would show it
            raise Trouble(Code.USAGE, "the key cannot be used: it has a character that no key has")
        try:
            self._http = httpx.Client(base_url=f"{url}/api", headers=headers, timeout=TIMEOUT, transport=transport)
        except httpx.InvalidURL as error:
            raise Trouble(Code.USAGE, f"the URL cannot be used: {error}") from None
        self._seen: dict[str, tuple[str, Any]] = {}

    def get(self, path: str, **params: Any) -> Any:
        """Return the document of a GET; parameters that are None are left out. Raise Trouble."""
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
        """Return the document that a request is answered with. Raise Trouble."""
        return self.document(self.ask(method, path, **given))

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Return the answer to a request. Raise Trouble unless it is one of success."""
        try:
            answer = self._http.request(method, path, **given)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Trouble(Code.UNREACHABLE, f"{self.url} cannot be reached: {why}") from None
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise self._trouble(answer)

    def document(self, answer: httpx.Response) -> Any:
        """Return the JSON of an answer. Raise Trouble."""
        try:
            return answer.json()
        except ValueError:
            raise Trouble(Code.UNREACHABLE, f"{self.url} gave no JSON: is it a Sluice app?") from None

    def _trouble(self, answer: httpx.Response) -> Trouble:
        """Return what an answer that is no success means."""
        status, told = answer.status_code, problem(answer)
        said = f"HTTP {status}"
        if told:
            allowed = f" (allowed: {told['allowed']})" if told.get("allowed") else ""
            field = f"{told['field']}: " if told.get("field") else ""
            said = f"{field}{told.get('detail') or told.get('title') or said}{allowed}"
        if status in (401, 403):
            said = f"{self.url} does not allow it ({said}); give a key with --key, SLUICE_KEY or sluice login"
            return Trouble(Code.NOT_ALLOWED, said)
        if status >= 500 or status in TRY_AGAIN:
            return Trouble(Code.UNREACHABLE, said if told else f"{self.url} is not there: {said}")
        if answer.is_redirect:
            where = answer.headers.get("Location", "nowhere")
            return Trouble(Code.UNREACHABLE, f"{self.url} is not the app's URL: it leads to {where}")
        if status == 404 and not told:
            return Trouble(Code.UNREACHABLE, f"{self.url} has no such route: is it a Sluice app, of this version?")
        if status == 404 and told.get("field") == "run_id":
            return Trouble(
                Code.NO_SUCH_RUN, f"{said.partition(' (allowed: ')[0]} at {self.url}; sluice list has its runs"
            )
        return Trouble(Code.USAGE if status in (400, 404) else Code.FAILED, said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self._http.close()


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem details of an answer; nothing if it has none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) and "status" in told else {}
