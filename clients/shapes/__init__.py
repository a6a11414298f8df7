"""The shapes of all answers and bodies of the HTTP API; `docs/openapi.json` is generated from them.

A field whose name does not explain it has a docstring. Times are RFC 3339 in UTC, durations are in seconds.
"""

from clients.shapes.of_change import Commanded, Deleted, DurableUrls, Followed, WatermarkGiven, WatermarkShown
from clients.shapes.of_ledger import (
    FailureGroup,
    Failures,
    Queue,
    Queues,
    Rejected,
    RejectExample,
    RejectGroup,
    Timeline,
    TimelineEvent,
    TimelinePoint,
)
from clients.shapes.of_list import ParameterShown, Runs, Sources, SourceShown, Summary
from clients.shapes.of_plan import Expected, PlanAnswer, PlannedMessage, PlannedTransactions, PlanProblem
from clients.shapes.of_run import (
    Carried,
    ChunkFailed,
    Chunks,
    Estimate,
    Progress,
    Rate,
    Reading,
    Recovery,
    Report,
    Run,
    Sending,
    Warned,
)
from clients.shapes.shape import Action, Count, Outcome, Problem, Seconds, Shape, Status, Time

__all__ = [
    "Action",
    "Carried",
    "ChunkFailed",
    "Chunks",
    "Commanded",
    "Count",
    "Deleted",
    "DurableUrls",
    "Estimate",
    "Expected",
    "FailureGroup",
    "Failures",
    "Followed",
    "Outcome",
    "ParameterShown",
    "PlanAnswer",
    "PlanProblem",
    "PlannedMessage",
    "PlannedTransactions",
    "Problem",
    "Progress",
    "Queue",
    "Queues",
    "Rate",
    "Reading",
    "Recovery",
    "RejectExample",
    "RejectGroup",
    "Rejected",
    "Report",
    "Run",
    "Runs",
    "Seconds",
    "Sending",
    "Shape",
    "SourceShown",
    "Sources",
    "Status",
    "Summary",
    "Time",
    "Timeline",
    "TimelineEvent",
    "TimelinePoint",
    "Warned",
    "WatermarkGiven",
    "WatermarkShown",
]
