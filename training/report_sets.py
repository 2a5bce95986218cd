"""Question sets of one part each, for `rag eval` and `rag calibrate`: `python -m training.report_sets --data DIR --out DIR`.

out/report/NAME has the questions on documents that neither training nor choosing saw, out/choose/NAME those to choose by. Both
have the whole corpus. Nothing is learned from qed, so all but its report part is there to choose by. out/choose/written has the
written questions that were kept out of training, on all passages of their sets. out/choose/families asks about similar things, in
prose, lists and rows; its near misses are about a thing or a property that the text leaves out. out/choose/faq and out/report/faq
have questions that people asked of FAQ entries, from FeedbackQA's validation part; all sentences of the entry are gold.
"""

import argparse
import gzip
import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rag.evaluation.question_sets import half_of
from training.examples import lines, part
from training.written_sets import CHOOSE_FAMILIES, family_text, labels_of, read_families

SETS = ("qed", "clapnq", "squad2", "squadshift_newwiki", "covidqa")
FORMS = ("prose", "named", "rows", "prose")  # of a family's document: as in training, half of them prose
QUESTIONS = 14  # about each family
SEED = 11
FILES = {"queries.jsonl": "_id", "answers.jsonl": "query_id", "unanswerable.jsonl": "query_id"}


def parts_of(data: Path, name: str) -> dict[str, str]:
    """The part of each question: that of its document."""
    corpus = {row["_id"]: row["title"] or row["_id"] for row in lines(data / name / "corpus.jsonl")}
    documents = {row["query_id"]: row["answers"][0]["doc_id"] for row in lines(data / name / "answers.jsonl")}
    path = data / name / "unanswerable.jsonl"
    documents |= {row["query_id"]: row["doc_id"] for row in lines(path)} if path.exists() else {}
    return {question: part(name, corpus[document]) for question, document in documents.items() if document in corpus}


