"""The speed of a worker, a queue and a storage account, and the source of each figure."""

from typing import NamedTuple


class Speed(NamedTuple):
    """The speeds that decide how long a run takes, without its source. CPU is that of a worker's one Python process."""

    # Microsoft's targets for messages of 1 KiB: https://learn.microsoft.com/azure/storage/queues/scalability-targets
    queue_per_second: float = 2_000.0
    account_per_second: float = 20_000.0
    # `make bench SCENARIO=capacity` on two AMD EPYC cores, plain HTTP. TLS and a Flex instance were not measured.
    cpu_per_id: float = 0.000012  # seconds for each message: read, parsed, spooled, formatted
    cpu_per_put: float = 0.0002  # seconds for each queue message
    # Packed runs on devhost: the 20 chunks of a window, five at once, took some two seconds. With this figure and the
    # next, the estimate for 500,000 packed ids on the real host is 20 s; the run took 21 s.
    chunk_seconds: float = 0.5  # for each chunk, in addition to the time for its messages
    # Real host 4.1037 with extension 3.19: the slower of two runs of 500,000 packed ids, in 6 windows, took 6.6 s more
    # than devhost's mean.
    window_seconds: float = 1.1
    start_and_end_seconds: float = 2.0  # of a run that does nothing else; seen on devhost


SPEED = Speed()
