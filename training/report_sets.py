"""Question sets of one part each, for `rag eval` and `rag calibrate`: `python -m training.report_sets --data DIR --out DIR`.

out/report/NAME holds the questions on documents that training and choosing never saw, out/choose/NAME those that a
threshold may be chosen on; both have the whole corpus. qed is in no training, so all but its report part is there to choose.
"""

import argparse
import json
import shutil
from pathlib import Path

from training.examples import lines, part

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
            rows = [row for row in lines(data / name / file) if row[key] in wanted]
            (out / file).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    judged = (data / name / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    kept = [line for number, line in enumerate(judged) if number == 0 or line.split("\t")[0] in wanted]
    (out / "qrels" / "test.tsv").write_text("\n".join(kept) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    for name in SETS:
        found = parts_of(arguments.data, name)
        seen = {"choose", "learn"} if name == "qed" else {"choose"}
        for kind, parts in (("report", {"report"}), ("choose", seen)):
            wanted = {question for question, its in found.items() if its in parts}
            if wanted:
                write(arguments.data, arguments.out / kind / name, name, wanted)
            print(kind, name, len(wanted))


if __name__ == "__main__":
    main()
