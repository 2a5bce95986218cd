"""BM25 alone on question sets in several languages: words analysed as English, by their language, and by word segmenters.

`python benchmarks/term_analysis.py SET...`; each set brings its own corpus in one language. jieba is compared if installed.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from rag.evaluation.question_sets import QuestionSet, load_question_set
from rag.index.lexical import LexicalIndex
from rag.text.folding import folded_text
from rag.text.languages import language_of
from rag.text.terms import terms

RANKED = 10
SHORTEST_PART, SHORTEST_COMPOUND = 4, 8  # letters
LINKS = ("", "s", "n", "en", "es", "er")
Analysis = Callable[[str], Sequence[str]]


def main() -> None:
    for folder in sys.argv[1:]:
        questions = load_question_set(Path(folder))
        if questions.corpus is None:
            sys.exit(f"{folder} has no corpus of its own")
        texts = {name: f"{title}\n{text}" for name, (title, text) in questions.corpus.records.items()}
        language = language_of("\n".join(texts.values()))
        for name, analysis in analyses(language, list(texts.values())).items():
            print(f"{Path(folder).name}: {name}: nDCG@{RANKED} {mean_ndcg(questions, texts, analysis):.3f}")


def analyses(language: str, texts: Sequence[str]) -> dict[str, Analysis]:
    chosen: dict[str, Analysis] = {
        "words as they are": lambda text: re.findall(r"[^\W_]+", folded_text(text)),
        "as English": terms,
        f"as {language}": lambda text: terms(text, language),
    }
    if language == "de":
        chosen["with the parts of compounds"] = with_parts(texts)
    if language == "zh" and find_spec("jieba"):
        jieba = import_module("jieba")
        chosen["words of jieba"] = lambda text: [word for word in jieba.lcut(folded_text(text)) if word[0].isalnum()]
    return chosen


def with_parts(texts: Sequence[str]) -> Analysis:
    """Adds the two words of the corpus that a long word is made of, if there are such."""
    known = {word for text in texts for word in re.findall(r"[^\W\d_]{4,}", folded_text(text))}

    def parts(word: str) -> list[str]:
        for cut in range(len(word) - SHORTEST_PART, SHORTEST_PART - 1, -1):
            first = next((word[: cut - len(link)] for link in LINKS if word[:cut].endswith(link)), "")
            if word[cut:] in known and first in known:
                return [first, word[cut:]]
        return []

    def analysis(text: str) -> list[str]:
        words = re.findall(rf"[^\W\d_]{{{SHORTEST_COMPOUND},}}", folded_text(text))
        return terms(f"{text} {' '.join(part for word in words for part in parts(word))}", "de")

    return analysis


def mean_ndcg(questions: QuestionSet, texts: dict[str, str], analysis: Analysis) -> float:
    names = sorted(texts)
    index = LexicalIndex.build(analysis(texts[name]) for name in names)
    asked = [question for question in questions.questions if question.relevance]
    total = 0.0
    for question in asked:
        scores = index.scores(analysis(question.text))
        ranking = sorted(range(len(names)), key=lambda row: (-scores[row], row))[:RANKED]
        gains = [question.relevance.get(names[row], 0) if scores[row] > 0 else 0 for row in ranking]
        total += discounted(gains) / discounted(sorted(question.relevance.values(), reverse=True)[:RANKED])
    return total / len(asked)


def discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


if __name__ == "__main__":
    main()
