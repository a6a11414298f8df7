"""The known differences; each names its row of the table "What devhost does not do" in docs/devhost.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.real_host.rows import HERE, Row

PAGE = HERE.parent.parent / "docs" / "devhost.md"
HEADING = "## What devhost does not do"


@dataclass(frozen=True, slots=True)
class Known:
    """Rows that differ for the reason in row `why` of the table; the regexes `case` and `what` match in full."""

    why: str
    part: str
    case: str = ".*"
    what: str = ".*"

    def covers(self, row: Row) -> bool:
        """Return whether this entry explains the row."""
        return bool(re.fullmatch(self.case, row.case) and re.fullmatch(self.what, row.what))


# One block for each file of the golden data.
_UNKNOWN_ORCHESTRATOR = r"status of (u\d|start_new unknown)"
_ODD_ROUTES = "alpha|bool|dbl|dec|default|dt|float|guid|lens?|long|max|maxlen|min|minlen|mixed|mixedopt|range|req|two"
_OF_THE_MACHINE = r"body\.id|body(\[\d+\])?\.test_data_href"

_FILTERED = r"purge .*|list (\?(runtimeStatus=.|createdTime).*|after purge)"

KNOWN: tuple[Known, ...] = (
    Known("not-served", "api-states", r"\w+: (after )?(rewind|restart_.*)"),
    Known("not-served", "api-pending", "Pending: (.*after )?(rewind|restart_.*)"),
    Known("not-served", "api-general", f"start-and-wait .*|start, version|{_FILTERED}"),
    Known("storage", "api-general", "list other hub"),
    Known("entities", "api-general", r"route \w+ entities.*"),
    Known("not-served", "api-more", "purge .*|left after .*|raise event to a purged .*"),
    Known("not-served", "api-more", "start unknown and wait|status of u2"),
    Known("stack", "api-general", r"(start,|raiseEvent) .*", r"body\.ExceptionMessage"),  # of a JSON reader
    Known("pace", "api-general", "id plus"),  # it takes the place of "a b", which has ended here
    Known("pace", "api-more", r"start_new id a\?b"),  # of "a", likewise
    # The real host lists known orchestrators in the order in which it first saw them.
    Known("stack", "api-more", _UNKNOWN_ORCHESTRATOR, r"body\.(output|historyEvents\[1\]\.Result)"),
    # Which headers stand before the one that cannot be written is the order of a map.
    Known("http", "api-more", "start_new id ü", "Content-Type"),
    # There behind a proxy with TLS.
    Known("client", "api-more/binding", what=r"body\.(baseUrl|rpcBaseUrl|creationUrls\..*|managementUrls\..*)"),
    # histories.json, patterns.json
    Known("wrong-there", "histories", "unknown-activity"),
    Known("wrong-there", "patterns", "follow_up_with_retry|separate_yield_of_a_part"),
    Known("pace", "patterns", "event_then_timer_twice", "order.*"),  # the event was there with the timer's end
    # corners.json
    Known("wrong-there", "corners", "unknown_.*|activity_called_as_child"),
    # routes.json, answers.json, keys.json, admin.json
    Known("http", "routes/routes_shapes", "get .*"),  # a method in lower case
    Known("http", "routes/routes_shapes", f"mapped|in error|GET /api/({_ODD_ROUTES})\\b.*"),
    Known("http", "answers", r"kind ((json|list|status|body)_str|cookie|two_cookies)"),
    Known("admin", "routes/routes_shapes", "GET /", "body"),
    Known("admin", "keys", "GET /:.*", "body"),
    Known("admin", "keys", "GET /admin/.*", _OF_THE_MACHINE),
    Known("admin", "admin", "status|functions|one function|function in other case|invoke, GET", _OF_THE_MACHINE),
    Known("admin", "admin", "keys|system keys|config|function status"),
    Known("admin", "admin", "runs at end|all that ran by hand", r".*\.LastUpdated"),
    # starts.json
    Known("triggers", "starts/app", "unknown (output )?binding( type)?", r"/admin/functions.*"),
    # logs.json
    Known("console", "logs", "lines of the host about calls|records of functions with a logLevel"),
)


def table_rows() -> list[str]:
    """Return the ids in the first column of the table."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)


def reason(part: str, row: Row) -> str | None:
    """Return the id of the table's row that explains a difference, if there is one."""
    return next((it.why for it in KNOWN if it.part == part and it.covers(row)), None)


def idle(part: str, rows: Sequence[Row]) -> list[Known]:
    """Return the entries of a part that explain no difference."""
    different = [row for row in rows if not row.agrees]
    return [it for it in KNOWN if it.part == part and not any(map(it.covers, different))]
