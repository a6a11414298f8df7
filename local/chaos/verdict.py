"""What the rounds come to: what is wrong with one, a line about it for people, and the last line for scripts.

Enters: outcomes. Leaves: text.
"""

from collections.abc import Sequence

from local.chaos.fault import Fault
from local.chaos.round import Outcome


def problems(outcome: Outcome) -> list[str]:
    """Every promise that this round has broken; none, if all is well."""
    found, bound, status = outcome.found, outcome.bound, outcome.status
    wrong, repeated = [], outcome.harm.faults[Fault.REPEATED]
    if status["status"] not in ("completed", *(["completed_with_other_total"] if repeated else [])):
        wrong.append(f"the run ended as {status['status']}: {status['error'] or status['report']}"[:500])
    wrong += [f"{name}={getattr(found, name)}" for name in ("lost", "foreign") if getattr(found, name)]
    if found.duplicates > bound:
        wrong.append(f"duplicates={found.duplicates}, and what was done to it explains {bound}")
    report = status["report"] or status["progress"]
    accounted = report["enqueued"] + report["rejected"] + report["failed"] + report.get("pending", 0)
    if report["fetched"] != accounted:
        wrong.append(f"the counts do not add up: {report}")
    if not outcome.plan.ids <= report["fetched"] <= outcome.plan.ids + repeated:
        wrong.append(f"fetched={report['fetched']} of {outcome.plan.ids}, of which the source repeated {repeated}")
    sent_twice, admitted = found.enqueued - report["enqueued"], report.get("possible_duplicates", 0)
    if not 0 <= sent_twice <= admitted:
        said = f"enqueued={report['enqueued']} and possible_duplicates={admitted}"
        wrong.append(f"the report says {said}, the queue holds {found.enqueued}")
    return wrong


def describe(outcome: Outcome) -> str:
    """The round in one line."""
    plan, harm, found = outcome.plan, outcome.harm, outcome.found
    recoveries = (outcome.status["report"] or {}).get("recoveries", [])
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(harm.faults.items()) if count)
    return (
        f"round {plan.number:>3}: {plan.ids:,} ids in chunks of {plan.chunk_size}, {harm.kills} kills, "
        f"{harm.exits_in_turns} worker exits in turns and {harm.exits_in_activities} in activities, "
        f"{harm.timeouts} timeouts, {harm.restarts} restarts of storage, {harm.losses} losses of state, "
        f"{faults or 'no faults'}; "
        f"{outcome.status['status']} after {len(recoveries)} recoveries and "
        f"{outcome.seconds:.1f} s, lost {found.lost}, duplicates {found.duplicates} of at most {outcome.bound}"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """The last line of rounds that all went well."""
    harms = [outcome.harm for outcome in outcomes]
    return (
        f"CHAOS OK rounds={len(outcomes)} kills={sum(harm.kills for harm in harms)} "
        f"exits_in_turns={sum(harm.exits_in_turns for harm in harms)} "
        f"exits_in_activities={sum(harm.exits_in_activities for harm in harms)} "
        f"timeouts={sum(harm.timeouts for harm in harms)} restarts={sum(harm.restarts for harm in harms)} "
        f"faults={sum(harm.faults.total() for harm in harms)} ids={sum(outcome.plan.ids for outcome in outcomes)} "
        f"lost={sum(outcome.found.lost for outcome in outcomes)} "
        f"duplicates={sum(outcome.found.duplicates for outcome in outcomes)} "
        f"bound={sum(outcome.bound for outcome in outcomes)}"
    )
