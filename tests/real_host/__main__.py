"""`python -m tests.real_host [PART ...]`: print how devhost compares with the real host.

The beginning of a part's name is enough; without one, all parts run.
"""

import sys

from tests.real_host.parts import PARTS, run
from tests.real_host.verdict import problems, summary


def main(wanted: list[str]) -> int:
    """Print one line for each part, then each difference that no entry explains; return the exit code."""
    chosen = [part for part in PARTS if part.startswith(tuple(wanted or [""]))]
    if not chosen:
        print(f"no part begins so; there are {', '.join(PARTS)}")
        return 2
    found: list[str] = []
    for part in chosen:
        rows = run(part)
        print(summary(part, rows), flush=True)
        found += problems(part, rows)
    print("", *found, sep="\n" if found else "")
    print(f"{len(found)} differences or entries that docs/devhost.md does not explain")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
