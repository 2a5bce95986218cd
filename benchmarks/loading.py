"""Reads all files below a folder and reports, per file name ending, how many were read or refused, why, and how fast.

python benchmarks/loading.py FOLDER [--seconds 60] [--each]
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.process.pool import read_documents


@dataclass
class Row:
    read: int = 0
    megabytes: float = 0.0
    characters: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="time limit for one file")
    parser.add_argument("--each", action="store_true", help="list every refused file")
    arguments = parser.parse_args()
    settings = LoadingSettings(seconds=arguments.seconds)
    files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    by_ending: dict[str, list[Path]] = {}
    for path in files:
        by_ending.setdefault(path.suffix.lower(), []).append(path)
    print(f"{'':8}{'files':>6}{'read':>6}{'refused':>8}{'MB':>8}{'MB/s':>7}{'characters':>12}{'slowest':>9}")
    for ending, paths in sorted(by_ending.items()):
        row = _measured(paths, settings, each=arguments.each)
        refused = len(paths) - row.read
        print(
            f"{ending:8}{len(paths):6}{row.read:6}{refused:8}{row.megabytes:8.1f}{row.megabytes / row.seconds:7.1f}"
            f"{row.characters:12,}{row.slowest:8.1f}s"
        )
        for reason, count in row.reasons.most_common(8):
            print(f"{'':14}{count:4} × {reason[:110]}")
    started = time.perf_counter()
    loaded = list(read_documents([(path.parent, path.name) for path in files], settings))
    read = sum(not isinstance(file, UnreadableFile) for file in loaded)
    print(f"all at once: {read} of {len(files)} read in {time.perf_counter() - started:.1f} s")


def _measured(paths: list[Path], settings: LoadingSettings, *, each: bool) -> Row:
    """Reads one file after another in one process. The first is read twice, so that the start of the process does not count."""
    row = Row(megabytes=sum(path.stat().st_size for path in paths) / 2**20)
    loaded = read_documents(
        [(path.parent, path.name) for path in (paths[0], *paths)], settings.model_copy(update={"processes": 1})
    )
    next(loaded)
    for path in paths:
        started = time.perf_counter()
        file = next(loaded)
        seconds = time.perf_counter() - started
        row.seconds += seconds
        row.slowest = max(row.slowest, seconds)
        if isinstance(file, UnreadableFile):
            row.reasons[str(file)] += 1
            if each:
                print(f"refused {path}: {file}")
        else:
            row.read += 1
            row.characters += sum(len(document.text) for document in file.documents)
    return row


if __name__ == "__main__":
    main()
