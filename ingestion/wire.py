"""Encode and decode what crosses the durable boundary: records on one side, plain dicts on the other.

A field with its default value is left out, which shortens the history of a run by a fifth. So the default of a field
must not change while a run of an earlier version may be in flight. Decoding ignores unknown keys, so that such a run
survives newer code.
"""

from typing import Any, TypeVar

from pydantic import TypeAdapter

Record = TypeVar("Record")
JsonObject = dict[str, Any]

_adapters: dict[type[Any], TypeAdapter[Any]] = {}  # one per record class, made at its first use


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def to_wire(record: Any) -> JsonObject:
    """Return a record of `ingestion.contracts` as a plain dict for JSON."""
    wire = _adapter(type(record)).dump_python(record, mode="json", exclude_defaults=True)
    assert isinstance(wire, dict)
    return wire


def from_wire(kind: type[Record], data: Any) -> Record:
    """Return the record from a result of `to_wire`. Raise pydantic.ValidationError, which names the field."""
    record: Record = _adapter(kind).validate_python(data)
    return record
