"""The details in GET /api/runs/{run_id} beside status, progress and report: rates, chunks, source, queues.

If storage does not answer in time, a detail is null or incomplete.
"""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from azure.storage.blob.aio import ContainerClient

from clients.brief_cache import BriefCache
from ingestion.contracts import RunState, Settled
from ingestion.moment import moment
from ingestion.run import estimate, run_state
from ingestion.run.actions import actions
from ingestion.run.command import accepted_change
from ingestion.run.estimate import Paces, Point
from ingestion.run.failed import chunk_of, failed_chunks
from ingestion.run.ledger import Ledger
from ingestion.run.pinned import sent_as
from ingestion.run.request import read_request
from ingestion.run.strip import strip
from ingestion.run.timeline import Timelines
from ingestion.settings import Settings, load_settings
from ingestion.source.description import described, load_source
from ingestion.transactions import of_run
from ingestion.wire import JsonObject

LOOK_SECONDS = 5.0  # the longest read of storage for one detail
AT_WORK = ("pending", "running", "pausing", "cancelling")
PACES, KEPT, TIMELINES = Paces(), BriefCache(), Timelines()  # of this process


async def with_details(
    container: ContainerClient, run: JsonObject, state: RunState | None, sent: Iterable[Settled] = ()
) -> JsonObject:
    """Return the run with its details: null if `state` is None, because another version of the app wrote it."""
    details: JsonObject = dict.fromkeys(("rate", "estimate", "chunks", "reading", "sending", "transactions"))
    last = state
    if state is not None and run["status"] in run_state.OUTCOMES:
        last = await _last_state(container, state)
        state = last or state
    can_redrive = last is not None and run_state.can_redrive(last)
    run = {**run, "ended_at": _ended_at(run), "actions": actions(run["status"], can_redrive=can_redrive)}
    if state is not None:
        sums = run_state.counted(state)
        more = {"pages": state.pages, "retries": sums.retries, "throttled_seconds": sums.throttled_seconds}
        progress = {**(run["progress"] or {}), **more, "possible_duplicates": sums.possible_duplicates}
        run = {**run, "progress": progress}
        details |= _pace(run, state)
        details["chunks"] = await _strip(container, run, state, sent)
        facts = await KEPT.get(("facts", state.run), lambda: _facts(container, state))
        details["reading"], details["sending"], settings = facts
        details["reading"] = {**details["reading"], "pages": state.pages}
        details["transactions"] = None if settings is None else _transactions(run, state, settings)
        details["sending"] = {**details["sending"], **{name: more[name] for name in ("retries", "throttled_seconds")}}
    order = ("run_id", "source", "status", "started_at", "updated_at", "ended_at", "actions", "progress")
    return {**{name: run[name] for name in order}, **details, "report": run["report"], "error": run["error"]}


def _ended_at(run: JsonObject) -> str | None:
    return run["report"].get("finished_at") if run["report"] else None


async def _last_state(container: ContainerClient, state: RunState) -> RunState | None:
    """Return the last state of a run that has ended; `state`, from the instance, is one window older.

    Return None if storage does not answer.
    """
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await Ledger(container, state.run).state() or state
    except Exception:
        return None


def _pace(run: JsonObject, state: RunState) -> JsonObject:
    progress, status = run["progress"], run["status"]
    point = Point(
        datetime.fromisoformat(_ended_at(run) or progress["counts_at"]), progress["enqueued"] + progress["rejected"]
    )
    points = PACES.with_point(state.run, point)
    moves = status in estimate.MOVING and not estimate.lacks_source(progress)
    now = estimate.rate_now(points) if moves else None
    overall = estimate.rate_overall(state.started_at, point)
    return {
        "rate": {"now": now, "overall": overall},
        "estimate": estimate.estimate(state, status, progress, now, overall),
    }


async def _strip(container: ContainerClient, run: JsonObject, state: RunState, sent: Iterable[Settled]) -> JsonObject:
    failed, again = {one.number for one in state.failures}, set[int]()
    if state.redo is not None or state.failed.chunks > len(failed):
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                listed = await KEPT.get(
                    ("failed", state.run, state.attempt, state.window),
                    lambda: failed_chunks(Ledger(container, state.run), state),
                )
            numbers = {chunk_of(entry).number for entry in listed}
            failed, again = (failed, numbers - failed) if state.redo is not None else (numbers, again)
        except Exception:
            pass
    is_at_work = run["status"] in AT_WORK and run["report"] is None
    return strip(state, is_at_work=is_at_work, sent=sent, failed=failed, again=again)


def _transactions(run: JsonObject, state: RunState, settings: Settings) -> JsonObject:
    progress = run["progress"]
    until = moment(_ended_at(run) or progress["counts_at"])
    seconds = max(0.0, (until - moment(state.started_at)).total_seconds())
    done = {"enqueued": progress["enqueued"], "chunks": progress["chunks_done"]}
    return of_run(state, settings, seconds=seconds, **done).as_json()


async def _facts(container: ContainerClient, state: RunState) -> tuple[JsonObject, JsonObject, Settings | None]:
    """Return how the source is read, how messages are sent, and the settings; None or null for what is not known."""
    reading: JsonObject = dict.fromkeys(("style", "page_size", "page_size_got", "refused", "ended"))
    sending, settings = sent_as({}), None
    with suppress(Exception):
        source = load_source(load_settings().sources, state.request.source, os.environ)
        settings = described(load_settings(), state.request.source, os.environ).settings
        reading |= {"style": source.pagination.style, "page_size": source.pagination.limit}
    with suppress(Exception):
        async with asyncio.timeout(LOOK_SECONDS):
            life = await TIMELINES.read(container, state.run, state.started_at)
            reading |= {"page_size_got": life.page_size, "refused": life.refused, "ended": life.ended}
    with suppress(Exception):
        async with asyncio.timeout(LOOK_SECONDS):
            request = await read_request(container, state.run.id) or {}
            accepted = await accepted_change(Ledger(container, state.run))
            sending = sent_as(accepted.get("fields") or request.get("pinned", {}))
    return reading, sending, settings
