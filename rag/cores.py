"""The number of processor cores available to this process."""

import os

_limit: int | None = None


def usable_cores() -> int:
    """At least 1; fewer than the machine has if the process is restricted, as by `taskset`, a cpuset or `limit_cores`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _limit or cores)


def limit_cores(cores: int) -> None:
    """For a process that shares its machine with others like it. Call it before a model is loaded."""
    global _limit  # noqa: PLW0603 - it holds for the whole process
    _limit = cores
