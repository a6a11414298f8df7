"""Shapes of the HTTP API: what a run would do."""

from typing import Annotated

from pydantic import Field

from clients.shapes.shape import Shape


class PlannedMessage(Shape):
    """A queue message as a run would send it."""

    key: Annotated[str, Field(description="The key of its first message; a run fills in {run} and {start}.")]
    text: Annotated[str, Field(description="The text before encoding, as a consumer reads it; cut if it is long.")]
    sent: Annotated[str, Field(description="The text after encoding, as it is sent; cut if it is long.")]
    bytes: Annotated[int, Field(ge=0, description="The size as sent; a queue takes 65,536 bytes.")]
    messages: Annotated[int, Field(ge=1, description="How many messages it holds: more than one if it is a pack.")]


class PlannedTransactions(Shape):
    """Requests to storage by kind."""

    queue: int
    blob_writes: int
    blob_reads: int
    blob_lists: int
    blob_other: int
    blob_deletes: int
    durable_queue: int
    durable_table: int
    total: int
    rests_on: str


class PlannedMoney(Shape):
    """The estimated cost of a run, by list prices."""

    currency: str
    total: Annotated[float, Field(ge=0)]
    parts: Annotated[dict[str, float], Field(description="The cost of each priced part.")]
    without: Annotated[
        list[str], Field(description="Parts without a price in the price table; the total leaves them out.")
    ]
    rests_on: str


class Expected(Shape):
    """The expected cost of a run. All fields but `rests_on` are null if the number of items is unknown."""

    pages: int | None
    items: int | None
    seconds: float | None
    instances: Annotated[int | None, Field(description="How many workers keep the queues busy.")]
    transactions: PlannedTransactions | None
    money: PlannedMoney | None
    rests_on: Annotated[str, Field(description="What these figures are based on, or why there are none.")]


class PlanProblem(Shape):
    """A reason why a run cannot work, or would lose messages."""

    field: Annotated[str, Field(description="The key in the sources file, or the app setting.")]
    message: str


class PlanAnswer(Shape):
    """What a run would do, judged by at most two pages of its source."""

    source: str
    items: Annotated[list[PlannedMessage], Field(max_length=3, description="The first messages.")]
    pages_read: Annotated[int, Field(ge=0, le=2)]
    page_items: Annotated[int | None, Field(description="How many items the first page has.")]
    next: Annotated[str | None, Field(description="What the request for the second page sends, and the first did not.")]
    total: Annotated[int | None, Field(description="How many items the source says that it has in all.")]
    end: Annotated[str, Field(description="How a run knows that the source has ended.")]
    expect: Expected
    problems: Annotated[list[PlanProblem], Field(description="Empty if there are none.")]
