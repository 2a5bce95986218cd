"""Overviews against the first sentences and LexRank, by ROUGE-2 against summaries that people wrote.

    pip install rouge-score sumy --no-deps absl-py nltk six numpy docopt-ng pycountry
    python benchmarks/overview.py covidqa/corpus.jsonl corpus

A file of JSON lines holds articles whose text has the form "… Abstract: … Text: …"; the abstract is the summary of the rest. In
a folder, the summary of a document is its introduction, that is all before its first section. All systems choose the same number
of sentences from the same sentences; LexRank is sumy's, with our terms as its words. ROUGE-2 at WORDS words compares only the
first words of each, because the measure favours longer texts.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.nlp.stemmers import null_stemmer
from sumy.summarizers.lex_rank import LexRankSummarizer

from rag.loading.loader import load_file
from rag.overview.covering import cover
from rag.overview.statements import read
from rag.records import Block, Document, Passage, Span
from rag.text.passages import split_passages
from rag.text.terms import terms

WORDS = 150  # about an abstract
SHORTEST_SUMMARY = 25  # words; a shorter one is a title
_ARTICLE = re.compile(r"\nAbstract: (?P<abstract>.*?)\n\nText: (?P<text>.*)", re.DOTALL)
_PARAGRAPH = re.compile(r"[^\n]+(?:\n(?!\n)[^\n]+)*")


@dataclass(frozen=True)
class Pair:
    """A document's passages and the summary that people wrote of it."""

    passages: Sequence[Passage]
    summary: str


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def articles(file: Path) -> Iterator[Pair]:
    for line in file.read_text(encoding="utf-8").splitlines():
        if (match := _ARTICLE.search(json.loads(line)["text"])) and len(match["abstract"].split()) > SHORTEST_SUMMARY:
            text = match["text"]
            blocks = tuple(Block("paragraph", Span(*paragraph.span())) for paragraph in _PARAGRAPH.finditer(text))
            document = Document("article", "", text, blocks, "")
            yield Pair(split_passages(document, count_tokens=count_words, limit=200), match["abstract"])


def documents(folder: Path) -> Iterator[Pair]:
    for file in sorted(folder.glob("*.md")):
        (document,) = load_file(file.name, file.read_bytes()).documents
        passages = split_passages(document, count_tokens=count_words, limit=200)
        opening = [passage for passage in passages if not passage.headings]
        summary = " ".join(passage.text_of(s) for passage in opening for s in passage.sentences if s.quotable)
        if len(summary.split()) > SHORTEST_SUMMARY:
            yield Pair([passage for passage in passages if passage.headings], summary)


class OurTerms:
    """The words of a sentence for sumy."""

    def to_words(self, text: str) -> list[str]:
        return terms(text)


def lead(passages: Sequence[Passage], number: int) -> list[str]:
    reading = read(passages)
    return [reading.sentences[row].text for row in reading.counted[:number]]


def lexrank(passages: Sequence[Passage], number: int) -> list[str]:
    reading = read(passages)
    sentences = [Sentence(reading.sentences[row].text, OurTerms()) for row in reading.counted]
    chosen = LexRankSummarizer(null_stemmer)(ObjectDocumentModel([Paragraph(sentences)]), number)
    return [str(sentence) for sentence in chosen]


def ours(passages: Sequence[Passage], number: int) -> list[str]:
    return [placed.text for placed, _ in cover([read(passages)], number).quoted]


def term_share(passages: Sequence[Passage], sentences: Sequence[str]) -> float:
    """The share of the document's terms that the sentences have, each weighted by the number of sentences that have it."""
    reading = read(passages)
    counts = Counter(term for row in reading.counted for term in set(terms(reading.sentences[row].text)))
    return sum(counts[term] for term in set(terms(" ".join(sentences)))) / sum(counts.values())


def measure(pairs: Sequence[Pair], system: Callable[[Sequence[Passage], int], list[str]], number: int) -> list[float]:
    """ROUGE-2 F, ROUGE-2 recall of the first WORDS words, ROUGE-1 F, share of terms, words and seconds, all as means."""
    scorer = RougeScorer(["rouge1", "rouge2"], use_stemmer=True)
    rows = []
    for pair in pairs:
        started = time.perf_counter()
        chosen = system(pair.passages, number)
        seconds = time.perf_counter() - started
        words = " ".join(chosen).split()
        scores = scorer.score(pair.summary, " ".join(words))
        at_words = scorer.score(pair.summary, " ".join(words[:WORDS]))["rouge2"].recall
        share = term_share(pair.passages, chosen)
        rows.append((scores["rouge2"].fmeasure, at_words, scores["rouge1"].fmeasure, share, len(words), seconds))
    means: list[float] = np.mean(rows, axis=0).tolist()
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--sentences", type=int, default=6)
    parser.add_argument("--limit", type=int, help="so many documents of each set")
    options = parser.parse_args()
    for path in options.sets:
        pairs = list(documents(path) if path.is_dir() else articles(path))[: options.limit]
        print(f"{path}: {len(pairs)} documents, {options.sentences} sentences each")
        print(f"system | ROUGE-2 F | ROUGE-2 recall at {WORDS} words | ROUGE-1 F | terms covered | words | seconds")
        for name, system in {"lead": lead, "LexRank": lexrank, "overview": ours}.items():
            print(name, *(f"{value:.3f}" for value in measure(pairs, system, options.sentences)), sep=" | ", flush=True)


if __name__ == "__main__":
    main()
