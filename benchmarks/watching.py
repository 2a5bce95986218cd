"""How long watched questions take: asked for the first time, and again after one document has changed.

python benchmarks/watching.py [--questions 1000]

The questions are those of the handbook's set in several wordings. One sentence is added to one document of a copy of the
handbook. Prints one JSON object: seconds of wall clock and of CPU, and how many passages the network read.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rag.config import Settings
from rag.conversation import Chat
from rag.library import Library
from rag.models.embedder import ModelEmbedder
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.trained_reader import TrainedReader
from rag.records import Passage
from rag.review.watch_asking import ask_watched
from rag.review.watch_list import add_watched, watched_question

ROOT = Path(__file__).resolve().parent.parent
WORDINGS = ("{}", "Please tell me: {}", "I would like to know this: {}")
CHANGED = "wallerian-degeneration.md"
ADDED = "\n## Addendum\n\nAfter an injury, Wallerian degeneration of the distal nerve is complete within about eight weeks.\n"


class CountingReader(TrainedReader):
    """Counts the passages that the network reads."""

    count = 0

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self.count += len(passages)
        return super().read(query, passages)


def questions(number: int) -> list[str]:
    lines = (ROOT / "evaluation" / "denervation" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    worded = dict.fromkeys(" ".join(wording.format(text).split()) for wording in WORDINGS for text in texts)
    return list(worded)[:number]


def measured(work: Callable[[], Any], reader: CountingReader) -> dict[str, float]:
    wall, cpu, read = time.perf_counter(), time.process_time(), reader.count
    work()
    return {
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "passages_read": reader.count - read,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1000)
    number = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(corpus=Path(name, "corpus"), index=Path(name, "index"))
        shutil.copytree(ROOT / "corpus", settings.corpus)
        if (ROOT / "index" / "CURRENT").is_file():  # saves building it
            shutil.copytree(ROOT / "index", settings.index)
        reader = CountingReader()
        library = Library(settings, chat=Chat(settings, ModelEmbedder(settings.embedding), reader))
        library.build()
        add_watched(settings.watched_file, [watched_question(text) for text in questions(number)])
        result: dict[str, Any] = {"first": measured(lambda: ask_watched(library.chat, settings.watched_file), reader)}
        result["nothing_changed"] = measured(library.build, reader)
        document = settings.corpus / CHANGED
        document.write_text(document.read_text(encoding="utf-8") + ADDED, encoding="utf-8")
        result["after_a_change"] = measured(lambda: result.update(report=library.build().watched), reader)
        watched = result.pop("report")
        result |= {"questions": watched.questions, "asked": watched.asked, "changed": watched.changed}
        result["file_bytes"] = settings.watched_file.stat().st_size
    print(json.dumps(result))


if __name__ == "__main__":
    main()
