"""Put one message on one queue, and retry as long as that can help.

The type of the error says whether the message, the queue or the time is the problem.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from ingestion.errors import StorageRefused
from ingestion.sending.connection import Answer, AnswerLost, NotSent
from ingestion.sending.shard import Shard

REQUEST_SECONDS = 30.0
LEAST_SECONDS = 2.0  # that a request gets even just before the deadline: without an answer the message is in doubt
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
CREATED = 201

# Error codes of a queue that takes other messages, but not this one.
_OF_THE_MESSAGE = frozenset({"RequestBodyTooLarge", "MessageTooLarge", "InvalidXmlNodeValue", "InvalidXmlDocument"})
_ADVICE = {
    400: "the queue refused the request's form; check SLUICE_MESSAGE_TTL_SECONDS and SLUICE_MESSAGE_DELAY_SECONDS",
    401: "check {0}, and that the app's identity and the account belong to the same tenant",
    403: "check {0} (key, signature), or the role Storage Queue Data Message Sender",
    404: "the queue does not exist; it is created when a run starts and must not be deleted before the run ends",
}


class MessageRefused(Exception):
    """The queue takes other messages, but not this one."""


class OutOfTime(Exception):
    """The deadline passed before the queue took or refused the message; the text is the last problem."""


@dataclass(slots=True)
class Effort:
    """The effort of sending: retries and their last reason, messages that may be on the queue twice, and the seconds
    that requests waited for a busy queue (the sum over all requests, even parallel ones).
    """

    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    last_problem: str | None = None


async def at_once(in_doubt: bool) -> None:
    """Allow the next put at once: the default for `again`."""


async def put_message(
    shard: Shard,
    body: bytes,
    effort: Effort,
    deadline: float,
    stopped: Callable[[], bool] = lambda: False,
    again: Callable[[bool], Awaitable[None]] = at_once,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Put one message on the queue of `shard`, trying until `deadline` (of `time.monotonic`) or until `stopped`.

    Before each further put, await `again`; its argument says whether the last put is in doubt. `sleep` may end early
    once `stopped`. Raise StorageRefused if no retry can help, MessageRefused if only this message is at fault, or
    OutOfTime.
    """
    attempt, turned_away = 0, False
    while True:
        if wait := shard.rate.turn(monotonic()):
            if monotonic() + wait > deadline:
                raise OutOfTime("the queue is too busy to take the message in time")
            effort.throttled_seconds += wait if shard.rate.is_limited else 0.0
            await sleep(wait)
            if stopped():
                raise OutOfTime("the chunk was stopped before its message was put")
        try:
            answer = await shard.put(body, min(REQUEST_SECONDS, max(LEAST_SECONDS, deadline - monotonic())))
            if answer.status == CREATED:
                shard.rate.accepted()
                return
            failure = _failure(answer, shard.setting)
        except NotSent as error:
            failure = Failure(problem=f"the queue cannot be reached ({error})")
        except AnswerLost as error:
            failure = Failure(problem=f"the queue did not answer ({error})", in_doubt=True)
        if failure.busy:
            shard.rate.refused()
        if failure.in_doubt:
            effort.possible_duplicates += 1
        if failure.access and not turned_away:
            turned_away = True  # retry once with a new grant: the old one may have expired during the request
        elif failure.final is not None:
            raise failure.final(failure.problem)
        wait = max(failure.wait_seconds, _backoff_seconds(attempt))
        if monotonic() + wait > deadline or stopped():
            raise OutOfTime(failure.problem)
        attempt += 1
        effort.retries += 1
        effort.last_problem = failure.problem
        effort.throttled_seconds += wait if failure.busy else 0.0
        await sleep(wait)
        await again(failure.in_doubt)
        if stopped():
            raise OutOfTime(failure.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed put. `final` is the error if no retry can help; `in_doubt` says that the message may be on the queue."""

    problem: str
    wait_seconds: float = 0.0
    busy: bool = False
    in_doubt: bool = False
    access: bool = False
    final: type[Exception] | None = None


def _failure(answer: Answer, setting: str) -> Failure:
    """Return the failure that an answer other than 201 means."""
    status, found = answer.status, re.search(rb"<Code>(\w+)</Code>", answer.body)
    code = found[1].decode() if found else re.sub(r"\W", "", answer.header("x-ms-error-code"))
    about = f"the queue answered HTTP {status}{f' ({code})' if code else ''}"
    if status in (408, 429) or status >= 500:
        busy = status == 429 or (status == 503 and code in ("", "ServerBusy"))
        wait = _retry_after_seconds(answer)
        return Failure(problem=about, wait_seconds=wait, busy=busy, in_doubt=not busy)
    final = MessageRefused if code in _OF_THE_MESSAGE else StorageRefused
    problem = f"{about}: {_ADVICE.get(status, 'an error that Sluice does not know').format(setting)}"
    return Failure(problem=problem, access=status in (401, 403), final=final)


def _backoff_seconds(attempt: int) -> float:
    bound = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt, 10))
    return random.uniform(bound / 2, bound)


def _retry_after_seconds(answer: Answer) -> float:
    text = answer.header("Retry-After")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0
