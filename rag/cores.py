"""The number of processor cores available to this process."""

import os


def usable_cores() -> int:
    """At least 1; fewer than the machine has if the process is restricted, as by `taskset` or a cpuset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
