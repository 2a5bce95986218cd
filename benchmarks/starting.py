"""Start-up time: how long commands take that have little to do.

    python benchmarks/starting.py [COMMAND …] [--rounds 15]

Runs `rag --help`, `rag status` and the given commands ("search fern", "ask 'How high is bracken?'") with the corpus and index of
the current folder, each in its own process, alternating with `python -c pass`. A first run of each, which compiles the bytecode,
is not counted. On a busy machine, processor time (user and system, of all threads) is more reliable than the clock. `times` is
the ratio to bare Python: the median of the ratios within each round.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from statistics import median

BARE = "python -c pass"


def run(command: list[str]) -> tuple[float, float]:
    """Wall-clock and processor time in seconds. Raises CalledProcessError if the command fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", metavar="COMMAND", default=[], help="as typed after `rag`, in quotes")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    commands = {BARE: [sys.executable, "-c", "pass"]} | {
        f"rag {line}": [sys.executable, "-m", "rag", *shlex.split(line)] for line in ["--help", "status", *arguments.commands]
    }
    for command in commands.values():
        run(command)
    rounds = [{name: run(command) for name, command in commands.items()} for _ in range(arguments.rounds)]
    print("| command | seconds | least | times | processor seconds | least | times |\n|---|---|---|---|---|---|---|")
    for name in commands:
        row = [name]
        for part in (0, 1):
            seconds = [times[name][part] for times in rounds]
            ratio = median(times[name][part] / times[BARE][part] for times in rounds)
            row += [f"{median(seconds):.3f}", f"{min(seconds):.3f}", f"{ratio:.1f}"]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
