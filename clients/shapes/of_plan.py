"""Of the shapes of the HTTP API: what a run would do."""

from typing import Annotated

from pydantic import Field

from clients.shapes.shape import Shape


class PlannedMessage(Shape):
    """A queue message as it would be sent."""

    key: Annotated[str, Field(description="of its first message; {run} and {start} stand for those of a run")]
    text: Annotated[str, Field(description="as a consumer gets it, before encoding; cut where it is long")]
    sent: Annotated[str, Field(description="as it is sent, after encoding; cut where it is long")]
    bytes: Annotated[int, Field(ge=0, description="of what is sent; a queue takes 65,536")]
    messages: Annotated[int, Field(ge=1, description="that it holds; more than one in a pack")]


class PlannedTransactions(Shape):
    """Requests to storage, by kind."""

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
    """An estimate of what a run costs, by list prices."""

    currency: str
    total: Annotated[float, Field(ge=0)]
    parts: Annotated[dict[str, float], Field(description="by what has a price")]
    without: Annotated[list[str], Field(description="what the price table has no price for; it is not in the total")]
    rests_on: str


class Expected(Shape):
    """What a run is expected to take; null where nothing tells how many items there are."""

    pages: int | None
    items: int | None
    seconds: float | None
    instances: Annotated[int | None, Field(description="workers that keep the queues busy")]
    transactions: PlannedTransactions | None
    money: PlannedMoney | None
    rests_on: Annotated[str, Field(description="the sentence that these figures rest on, or why there are none")]


class PlanProblem(Shape):
    """Why a run cannot work, or would lose messages."""

    field: Annotated[str, Field(description="the key in the sources file, or the app setting")]
    message: str


class PlanAnswer(Shape):
    """What a run would do, as at most two pages of its source show."""

    source: str
    items: Annotated[list[PlannedMessage], Field(max_length=3, description="the first messages")]
    pages_read: Annotated[int, Field(ge=0, le=2)]
    page_items: Annotated[int | None, Field(description="items of the first page")]
    next: Annotated[str | None, Field(description="what the request for the second page sends")]
    total: Annotated[int | None, Field(description="items of the whole source, as it says itself")]
    end: Annotated[str, Field(description="what is taken for the end of the source")]
    expect: Expected
    problems: Annotated[list[PlanProblem], Field(description="empty where there is none")]
