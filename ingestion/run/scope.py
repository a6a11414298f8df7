"""What a run reads of its source, decided from its request, the watermark, and the time of its start."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ingestion.errors import InvalidInput, shown
from ingestion.reads import Reads
from ingestion.run.watermark import Watermark
from ingestion.source.description import Source
from ingestion.source.description.forms import EXAMPLES, canonical_form
from ingestion.source.description.incremental import Incremental


def given_parameters(source: Source, given: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each parameter of a source. Raise InvalidInput for one that is missing or not allowed."""
    for name in given:
        if name not in source.parameters:
            known = ", ".join(source.parameters) or "none"
            raise InvalidInput(f"parameters.{shown(name)[1:-1]}", "the source has no such parameter", known)
    values = {}
    for name, parameter in source.parameters.items():
        value = given.get(name, parameter.default)
        if value is None or not parameter.takes(value):
            problem = "missing" if value is None else f"{shown(value)} is not allowed"
            raise InvalidInput(f"parameters.{name}", problem, parameter.what)
        values[name] = value
    return values


def reads_of_run(
    source: Source, since: Any, until: Any, parameters: Mapping[str, str], watermark: Watermark, now: datetime
) -> Reads | None:
    """Return what a run that starts `now` reads; None if it reads the whole source.

    With `since` or `until` the run is a backfill: it reads that range and does not move the watermark. Raise
    InvalidInput if the source has no such range.
    """
    incremental = source.incremental
    if since is not None or until is not None:
        return _backfill(source, since, until, parameters, now)
    if incremental is None:
        return Reads(parameters=parameters) if parameters else None
    begins, ends = watermark.value, None
    if incremental.orders:
        if begins is None:
            begins = incremental.text(incremental.floor(incremental.first))
        else:
            begins = incremental.text(incremental.again_from(incremental.mark(begins)))
    if incremental.has_until:
        ends = incremental.text(max(_latest(source, incremental, now), incremental.mark(begins or "")))
    return Reads(
        since=begins,
        until=ends,
        parameters=parameters,
        watermark=watermark.serial,
        held=watermark.held,
        token=not incremental.orders or None,
    )


def _backfill(source: Source, since: Any, until: Any, parameters: Mapping[str, str], now: datetime) -> Reads:
    incremental, field = source.incremental, "to" if since is None else "from"
    if incremental is None:
        problem = "the source has no range of times or numbers"
        raise InvalidInput(field, problem, "to leave it out; or describe incremental in the sources file")
    if not incremental.orders:
        problem = "the source carries a token, which has no range of times or numbers"
        raise InvalidInput(field, problem, "to leave it out; or DELETE the watermark to read everything")
    if until is not None and not source.sends_until and incremental.key is None:
        raise InvalidInput("to", "the description neither sends {to} nor has incremental.key", "to leave it out")
    begins = incremental.floor(incremental.first if since is None else given_mark(incremental, since, "from"))
    ends = None
    if until is not None:
        ends = given_mark(incremental, until, "to")
        ends = incremental.floor(ends) if source.sends_until else ends
    elif incremental.has_until:
        ends = _latest(source, incremental, now)
    if ends is not None and ends <= begins:
        allowed = f"later than {incremental.text(begins)}"
        if incremental.form in ("date", "rfc2822", "epoch_seconds", "json_date"):
            allowed += f", even after rounding down to the form {incremental.form}"
        raise InvalidInput("to" if until is not None else "from", "the range is empty", allowed)
    return Reads(
        since=incremental.text(begins),
        until=None if ends is None else incremental.text(ends),
        parameters=parameters,
        backfill=True,
    )


def given_mark(incremental: Incremental, value: Any, field: str) -> Decimal:
    """Return the mark in `field` of a request. Raise InvalidInput."""
    try:
        return incremental.mark(incremental.given(value))
    except (ValueError, OverflowError) as error:
        raise wrong_mark(incremental, value, field, str(error)) from None


def wrong_mark(incremental: Incremental, value: Any, field: str, problem: str) -> InvalidInput:
    """Return the error for a wrong mark in `field` of a request."""
    example = EXAMPLES[canonical_form(incremental.form)]
    return InvalidInput(field, f"{shown(value)}: {problem}", f"such as {example}")


def _latest(source: Source, incremental: Incremental, now: datetime) -> Decimal:
    """Return the end of the range of a run that starts `now`; newer items belong to the next run."""
    latest = incremental.mark(now.replace(microsecond=0).isoformat()) - incremental.lag
    return incremental.floor(latest) if source.sends_until else latest
