"""Question sets of one part each, for `rag eval` and `rag calibrate`: `python -m training.report_sets --data DIR --out DIR`.

out/report/NAME has the questions on documents that neither training nor choosing saw, out/choose/NAME those to choose by. Both
have the whole corpus. Nothing is learned from qed, so all but its report part is there to choose by. out/choose/written has the
written questions that were kept out of training, on all passages of their sets.
"""

import argparse
import gzip
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.examples import lines, part
from training.written_sets import labels_of

SETS = ("qed", "clapnq", "squad2", "squadshift_newwiki", "covidqa")
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
    (out / "qrels").mkdir(parents=True, exist_ok=True)
    (out / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    files = {"corpus": corpus, "queries": queries, "answers": answers, "unanswerable": unanswerable}
    for name, records in files.items():
        write_lines(out / f"{name}.jsonl", records)
    return len(queries)


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


if __name__ == "__main__":
    main()
