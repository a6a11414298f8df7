"""What one run reads of its source: a range, and the parameters. It is fixed at the start of the run."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """The range [since, until), and the parameters; part of `request.json` if the source has either.

    `since` and `until` are times in RFC 3339 and UTC, or decimal numbers. If the source carries a token, `since` is
    that token, with names in place of its secrets. `watermark` is the serial of the watermark that the run began with;
    None for a backfill, which does not move the watermark. `held` names a blob with digests of items that the previous
    run has taken; this run drops these items if they come again.
    """

    since: str | None = None
    until: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    backfill: bool = False
    watermark: int | None = None
    held: str | None = None
    token: bool | None = None  # whether `since` is a token, which must not be shown
