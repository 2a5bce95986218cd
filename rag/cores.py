"""How many processor cores there are for us."""

import os


def usable_cores() -> int:
    """Those that this process may use, fewer than the machine has under `taskset` or in a cpuset; at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
