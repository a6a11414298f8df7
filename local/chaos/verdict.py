"""The verdict: what is wrong with a round, a line about it for people, and the last line for scripts.

Input: outcomes. Output: text.
"""

from collections.abc import Sequence

from local.chaos.bound import CRASHES
from local.chaos.fault import Fault
from local.chaos.round import Outcome


def problems(outcome: Outcome) -> list[str]:
    """Return the promises that this round has broken."""
    found, bound, status = outcome.found, outcome.bound, outcome.status
    wrong, repeated = [], outcome.faults[Fault.REPEATED]
    if status["status"] not in ("completed", *(["completed_with_other_total"] if repeated else [])):
        wrong.append(f"the run ended as {status['status']}: {status['error'] or status['report']}"[:500])
    wrong += [f"{name}={getattr(found, name)}" for name in ("lost", "foreign") if getattr(found, name)]
    if found.duplicates > bound:
        wrong.append(f"duplicates={found.duplicates}, but the strikes and faults explain at most {bound}")
    report = status["report"] or status["progress"]
    accounted = report["enqueued"] + report["rejected"] + report["failed"] + report.get("pending", 0)
    if report["fetched"] != accounted:
        wrong.append(f"the counts do not add up: {report}")
    if not outcome.plan.ids <= report["fetched"] <= outcome.plan.ids + repeated:
        wrong.append(f"fetched={report['fetched']} of {outcome.plan.ids}, of which the source repeated {repeated}")
    sent_twice, admitted = found.enqueued - report["enqueued"], report.get("possible_duplicates", 0)
    if not 0 <= sent_twice <= admitted:
        said = f"enqueued={report['enqueued']} and possible_duplicates={admitted}"
        wrong.append(f"the report says {said}, but the queue holds {found.enqueued}")
    return wrong


def describe(outcome: Outcome) -> str:
    """Return the round in one line."""
    plan, found = outcome.plan, outcome.found
    recoveries = (outcome.status["report"] or {}).get("recoveries", [])
    met = [f"{count} {name}" for name, count in sorted([*outcome.harm.items(), *outcome.faults.items()]) if count]
    return (
        f"round {plan.number:>3}: {plan.ids:,} ids in chunks of {plan.chunk_size}, {', '.join(met)}; "
        f"{outcome.status['status']} after {len(recoveries)} recoveries and "
        f"{outcome.seconds:.1f} s, lost {found.lost}, duplicates {found.duplicates} of at most {outcome.bound}"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the last line if all rounds succeeded."""
    sums = {
        "rounds": len(outcomes),
        **{name: sum(outcome.harm[name] for outcome in outcomes) for name in CRASHES},
        "faults": sum(outcome.faults.total() for outcome in outcomes),
        "ids": sum(outcome.plan.ids for outcome in outcomes),
        "lost": sum(outcome.found.lost for outcome in outcomes),
        "duplicates": sum(outcome.found.duplicates for outcome in outcomes),
        "bound": sum(outcome.bound for outcome in outcomes),
    }
    return "CHAOS OK " + " ".join(f"{name}={number}" for name, number in sums.items())
