"""Shapes of the HTTP API: the parts that all shapes share, and the shape of an error."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Action = Literal["pause", "resume", "cancel", "redrive", "delete"]
Outcome = Literal[
    "failed",
    "cancelled",
    "terminated",
    "completed_with_failures",
    "completed_with_rejects",
    "completed_with_other_total",
    "completed",
]
Status = (
    Outcome
    | Literal["pending", "running", "waiting", "pausing", "paused", "held", "suspended", "cancelling", "ending", "lost"]
)


class Shape(BaseModel):
    """The base of all shapes. An answer has no field that its shape does not declare."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Problem(Shape):
    """Problem details (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What is wrong, where, and what to do."""
    field: str
    """The field, parameter, header or app setting; or `(body)`, `(storage)` or `(durable)` as a whole."""
    allowed: str = ""
    """What is allowed, unless `detail` already says so."""
