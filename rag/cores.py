"""How many processor cores there are for us."""

import os


def usable_cores() -> int:
    """Those that this process may use, which in a container or under `taskset` are fewer than the machine has; at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
