"""One message onto one queue: tried again for as long as that can help, and not longer.

Enters: a shard and the body of a request. Leaves: nothing if the queue has confirmed the message; else an error that
says whether the message, the queue, or the time is the problem.
"""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from ingestion.errors import StorageRefused
from ingestion.sending.connection import Answer, AnswerLost, NotSent
from ingestion.sending.shard import Shard

REQUEST_SECONDS = 30.0
LEAST_SECONDS = 2.0  # for a request that is sent just before the deadline: an answer not waited for is a doubt
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
CREATED = 201

_OF_THE_MESSAGE = frozenset({"RequestBodyTooLarge", "MessageTooLarge", "InvalidXmlNodeValue", "InvalidXmlDocument"})
_ADVICE = {
    400: "the queue refused the request's form; check SLUICE_MESSAGE_TTL_SECONDS and SLUICE_MESSAGE_DELAY_SECONDS",
    401: "check AzureWebJobsStorage, or that the app's identity belongs to the tenant of the storage account",
    403: "check AzureWebJobsStorage, or give the app's identity the role Storage Queue Data Contributor "
    "or Storage Queue Data Message Sender",
    404: "the queue does not exist; it is made when a run starts and must not be deleted while it goes on",
}


class MessageRefused(Exception):
    """The queue takes other messages, but not this one."""


class OutOfTime(Exception):
    """The deadline came before an answer that counts; the text is the last problem."""


@dataclass(slots=True)
class Effort:
    """What it took: retries and the last reason for one, messages that may be there twice, and the time that requests
    waited because the queue had refused some, summed over those that waited at the same time.
    """

    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    last_problem: str | None = None


async def put_message(
    shard: Shard, body: bytes, effort: Effort, deadline: float, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Put one message on the queue of `shard`, trying until `deadline` (of `time.monotonic`) or until `stopped`.

    Raises StorageRefused if no further attempt can help, MessageRefused if only this message is at fault, OutOfTime.
    """
    attempt, turned_away = 0, False
    while True:
        if wait := shard.rate.turn(monotonic()):
            if monotonic() + wait > deadline:
                raise OutOfTime("the queue is too busy to take the message in time")
            effort.throttled_seconds += wait if shard.rate.is_limited else 0.0
            await asyncio.sleep(wait)
        try:
            answer = await shard.put(body, min(REQUEST_SECONDS, max(LEAST_SECONDS, deadline - monotonic())))
            if answer.status == CREATED:
                shard.rate.accepted()
                return
            failure = _failure(answer)
        except NotSent as error:
            failure = Failure(problem=f"the queue cannot be reached ({error})")
        except AnswerLost as error:
            failure = Failure(problem=f"the queue did not answer ({error})", in_doubt=True)
        if failure.busy:
            shard.rate.refused()
        if failure.in_doubt:
            effort.possible_duplicates += 1
        if failure.access and not turned_away:
            turned_away = True  # once: what let us in may have run out on the way, and the next attempt brings it anew
        elif failure.final is not None:
            raise failure.final(failure.problem)
        wait = max(failure.wait_seconds, _backoff_seconds(attempt))
        if monotonic() + wait > deadline or stopped():
            raise OutOfTime(failure.problem)
        attempt += 1
        effort.retries += 1
        effort.last_problem = failure.problem
        effort.throttled_seconds += wait if failure.busy else 0.0
        await asyncio.sleep(wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt that failed; `final` is the error if another cannot help, `in_doubt` says that it may be stored."""

    problem: str
    wait_seconds: float = 0.0
    busy: bool = False
    in_doubt: bool = False
    access: bool = False
    final: type[Exception] | None = None


def _failure(answer: Answer) -> Failure:
    """What an answer other than 201 means."""
    status, found = answer.status, re.search(rb"<Code>(\w+)</Code>", answer.body)
    code = found[1].decode() if found else answer.header("x-ms-error-code")
    about = f"the queue answered HTTP {status}{f' ({code})' if code else ''}"
    if status in (408, 429) or status >= 500:
        busy = status == 429 or (status == 503 and code in ("", "ServerBusy"))
        wait = _retry_after_seconds(answer)
        return Failure(problem=about, wait_seconds=wait, busy=busy, in_doubt=not busy)
    final = MessageRefused if code in _OF_THE_MESSAGE else StorageRefused
    problem = f"{about}: {_ADVICE.get(status, 'nothing that Sluice knows of')}"
    return Failure(problem=problem, access=status in (401, 403), final=final)


def _backoff_seconds(attempt: int) -> float:
    bound = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 10))
    return random.uniform(bound / 2, bound)


def _retry_after_seconds(answer: Answer) -> float:
    text = answer.header("Retry-After")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0
