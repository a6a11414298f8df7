"""`sluice capacity`: time, instances, requests and money of runs of several sizes. It asks no app and no source."""

from pathlib import Path
from typing import Any

import click

from terminal.command import Command
from terminal.ending import Code, Trouble
from terminal.session import Session, row, table
from terminal.words import count, duration, one_line


class Number(click.ParamType[int]):
    """A whole number that may be written with an exponent or separators: 1e9, 10_000_000."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = float(str(value).replace(",", "").replace("_", ""))
        except ValueError:
            self.fail(f"{value!r} is not a number such as 1e9 or 250000")
        if not 1 <= number <= 1e13 or number != int(number):
            self.fail(f"{value!r} is not a whole number from 1 to 1e13")
        return int(number)


@click.command(cls=Command, example="sluice capacity --ids 1e9 --shards 8 --format packed --backend dts")
@click.option("--ids", "sizes", type=Number(), multiple=True, help="Ids of a run; repeatable. Without it, 1e6 to 1e10.")
@click.option("--shards", type=int, help="Queues; 1.")
@click.option("--accounts", type=int, help="Storage accounts that the queues lie in; 1.")
@click.option("--format", metavar="raw|envelope|packed", help="Of the messages; raw.")
@click.option("--backend", type=click.Choice(["storage", "dts"]), help="What keeps the state of Durable Functions.")
@click.option("--message-bytes", type=float, help="Of one message as JSON; 20.")
@click.option("--page-items", type=int, help="Items of a page; 1,000.")
@click.option("--page-seconds", type=float, help="That the source takes for a page; 0.2.")
@click.option("--pages-at-once", type=int, help="parallel_fetches of the source; 1.")
@click.option("--pages-per-second", type=float, help="That the source allows.")
@click.option("--chunk-size", type=int, help="As SLUICE_CHUNK_SIZE.")
@click.option("--chunks-per-batch", type=int, help="As SLUICE_CHUNKS_PER_BATCH.")
@click.option("--pack-messages", type=int, help="As SLUICE_PACK_MESSAGES.")
@click.option("--max-messages-per-second", type=float, help="As SLUICE_MAX_MESSAGES_PER_SECOND.")
@click.option("--workers", type=int, help="Instances; without it, as many as keep the queues busy.")
@click.option("--memory-gb", type=float, help="Of an instance; 2.")
@click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), help="A price table of your own.")
@click.pass_obj
def capacity(session: Session, /, sizes: tuple[int, ...], **given: Any) -> int:
    """Estimate time, instances, requests and money of runs, without any app.

    docs/capacity.md says what the figures rest on. Money is an estimate by list prices.
    """
    from ingestion.capacity.forecast import SIZES, Asked, forecast  # only here: no other command needs the app
    from ingestion.errors import InvalidInput

    try:
        found = forecast(sizes or SIZES, Asked(**{name: value for name, value in given.items() if value is not None}))
    except InvalidInput as error:
        raise Trouble(Code.USAGE, str(error)) from None
    rows = table(">ids", ">time", "limited by", ">instances", ">requests", ">GB-seconds", f">{_currency(found)}")
    for one in found["runs"]:
        money, limit = one["money"], one["limited_by"]
        requests = count(one["transactions"]["total"])
        shown = [f"{money['total']:,.2f}", "+ ?" if money["without"] else ""]
        cells = (duration(one["seconds"]), limit, one["instances"], requests, count(one["gb_seconds"]))
        row(rows, count(one["ids"]), *cells, " ".join(filter(None, shown)))
    session.data(found, rows, "", *_below(found))
    return Code.COMPLETED


def _currency(found: dict[str, Any]) -> str:
    return str(found["idle_30_days"]["currency"])


def _below(found: dict[str, Any]) -> list[str]:
    """Return the lines below the table: what has no price, which bounds are passed, and what all rests on."""
    last, lines = found["runs"][-1]["money"], []
    if last["without"]:
        lines.append(f"without a price: {', '.join(last['without'])} (name one with --prices)")
    first_at: dict[str, tuple[int, dict[str, str]]] = {}
    for one in found["runs"]:
        for bound in one["bounds"]:
            first_at.setdefault(bound["name"], (one["ids"], bound))
    for ids, bound in first_at.values():
        lines.append(f"from {count(ids)} ids: {bound['then']}: {bound['change']}")
    idle = found["idle_30_days"]
    lines.append(f"idle for 30 days, one always-ready instance: {idle['total']:,.2f} {idle['currency']}")
    lines += [f"rests on: {one_line(text)}" for text in (*found["rests_on"], last["rests_on"])]
    return lines
