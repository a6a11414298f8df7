"""At the end of a run, move the watermark of its source if the outcome allows that, and report what was done."""

from datetime import datetime

from ingestion.contracts import RunState
from ingestion.run import run_state, watermark
from ingestion.run.ledger import Ledger
from ingestion.run.pinned import description_in
from ingestion.run.request import reads_of
from ingestion.run.watermark import Watermark
from ingestion.wire import JsonObject

MOVES = ("completed", "completed_with_rejects")  # outcomes that move the watermark, because nothing is left to do


async def carry(ledger: Ledger, request: JsonObject, state: RunState, outcome: str, now: datetime) -> JsonObject | None:
    """Move the watermark; return the report's entry about the range that the run read, None if the run read no range.

    A second call does no harm: the watermark names the start of the run that wrote it last.
    """
    reads = reads_of(request)
    if reads is None or (reads.watermark is None and not reads.backfill):
        return None
    facts: JsonObject = {
        "from": watermark.shown(reads.since, is_token=bool(reads.token)),
        "to": reads.until,
        "known": state.known,
        "outside": state.outside,
        "moved": False,
    }
    if reads.backfill or reads.watermark is None:
        return {**facts, "reason": "a backfill leaves the watermark alone"}
    source, mark = state.request.source, state.mark
    name = watermark.slot(source, reads.parameters)
    if outcome not in MOVES or mark is None:
        there = await watermark.read(ledger.container, name)
        if watermark.is_by(there, ledger.run):  # this start had completed before
            return {**facts, **_written(there)}
        what = "a redrive that completes moves it"
        if run_state.redriven(state) is None:
            what = "nothing is left for a redrive, and the next run reads the range again"
        return {**facts, "watermark": there.shown, "reason": f"the run is {outcome}: {what}"}
    belongs = watermark.belongs_to(description_in(request.get("pinned", {}), source))
    there = await watermark.move(ledger.container, ledger.run, reads, mark, name, belongs, now)
    if not watermark.is_by(there, ledger.run):
        return {**facts, "watermark": there.shown, "reason": _reason(there, reads.watermark)}
    return {**facts, **_written(there)}


def _written(there: Watermark) -> JsonObject:
    """Return what the run that wrote the watermark did to its value."""
    if there.stayed:
        return {"watermark": there.shown, "reason": "no item of the range is newer than the watermark"}
    return {"moved": True, "watermark": there.shown}


def _reason(there: Watermark, began_with: int) -> str:
    if there.serial == began_with:
        return "no item came"
    by = "a person has changed it" if there.written_by is None else f"run {there.written_by} has moved it"
    return f"{by} since this run began"
