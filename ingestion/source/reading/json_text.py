"""Read the values in a JSON text: keep the digits of numbers, refuse a repeated key, refuse too deep nesting.

The scanner of the standard library reads the values, and passes on each number with a fraction or exponent as text.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from ingestion.concealed import quoted
from ingestion.errors import first_line
from ingestion.source.http.outage import NoPage
from ingestion.source.reading.number import Digits, number

MAX_DEPTH = 500  # of nested lists and objects; json.loads, which consumers use, fails near 1,000
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"([ \t\n\r]*:)?', re.DOTALL)
_NEGATIVE_ZERO = re.compile(r"-0(?![.eE\d])")

Scan = Callable[[str, int], tuple[Any, int]]


def json_value(body: bytes) -> Any:
    """Return the JSON value in `body`, with the digits of its numbers. Raise NoPage if `body` is not JSON."""
    value, text = value_and_text(body)
    refuse_repeated_keys(text, value)
    return value


def value_and_text(body: bytes) -> tuple[Any, str]:
    """Return the value and the text of a body. Raise NoPage if it is not JSON."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass").strip(" \t\n\r")
        value, end = scanner(text)(text, 0)
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except ValueError as error:
        raise no_json(first_line(error)) from None
    except RecursionError:
        raise too_deep() from None
    return value, text


def refuse_repeated_keys(text: str, value: Any, items: list[Any] | None = None) -> None:
    """Raise NoPage if `value`, which was read from `text`, has a key twice or nests too deep.

    `items` is the list that was taken out of `value`, if any. A check of each pair while it is read would double the
    time, so compare the number of keys in the text with that in the value.
    """
    if "{" not in text and text.find("[", 1) < 0:
        return
    keys = _keys_of_flat(value) if items is None else _keys_in(value) + _keys_of_flat(items)
    if keys == text.count(":") or keys == (most := _most_keys(text)):
        return  # most pages end here: ids, or flat objects
    keys = _keys_in(value if items is None else [value, items])
    if most != keys and sum(map(bool, _STRING.findall(text))) != keys:
        _decode_pairs(text)


def _most_keys(text: str) -> int:
    """Return an upper bound of the number of keys in `text`; -1 if that is not easy to find."""
    return -1 if any(f"{white}:" in text for white in " \t\r\n") else text.count('":')


def _keys_of_flat(items: Any) -> int:
    """Return how many keys a list of objects or of plain values has; a large negative number for anything else."""
    kinds = {*map(type, items)} if isinstance(items, list) else {list}
    if kinds.isdisjoint((dict, list)):
        return 0
    return sum(map(len, items)) if kinds <= {dict} else -(10**9)


def _keys_in(value: Any) -> int:
    """Return how many keys all objects in `value` have."""
    count, depth, level = 0, 0, list[Any]([[value]])
    while level:
        below: list[Any] = []
        for each in level:
            if type(each) is dict:
                count += len(each)
                each = each.values()
            below += [inner for inner in each if type(inner) is dict or type(inner) is list]
        level, depth = below, depth + 1
        if depth > MAX_DEPTH + 1:
            raise too_deep()
    return count


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise repeated(next(name for name in names if names.count(name) > 1))
    return found


def _integer(text: str) -> int | Digits:
    return Digits(text) if text == "-0" else int(text)


def _not_a_number(name: str) -> NoReturn:
    raise no_json(f"{name} is no number")


_decode_pairs = json.JSONDecoder(object_pairs_hook=_unrepeated).decode
scan: Scan = json.JSONDecoder(parse_float=number, parse_constant=_not_a_number).raw_decode
_scan_signed: Scan = json.JSONDecoder(parse_float=number, parse_int=_integer, parse_constant=_not_a_number).raw_decode


def scanner(text: str) -> Scan:
    """Return the function that reads a value of `text` from an index on. Keeping the sign of -0 takes longer."""
    return _scan_signed if _NEGATIVE_ZERO.search(text) else scan


def repeated(key: str) -> NoPage:
    return NoPage(f"an object of the response has the key {quoted(key)!r} twice, and one value would be lost")


def too_deep() -> NoPage:
    return NoPage(f"the response nests lists and objects more than {MAX_DEPTH} deep; check the url")


def no_json(problem: str) -> NoPage:
    return NoPage(f"the response is not whole JSON ({problem})")
