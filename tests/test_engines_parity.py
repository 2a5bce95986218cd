"""The real model's hits through Milvus: those of the local index, for the handbook and samples of two public question sets."""

import os
import random
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from rag.config import PassageSettings, RetrievalSettings, Settings
from rag.evaluation.question_sets import RecordCorpus, load_question_set
from rag.index import term_statistics
from rag.index.build_files import HEADINGS, TERMS
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.live_index import LiveIndex
from rag.index.local_index import LocalIndex
from rag.index.scoring import Lookup, Search, bm25_scores, spread_of
from rag.index.term_statistics import TermStatistics, save_term_statistics
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.retrieval import retrieve
from tests.conftest import ROOT, stop_milvus, updated

SETS = os.environ.get("QUESTION_SETS", "")  # a folder with the question sets scifact and feedbackqa
QUESTIONS = int(os.environ.get("PARITY_QUESTIONS", "60"))  # of each set; 200 take three minutes
needs_lite = pytest.mark.skipif(find_spec("milvus_lite") is None, reason="needs the extra quoted-answers[milvus]")
SETTINGS = RetrievalSettings()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    yield f"milvus+file:{tmp_path / 'rows.db'}"
    stop_milvus()


def same_hits(first: Index, second: Index, questions: list[str], embedder: ModelEmbedder) -> float:
    """The share of questions with the same ten best passages in the same order, whose scores differ by less than 1e-5."""
    same, greatest = [], 0.0
    for question in questions:
        vector = embedder.embed_query(question)
        own, other = (retrieve(index, question, vector, SETTINGS) for index in (first, second))
        equal = [hit.passage.id for hit in own] == [hit.passage.id for hit in other]
        difference = max((abs(a.score - b.score) for a, b in zip(own, other, strict=True)), default=0.0) if equal else 0.0
        same.append(equal and difference < 1e-5)
        greatest = max(greatest, difference)
    print(f"{sum(same)} of {len(same)} questions: same hits of {len(first.passages)} passages, scores within {greatest:.1e}")
    return float(np.mean(same))


@needs_lite
@pytest.mark.slow
def test_the_handbook(handbook: Settings, embedder: ModelEmbedder, engine: str, tmp_path: Path) -> None:
    shutil.copytree(handbook.index, tmp_path / "index")
    update_index(handbook.corpus, tmp_path / "index", Recipe(embedder, handbook.passages, engine=engine))
    local, remote = (
        LiveIndex(folder, handbook.passages, embedder, engine=name).current()
        for folder, name in ((handbook.index, "local"), (tmp_path / "index", engine))
    )
    questions = [question.text for question in load_question_set(ROOT / "evaluation" / "denervation").questions]
    assert len(questions) > 50
    assert same_hits(local, remote, questions, embedder) == 1.0


@needs_lite
@pytest.mark.slow
@pytest.mark.parametrize("name", ["scifact", "feedbackqa"])
def test_a_sample_of_a_public_question_set(name: str, embedder: ModelEmbedder, engine: str, tmp_path: Path) -> None:
    """The documents that answer the questions, and 300 others, so that each search has more passages than it nominates."""
    if not Path(SETS, name, "corpus.jsonl").is_file():
        pytest.skip(f"QUESTION_SETS names no folder with the question set {name}")
    questions, draw = load_question_set(Path(SETS, name)), random.Random(11)
    assert questions.corpus
    asked = [question for question in questions.questions if question.relevance][:QUESTIONS]
    names = {document for question in asked for document in question.relevance}
    names |= set(draw.sample(sorted(questions.corpus.records), 300))
    corpus = RecordCorpus({name: questions.corpus.records[name] for name in sorted(names)})
    update_index(corpus, tmp_path / "index", Recipe(embedder, PassageSettings(), engine=engine))
    local, remote = (
        LiveIndex(tmp_path / "index", PassageSettings(), embedder, engine=setting).current() for setting in ("local", engine)
    )
    assert len(local.passages) > 2 * SETTINGS.depth
    assert same_hits(local, remote, [question.text for question in asked], embedder) >= 0.995


@pytest.fixture
def postings(tmp_path: Path) -> LocalIndex:
    """300 passages of random words, some much more frequent than others, in what seem to be several languages."""
    draw, words = random.Random(5), [f"w{chr(97 + n)}{chr(97 + m)}" for n in range(8) for m in range(8)]
    (tmp_path / "corpus").mkdir()
    for number in range(300):
        text = " ".join(draw.choices(words, weights=[1 / (n + 1) for n in range(64)], k=draw.randint(5, 60)))
        (tmp_path / "corpus" / f"{number}.md").write_text(f"# {draw.choice(words)} {draw.choice(words)}\n\n{text}.")
    return updated(tmp_path / "corpus", tmp_path / "index")[0]


def statistics(index: LocalIndex, folder: Path) -> TermStatistics:
    entries = index.manifest.corpus.documents
    save_term_statistics(folder, entries.row_languages, index.ids)
    return TermStatistics.load(folder, entries, {TERMS: index.lexical.lengths, HEADINGS: index.headings.lengths})


@pytest.mark.parametrize("sample", [1000, 100])
def test_the_spread_of_bm25(postings: LocalIndex, tmp_path: Path, sample: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact if all rows are in the sample. Otherwise the mean is exact, and the deviation of a single term; of several, near."""
    monkeypatch.setattr(term_statistics, "SAMPLE", sample)
    kept = statistics(postings, live_build(tmp_path / "index"))
    assert len(postings.languages) > 1
    assert (len(kept.sampled) == len(postings.ids)) == (sample == 1000)
    draw, words = random.Random(8), sorted(word.decode() for word in postings.lexical.vocabulary())
    plain = SETTINGS.model_copy(update={"headings_weight": 0.0})
    for number in (1, 1, 1, 2, 3, 5, 8):
        terms = draw.sample(words, number)
        search = Search(np.zeros(32, dtype=np.float32), {0: terms}, [Lookup(0, terms), Lookup(0, terms[:1], 0.5)])
        for settings in (plain, SETTINGS):
            scores = bm25_scores(postings.parts, len(postings.ids), search, settings)[postings.row_languages == 0]
            mean, deviation = kept.bm25_spread(search, settings)
            if sample == 1000:
                assert (mean, deviation) == spread_of(scores)
            assert mean == pytest.approx(float(scores.mean()), rel=1e-5)
            exact = number == 1 and settings == plain
            assert deviation == pytest.approx(float(scores.std()), rel=1e-4 if exact else 0.15)
    assert kept.bm25_spread(Search(np.zeros(32, dtype=np.float32), {0: []}, []), SETTINGS) == (0.0, 0.0)


def test_a_sample_depends_on_the_passages_only() -> None:
    ids = np.random.default_rng(1).integers(0, 2**64, 10 * term_statistics.SAMPLE, dtype=np.uint64)
    rows = term_statistics.sampled_rows(ids)
    assert abs(len(rows) - term_statistics.SAMPLE) < 2000
    other = np.random.default_rng(2).permutation(len(ids))
    assert set(ids[other][term_statistics.sampled_rows(ids[other])].tolist()) == set(ids[rows].tolist())
