"""The watermark of a source: how far its runs have read it, in a small blob beside the ledgers.

`watermarks/{slot}.json` is the watermark. `watermarks/{slot}/held/` has digests of items: the next run drops these
items if they come again. Each change raises the serial, and succeeds only if the serial is still the one that the
writer read. So a run moves the watermark only if nobody has changed it since the run began.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.chunking import chunk
from ingestion.contracts import Mark, Run
from ingestion.errors import Conflict
from ingestion.fetching.known import DIGEST_BYTES, Known
from ingestion.reads import Reads
from ingestion.source.description.forms import parse
from ingestion.storage.json_blob import change_json, read_json
from ingestion.wire import JsonObject, from_wire, to_wire

PREFIX = "watermarks/"
BELONGS_TO = ("url", *(f"incremental.{key}" for key in ("carry", "key", "key_form", "form", "read")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """`value` is None before the first run and after a reset; `serial` grows with each change.

    A token is stored with the names of secrets in their place; people see only its digest.
    """

    serial: int = 0
    value: str | None = None
    kind: str = "time"  # what the value is: "time", "number" or "token"
    held: str | None = None  # the blob with digests of the items that the last run held
    belongs_to: str | None = None  # the fingerprint of the keys of the description that give the value its meaning
    parameters: Mapping[str, str] = field(default_factory=dict)  # for people: the name of the blob has their digest
    written_by: str | None = None  # the run that completed last; None: a person changed it later
    start: str | None = None  # the start of the run `written_by`
    stayed: bool = False  # whether that run left the value as it was
    moved_by: str | None = None  # the run that gave the value; None: a person
    moved_at: str | None = None
    previous: str | None = None  # the value before
    previous_kind: str = "time"
    previous_held: str | None = None  # the blob before the last write, which an open run may still read

    @property
    def shown(self) -> str | None:
        """Return the value for people; a token as its digest."""
        return shown(self.value, is_token=self.kind == "token")

    @property
    def previous_shown(self) -> str | None:
        """Return the previous value for people; a token as its digest."""
        return shown(self.previous, is_token=self.previous_kind == "token")


def shown(value: str | None, *, is_token: bool) -> str | None:
    """Return a value for people; a token as its digest."""
    if value is None or not is_token:
        return value
    return f"token {hashlib.sha256(value.encode()).hexdigest()[:16]}"


def slot(source: str, parameters: Mapping[str, str]) -> str:
    """Return the name of a watermark: each set of parameters of a source has its own."""
    return f"{source}/{_digest(dict(parameters))}" if parameters else source


def belongs_to(described: Mapping[str, str]) -> str:
    """Return the fingerprint of the description that a value belongs to; `described` has the pinned keys."""
    return _digest({key: described.get(key) for key in BELONGS_TO})


def check(found: Watermark, described: Mapping[str, str], source: str) -> None:
    """Raise Conflict if the watermark belongs to another description of the source."""
    if found.value is not None and found.belongs_to not in (None, belongs_to(described)):
        path = f"/api/sources/{source}/watermark"
        raise Conflict(
            "source",
            f"its watermark belongs to another description: one of {', '.join(BELONGS_TO)} has changed",
            f"PUT {path} to say where to go on, or DELETE {path} to begin at incremental.start",
        )


async def read(container: ContainerClient, name: str) -> Watermark:
    """Return the watermark in the slot `name`; its value is None if nobody has written it yet."""
    found = await read_json(_blob(container, name))
    return Watermark() if found is None else from_wire(Watermark, found)


async def move(
    container: ContainerClient, run: Run, reads: Reads, mark: Mark, name: str, belongs: str, now: datetime
) -> Watermark:
    """Move the watermark after a completed run, unless it has changed since the run began; return what is there now.

    Never move it back. The digests for the next run are copied first, so a crash leaves either the whole change or
    none, and a second call does the rest.
    """
    found = await read(container, name)
    value = await _value_of(container, run, mark)
    if is_by(found, run) or found.serial != reads.watermark or value is None:
        return found
    is_back = mark.kind != "token" and found.value is not None and _mark(value, mark) < _mark(found.value, mark)
    digests, held = await _to_be_known(container, run, mark, found.held if is_back else None), None
    if digests:
        held = f"{PREFIX}{name}/held/{found.serial + 1:08}-{run.start}"
        await container.get_blob_client(held).upload_blob(digests, overwrite=True)
    new = replace(
        found,
        serial=found.serial + 1,
        held=held,
        belongs_to=belongs,
        parameters=reads.parameters,
        written_by=run.id,
        start=run.start,
        stayed=is_back or (found.kind, found.value) == (mark.kind, value),
        previous_held=found.held,
    )
    if not new.stayed:
        new = replace(
            new,
            value=value,
            kind=mark.kind,
            moved_by=run.id,
            moved_at=now.isoformat(),
            previous=found.value,
            previous_kind=found.kind,
        )
    there = await _replace(container, name, found, new)
    if is_by(there, run) and mark.held is not None:
        with suppress(ResourceNotFoundError):
            await container.delete_blob(run.folder + mark.held)
    return there


async def ages(container: ContainerClient) -> AsyncIterator[tuple[str, datetime]]:
    """Yield the slot of each watermark, and when it was last moved or set."""
    async for blob in container.list_blobs(name_starts_with=PREFIX):
        if "/held/" not in blob.name:
            yield blob.name.removeprefix(PREFIX).removesuffix(".json"), blob.last_modified


def is_by(found: Watermark, run: Run) -> bool:
    """Return whether this start of a run was the last to write the watermark, with or without a new value."""
    return (found.written_by, found.start) == run


async def give(
    container: ContainerClient, name: str, found: Watermark, value: Watermark, now: datetime
) -> Watermark | None:
    """Replace the watermark `found` with a person's `value`, which may be empty; return None if another was faster.

    To notice that, compare the whole watermark: that of another person would have the same serial.
    """
    new = replace(
        value,
        serial=found.serial + 1,
        moved_at=now.isoformat(),
        previous=found.value,
        previous_kind=found.kind,
        previous_held=found.held,
    )
    there = await _replace(container, name, found, new)
    return there if there == new else None


async def _replace(container: ContainerClient, name: str, found: Watermark, new: Watermark) -> Watermark:
    """Replace `found` unless another was faster; return what is there. Delete digests that `new` does not name."""
    wire = to_wire(new)

    def unless_changed(there: JsonObject | None) -> JsonObject | None:
        return wire if (there or {}).get("serial", 0) == found.serial else None

    there = await change_json(_blob(container, name), unless_changed)
    if there is wire:
        async for blob in container.list_blob_names(name_starts_with=f"{PREFIX}{name}/held/"):
            if blob not in (new.held, new.previous_held):
                with suppress(ResourceNotFoundError):
                    await container.delete_blob(blob)
    return Watermark() if there is None else from_wire(Watermark, there)


async def _to_be_known(container: ContainerClient, run: Run, mark: Mark, still: str | None) -> bytes:
    """Return the digests that the next run has to recognise: those from this run, and those in the blob `still`.

    If the watermark stays, the next run may read items again that this run has not seen.
    """
    digests = b"" if mark.held is None else await _bytes(container, run.folder + mark.held)
    if still is not None:
        with suppress(ResourceNotFoundError):
            digests += await asyncio.to_thread(_others, await _bytes(container, still), digests)
    return digests


def _others(digests: bytes, known: bytes) -> bytes:
    """Return the digests in `digests` that are not in `known`."""
    there = Known()
    there.add_digests(known)
    return b"".join(one for one in chunk(digests, DIGEST_BYTES) if not there.has(one))


async def _value_of(container: ContainerClient, run: Run, mark: Mark) -> str | None:
    return mark.value if mark.blob is None else (await _bytes(container, run.folder + mark.blob)).decode()


async def _bytes(container: ContainerClient, name: str) -> bytes:
    download = await container.get_blob_client(name).download_blob()
    return bytes(await download.readall())


def _mark(value: str, mark: Mark) -> Decimal:
    return parse(value, "number" if mark.kind == "number" else "rfc3339")


def _digest(value: Mapping[str, str | None]) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()


def _blob(container: ContainerClient, name: str) -> BlobClient:
    return container.get_blob_client(f"{PREFIX}{name}.json")
