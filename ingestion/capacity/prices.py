"""The price table: Azure's prices for requests, GB-seconds and executions, each with its region, day and source.

Input: a TOML file such as `prices.toml` in this folder. Output: the money that a run costs. A kind without a price is
left out of the sum and named.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from ingestion.errors import InvalidInput
from ingestion.validation import Table, invalid_input
from ingestion.wire import JsonObject

FILE = Path(__file__).with_name("prices.toml")

Kind = Literal[
    "queue_operations",
    "table_operations",
    "blob_writes",
    "blob_reads",
    "blob_lists",
    "blob_other",
    "gb_seconds",
    "executions",
    "always_ready_gb_seconds",
    "durable_actions",
]


class Price(Table):
    """The `price` of `per` units of a kind, as a person has read it in `source` on the day `read`."""

    price: Annotated[float, Field(ge=0)]
    per: Annotated[int, Field(ge=1)]
    region: str
    read: date
    source: str


class Money(NamedTuple):
    """An estimate of money: the sum, its parts, the kinds without a price, and what it is based on."""

    currency: str
    total: float
    parts: Mapping[Kind, float]
    without: Sequence[Kind]
    rests_on: str

    def as_json(self) -> JsonObject:
        """Return the estimate with four significant digits, for an HTTP answer."""
        parts = {kind: rounded(amount) for kind, amount in self.parts.items()}
        return {**self._asdict(), "total": rounded(self.total), "parts": parts, "without": [*self.without]}


class Prices(NamedTuple):
    """A currency, and a price for each kind."""

    currency: str
    of: Mapping[Kind, Price]

    def money(self, quantities: Mapping[Kind, float]) -> Money:
        """Return the money for these quantities."""
        parts = {
            kind: count * self.of[kind].price / self.of[kind].per
            for kind, count in quantities.items()
            if count and kind in self.of
        }
        without = [kind for kind, count in quantities.items() if count and kind not in self.of]
        return Money(self.currency, sum(parts.values()), parts, without, self._rests_on(*parts))

    def _rests_on(self, *kinds: Kind) -> str:
        used = [self.of[kind] for kind in kinds] or [*self.of.values()]
        regions, last = ", ".join(sorted({one.region for one in used})), max((one.read for one in used), default=None)
        return f"list prices of {regions} as read on {last}, without discount, tax and free grants: check them"


def load_prices(file: Path | None = None, field: str = "SLUICE_PRICES") -> Prices:
    """Return the price table in a file, by default the app's own.

    Raise InvalidInput if it cannot be used; `field` is the app setting or option that names the file.
    """
    allowed = "a TOML file like ingestion/capacity/prices.toml"
    try:
        given = tomllib.loads((file or FILE).read_text(encoding="utf-8"))
        currency = str(given.pop("currency", ""))
        prices = TypeAdapter(dict[Kind, Price]).validate_python(given)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(field, f"{file} cannot be read: {error}", allowed) from None
    except ValidationError as error:
        found = invalid_input(error)
        raise InvalidInput(field, f"{file}: {found.field}: {found.problem}", found.allowed or allowed) from None
    if not currency or not prices:
        raise InvalidInput(field, f"{file} has no currency or no price", allowed)
    return Prices(currency, prices)


def rounded(amount: float) -> float:
    """Return an amount of money with four significant digits."""
    return float(f"{amount:.4g}")