def write(data: Path, out: Path, name: str, wanted: set[str]) -> None:
    (out / "qrels").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data / name / "corpus.jsonl", out / "corpus.jsonl")
    for file, key in FILES.items():
        if (data / name / file).exists():
            write_lines(out / file, (row for row in lines(data / name / file) if row[key] in wanted))
    judged = (data / name / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    kept = [line for number, line in enumerate(judged) if number == 0 or line.split("\t")[0] in wanted]
    (out / "qrels" / "test.tsv").write_text("\n".join(kept) + "\n", encoding="utf-8")


def write_written(folder: Path, out: Path) -> int:
    """The number of questions."""
    rows = [line.split("\t") for line in (folder / "rows" / "choose.tsv").read_text(encoding="utf-8").splitlines()]
    asked = {int(row[0]) for row in rows}
    with gzip.open(folder / "sets.jsonl.gz", "rt", encoding="utf-8") as file:
        pages = {row["set"]: row["passages"] for row in map(json.loads, file) if row["set"] in asked}
    corpus = [
        {"_id": f"s{number}p{k}", "title": page["title"], "text": page["text"]}
        for number in sorted(pages)
        for k, page in enumerate(pages[number], start=1)
    ]
    queries, answers, unanswerable, qrels = [], [], [], ["query-id\tcorpus-id\tscore"]
    for n, (number, kind, labels, _, question) in enumerate(rows):
        query = f"w{n}"
        queries.append({"_id": query, "text": question.strip(), "metadata": {"kind": kind}})
        spans = [(k, pages[int(number)][k - 1], sentence) for k, sentence in labels_of(labels.partition("/")[0])]
        gold = [
            {"text": page["text"][slice(*page["sentences"][s])], "doc_id": f"s{number}p{k}", "start": page["sentences"][s][0]}
            for k, page, s in spans
        ]
        if gold:
            answers.append({"query_id": query, "answers": gold})
            qrels += [f"{query}\ts{number}p{k}\t1" for k in sorted({k for k, _, _ in spans})]
        else:
            unanswerable.append({"query_id": query})
    write_set(out, {"corpus": corpus, "queries": queries, "answers": answers, "unanswerable": unanswerable}, qrels)
    return len(queries)


def write_families(folder: Path, out: Path) -> int:
    """The number of questions. Each family that training left out has one document."""
    rng = random.Random(SEED)
    kept = [family for number, family in enumerate(read_families(folder)) if number % CHOOSE_FAMILIES[0] == CHOOSE_FAMILIES[1]]
    corpus, queries, answers, unanswerable, qrels = [], [], [], [], ["query-id\tcorpus-id\tscore"]
    for number, family in enumerate(kept):
        name = f"family{number}"
        form = FORMS[number % len(FORMS)]
        text, asked = family_text(family, form, QUESTIONS, rng)
        corpus.append({"_id": name, "title": family["title"], "text": text})
        for n, (question, spans) in enumerate(asked):
            query = f"{name}q{n}"
            queries.append({"_id": query, "text": question})
            gold = [{"text": text[start:end], "doc_id": name, "start": start} for start, end in spans]
            if gold:
                answers.append({"query_id": query, "answers": gold})
                qrels.append(f"{query}\t{name}\t1")
            else:
                unanswerable.append({"query_id": query, "doc_id": name})
    write_set(out, {"corpus": corpus, "queries": queries, "answers": answers, "unanswerable": unanswerable}, qrels)
    return len(queries)


def write_faq(folder: Path, out: Path) -> list[int]:
    """The number of questions in each half. The corpus: all FAQ entries and every third of the other pages."""
    pages = list(lines(folder / "corpus.jsonl"))
    asked = {row["_id"]: row for row in lines(folder / "queries.jsonl") if row["metadata"]["split"] == "valid"}
    entries = {page["_id"]: page for page in pages if page["metadata"]["type"] == "FAQ" and page["title"].rstrip().endswith("?")}
    others = [page for page in pages if page["_id"] not in entries][::3]
    heads = {name: page["title"].rpartition(" > ")[2].strip() + "\n" for name, page in entries.items()}
    corpus = [
        {"_id": name, "title": page["title"].rpartition(" > ")[0], "text": heads[name] + page["text"]}
        for name, page in entries.items()
    ]
    corpus += [{"_id": page["_id"], "title": page["title"], "text": page["text"]} for page in others]
    judged = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    gold = {query: document for query, document, _ in judged if query in asked and document in entries}
    counts = []
    for half in ("choose", "report"):
        chosen = [query for query in gold if half_of(query) == half]
        answers = [{"text": entries[gold[q]]["text"], "doc_id": gold[q], "start": len(heads[gold[q]])} for q in chosen]
        rows = [{"query_id": query, "answers": [answer]} for query, answer in zip(chosen, answers, strict=True)]
        qrels = ["query-id\tcorpus-id\tscore", *(f"{query}\t{gold[query]}\t1" for query in chosen)]
        write_set(out / half / "faq", {"corpus": corpus, "queries": [asked[q] for q in chosen], "answers": rows}, qrels)
        counts.append(len(chosen))
    return counts


def write_set(out: Path, files: dict[str, list[dict[str, Any]]], qrels: list[str]) -> None:
    (out / "qrels").mkdir(parents=True, exist_ok=True)
    (out / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    for name, records in files.items():
        write_lines(out / f"{name}.jsonl", records)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    for name in SETS:
        part_of = parts_of(arguments.data, name)
        seen = {"choose", "learn"} if name == "qed" else {"choose"}
        for kind, parts in (("report", {"report"}), ("choose", seen)):
            wanted = {question for question, its in part_of.items() if its in parts}
            if wanted:
                write(arguments.data, arguments.out / kind / name, name, wanted)
            print(kind, name, len(wanted))
    print("choose written", write_written(arguments.data / "train" / "written", arguments.out / "choose" / "written"))
    print("choose families", write_families(arguments.data / "train" / "written", arguments.out / "choose" / "families"))
    print("choose and report faq", *write_faq(arguments.data / "feedbackqa", arguments.out))


if __name__ == "__main__":
    main()
