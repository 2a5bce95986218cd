"""Makes the reader's training examples: `python -m training.prepare --data DIR --out DIR`.

Reads the folders named in training/README.md and training/questions.jsonl. Writes first.jsonl and second.jsonl for the two
stages of training, and choose_public.jsonl, choose_written.jsonl and choose_families.jsonl to choose by, one example a line.
The same data gives the same bytes. Nothing is learned from what is chosen by or reported on.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from training.examples import Example, part
from training.own_questions import own_questions
from training.public_sets import labelled_examples, public_examples
from training.written_sets import families, written

SEED_FIRST, SEED_SECOND = 17, 29
HARD = ("squad2", "clapnq", "covidqa", "scifact")  # public sets that the first stage takes whole
EASY = 4000  # examples of the other public sets
NEAR = 2  # passages for each written question in the first stage, if item answers
JOINT = 4  # passages for each written question in the second stage
WRITTEN, FAMILIES = 6000, 2500  # questions in the second stage
# Single passages in the second stage, so that nothing is forgotten.
SINGLE = {
    "squad2_dev_rest": 2400,
    "ours": 1800,
    "tydiqa_en": 1200,
    "squad2": 1200,
    "covidqa": 700,
    "selqa": 700,
    "squadshift_newwiki": 600,
    "clapnq": 600,
    "fairytaleqa": 500,
    "boolq": 400,
    "contractnli": 400,
    "cuad": 400,
    "medquad": 400,
    "pubmedqa": 300,
    "squadshift_reddit": 300,
    "squadshift_amazon": 300,
    "sleepqa": 200,
    "scifact": 200,
}


def prepare(data: Path, own: Path) -> dict[str, list[Example]]:
    """By name of the file."""
    public, ours = public_examples(data), own_questions(data, own)
    to_choose = [item for item in [*ours, *public] if _is_to_choose(item)]
    public, ours = ([item for item in items if not _is_to_choose(item)] for items in (public, ours))
    folder = data / "train" / "written"

    rng = random.Random(SEED_FIRST)
    labelled = list(labelled_examples(data, rng))
    easy = [item for item in public if _set(item) not in HARD]
    first = [*labelled, *ours, *(item for item in public if _set(item) in HARD), *rng.sample(easy, min(EASY, len(easy)))]
    first += [*_learned(written(folder, rng, passages=NEAR)), *_learned(families(folder, rng))]

    rng = random.Random(SEED_SECOND)
    joint, rows = list(written(folder, rng, passages=JOINT)), list(families(folder, rng))
    second = [*_questions(_learned(joint), WRITTEN, rng), *_questions(_learned(rows), FAMILIES, rng)]
    second += _drawn([*labelled, *ours, *public], rng)
    return {
        "first": first,
        "second": second,
        "choose_public": to_choose,
        "choose_written": [item for item in joint if item.split == "choose"],
        "choose_families": [item for item in rows if item.split == "choose"],
    }


def _set(item: Example) -> str:
    return item.source.split("-")[0]


def _is_to_choose(item: Example) -> bool:
    return part(_set(item), item.group) == "choose"


def _learned(examples: Iterable[Example]) -> list[Example]:
    return [item for item in examples if item.split == "learn"]


def _questions(examples: Sequence[Example], wanted: int, rng: random.Random) -> list[Example]:
    """All passages of so many questions."""
    kept = set(rng.sample(sorted({item.joint for item in examples}), wanted))
    return [item for item in examples if item.joint in kept]


def _drawn(examples: Sequence[Example], rng: random.Random) -> list[Example]:
    """As many of each source as SINGLE says, or all."""
    drawn = []
    for source, wanted in SINGLE.items():
        candidates = [item for item in examples if _set(item) == source]
        drawn += rng.sample(candidates, min(wanted, len(candidates)))
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, examples in prepare(arguments.data, Path(__file__).parent / "questions.jsonl").items():
        with (arguments.out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in examples)
        counts = Counter(_set(item) for item in examples)
        print(name, len(examples), dict(counts.most_common()), "without an answer", sum(not item.gold for item in examples))


if __name__ == "__main__":
    main()
