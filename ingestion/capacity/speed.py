"""How fast a worker, a queue and a storage account are, and where each figure comes from."""

from typing import NamedTuple


class Speed(NamedTuple):
    """What the time of a run rests on, beside its source. CPU is that of the one process that a Python worker is."""

    # Microsoft's targets for messages of 1 KiB: https://learn.microsoft.com/azure/storage/queues/scalability-targets
    queue_per_second: float = 2_000.0
    account_per_second: float = 20_000.0
    # `make bench SCENARIO=capacity` on two AMD EPYC cores, plain HTTP. TLS and a Flex instance were not measured.
    cpu_per_id: float = 0.00003  # seconds for each message: read, parsed, spooled, formatted
    cpu_per_put: float = 0.00021  # seconds for each queue message, the status of the run included
    # Real host 4.1037 with extension 3.19: 500,000 packed ids took 6.6 s longer than on devhost, in 6 windows.
    window_seconds: float = 1.1
    start_and_end_seconds: float = 2.0  # of a run that does nothing else; seen on devhost


SPEED = Speed()
