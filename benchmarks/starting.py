"""How long a command takes that has little to do: what starting costs.

    python benchmarks/starting.py [COMMAND …] [--rounds 15]

Runs `rag --help`, `rag status` and any others ("search fern", "ask 'How high is bracken?'"), each in a process of its own, in
turns with `python -c pass`, in the present folder with its corpus and index. One run of each goes before and is not counted, so
that all bytecode is there. Processor time (user and system, of all threads) tells more than the clock on a machine that others
use too. `times` is how often bare Python would fit in: the median of the ratios within each round.
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
    """Seconds by the clock and of processor time. Raises CalledProcessError where it fails."""
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
            taken = [one[name][part] for one in rounds]
            times = median(one[name][part] / one[BARE][part] for one in rounds)
            row += [f"{median(taken):.3f}", f"{min(taken):.3f}", f"{times:.1f}"]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
