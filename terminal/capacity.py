"""`sluice capacity`: estimate time, instances, requests and money of runs, without an app or a source."""

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
@click.option("--ids", "sizes", type=Number(), multiple=True, help="Ids in a run; repeatable.  [default: 1e6 to 1e10]")
@click.option("--shards", type=int, help="Number of queues.  [default: 1]")
@click.option("--accounts", type=int, help="Number of storage accounts with these queues.  [default: 1]")
@click.option("--format", metavar="raw|envelope|packed", help="Message format.  [default: raw]")
@click.option("--backend", type=click.Choice(["storage", "dts"]), help="Where Durable Functions stores its state.")
@click.option("--message-bytes", type=float, help="Size of a message as JSON.  [default: 20]")
@click.option("--page-items", type=int, help="Items on a page.  [default: 1000]")
@click.option("--page-seconds", type=float, help="Seconds that the source takes for a page.  [default: 0.2]")
@click.option("--pages-at-once", type=int, help="The key parallel_fetches of the source.  [default: 1]")
@click.option("--pages-per-second", type=float, help="Pages that the source allows per second.")
@click.option("--chunk-size", type=int, help="The setting SLUICE_CHUNK_SIZE.")
@click.option("--chunks-per-batch", type=int, help="The setting SLUICE_CHUNKS_PER_BATCH.")
@click.option("--pack-messages", type=int, help="The setting SLUICE_PACK_MESSAGES.")
@click.option("--max-messages-per-second", type=float, help="The setting SLUICE_MAX_MESSAGES_PER_SECOND.")
@click.option("--workers", type=int, help="Number of instances.  [default: enough to keep the queues busy]")
@click.option("--memory-gb", type=float, help="Memory of an instance.  [default: 2]")
@click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), help="File with your own price table.")
@click.pass_obj
def capacity(session: Session, /, sizes: tuple[int, ...], **given: Any) -> int:
    """Estimate time, instances, requests and money of runs.

    It needs no app. The money is an estimate from list prices; docs/capacity.md explains the figures.
    """
    # Imported here: it takes a second, and few commands need it.
    from ingestion.capacity.forecast import SIZES, Asked, forecast
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
    """Return the lines below the table: what has no price, the exceeded bounds, the basis of the figures."""
    last, lines = found["runs"][-1]["money"], []
    if last["without"]:
        lines.append(f"without a price: {', '.join(last['without'])} (give one with --prices)")
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
