"""Runs an installed program on a file, and leaves nothing of it behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress


def run_program(command: Sequence[str], seconds: float) -> int | None:
    """The exit code; None if the program took too long. Processes that it leaves behind are killed."""
    process = subprocess.Popen(  # noqa: S603 - an installed program with files of ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if sys.platform == "win32":  # has no process groups
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
