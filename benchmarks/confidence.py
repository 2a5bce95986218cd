"""Fits the weights of `rag.answering.confidence` and says what each threshold costs.

    python benchmarks/confidence.py FOLDER... [--questions 150]

Each folder holds a question set in BEIR layout (corpus.jsonl, queries.jsonl) with answers.jsonl and unanswerable.jsonl. Every
set is asked its own questions, answerable or not, and some of the other sets', which are off its subject. An answerable
question counts as answered when a gold span meets one of the three best sentences.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from rag import answering
from rag.config import EmbeddingSettings, PassageSettings, RetrievalSettings
from rag.dense import DenseIndex
from rag.embedding import SentenceTransformerEmbedder
from rag.index.contents import Index
from rag.lexical import LexicalIndex
from rag.loading import plain_text
from rag.passages import embedded_text, split_passages
from rag.reader import ScoredSentence, SimilarityReader
from rag.records import Document
from rag.retrieval import retrieve
from rag.terms import terms

READ = 6
KINDS = ("answerable", "near miss", "off subject")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def index_of(folder: Path, embedder: SentenceTransformerEmbedder) -> Index:
    documents, passages = {}, []
    for record in sorted(lines(folder / "corpus.jsonl"), key=lambda record: record["_id"]):
        blocks = plain_text.parse(record["text"])[1]
        document = Document(record["_id"], record.get("title") or "", record["text"], tuple(blocks), "")
        documents[document.id] = document
        passages += split_passages(document, count_tokens=embedder.count_tokens, limit=embedder.max_tokens)
    texts = [embedded_text(passage) for passage in passages]
    order = np.argsort([len(text) for text in texts], kind="stable")
    vectors = np.zeros((len(texts), embedder.dim), dtype=np.float32)
    vectors[order] = embedder.embed_passages([texts[i] for i in order])
    lexical = LexicalIndex.build(terms(text) for text in texts)
    manifest = {"hash": "", "duplicates": [], "settings": PassageSettings().model_dump()}
    headings = LexicalIndex.build(terms(passage.context) for passage in passages)
    return Index(documents, passages, DenseIndex.build(vectors), lexical, headings, manifest)


def is_gold(scored: ScoredSentence, answers: list[dict]) -> bool:
    span = scored.sentence.span
    for answer in answers:
        start, end = answer["start"], answer["start"] + len(answer["text"])
        shared = min(end, span.end) - max(start, span.start)
        if answer["doc_id"] == scored.passage.document_id and shared > min(end - start, span.end - span.start) / 2:
            return True
    return False


def measure(folder: Path, others: list[str], embedder: SentenceTransformerEmbedder, *, questions: int, seed: int) -> list[tuple]:
    """(kind, features, answered, best sentence is gold) of each question."""
    index, reader = index_of(folder, embedder), SimilarityReader(embedder)
    gold = {record["query_id"]: record["answers"] for record in lines(folder / "answers.jsonl")}
    unanswerable = {record["query_id"] for record in lines(folder / "unanswerable.jsonl")}
    queries = lines(folder / "queries.jsonl")
    random.Random(seed).shuffle(queries)
    asked = [("answerable", q["text"], gold[q["_id"]]) for q in queries if q["_id"] in gold][:questions]
    asked += [("near miss", q["text"], []) for q in queries if q["_id"] in unanswerable][:questions]
    asked += [("off subject", text, []) for text in others]
    measured = []
    for kind, text, answers in asked:
        hits = retrieve(index, text, embedder.embed_query(text), RetrievalSettings())
        scored = sorted(reader.read(text, [hit.passage for hit in hits[:READ]]), key=lambda s: -s.score)
        features = answering.features(hits, scored) if scored else (0.0, 0.0)
        found = [is_gold(sentence, answers) for sentence in scored[:3]]
        measured.append((kind, features, any(found), bool(found and found[0])))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=150, help="of each kind and set")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    embedder = SentenceTransformerEmbedder(EmbeddingSettings())
    rows: list[tuple] = []
    for folder in arguments.folders:
        others = [q["text"] for other in arguments.folders if other != folder for q in lines(other / "queries.jsonl")]
        others = random.Random(arguments.seed).sample(others, arguments.questions // 2)
        measured = measure(folder, others, embedder, questions=arguments.questions, seed=arguments.seed)
        rows += measured
        answerable = [row for row in measured if row[0] == "answerable"]
        share = [sum(row[i] for row in answerable) / len(answerable) for i in (3, 2)]
        print(
            f"{folder.name}: gold first {share[0]:.3f}, in the best three {share[1]:.3f}, n {len(answerable)}",
            flush=True,
        )
    features, answered = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    kinds = np.array([row[0] for row in rows])
    fit = LogisticRegression(C=100).fit(features, answered)
    print("BIAS", round(float(fit.intercept_[0]), 2), "WEIGHTS", np.round(fit.coef_[0], 2).tolist())
    print(
        "\nthreshold | "
        + " | ".join(f"{kind} answered" for kind in KINDS)
        + " | right among the answered of a set's own questions"
    )
    certainty = fit.predict_proba(features)[:, 1]
    for threshold in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6):
        shown = certainty >= threshold
        shares = [f"{shown[kinds == kind].mean():.3f}" for kind in KINDS]
        print(f"{threshold:.2f} | " + " | ".join(shares) + f" | {answered[shown & (kinds != 'off subject')].mean():.3f}")


if __name__ == "__main__":
    main()
