"""How many planted contradictions `rag conflicts` finds, and how many that it finds were not planted.

    python benchmarks/conflicts.py [FILE.jsonl …] [--edits 1000] [--documents 400] [--seed 7] [--show 20]
    python benchmarks/conflicts.py --claims FOLDER     claims that abstracts support or contradict
    python benchmarks/conflicts.py FILE.jsonl --pairs 200      neighbouring sentences as they are, to be judged by eye

Sentences of the handbook and of the given files ({"_id", "title", "text"} a line) get one edit each: another number, unit, date
or name, or a negation. The edited sentence is paraphrased by rule and put among unedited sentences into another document with a
similar title. Other sentences are paraphrased, and their numbers
written in another way, without an edit: those must not be found.
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from rag.config import EmbeddingSettings, PassageSettings
from rag.conflicts.comparing import difference
from rag.conflicts.finding import Conflict, Findings, find_conflicts
from rag.conflicts.stated_sentences import key_of, stated_in
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.index.contents import Index
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors

ROOT = Path(__file__).parent.parent
PER_DOCUMENT = 4  # edited sentences, each followed by unedited ones of other documents
SHORTEST, LONGEST = 7, 45  # words of a sentence that is edited
# Different words than those that the program knows to be synonyms are among them, in about equal parts.
SYNONYMS = {
    "often": "frequently", "usually": "normally", "large": "big", "important": "significant", "show": "demonstrate",
    "begins": "starts", "because": "since", "many": "numerous", "several": "a number of", "also": "too", "helps": "aids",
    "about": "around", "therefore": "hence", "needs": "requires", "however": "yet", "people": "persons", "common": "widespread",
    "main": "principal", "occurs": "happens", "caused": "produced", "used": "employed", "whole": "entire", "quickly": "rapidly",
    "found": "discovered", "part": "portion", "near": "close to", "received": "got", "made": "created", "known": "recognised",
}  # fmt: skip
FRAMES = ("According to the records, ", "It should be noted that ", "As mentioned earlier, ", "In general, ", "Reports say that ",
          "For the record, ", "To sum up, ", "We found that ")  # fmt: skip
UNIT_SWAPS = {"mg": "g", "g": "mg", "days": "weeks", "weeks": "months", "months": "years", "years": "months", "hours": "minutes",
              "minutes": "hours", "mm": "cm", "cm": "mm", "km": "miles", "m": "km", "kg": "g", "ml": "l", "seconds": "minutes",
              "μg": "mg", "miles": "feet", "feet": "inches", "ms": "s", "week": "day", "day": "week"}  # fmt: skip
MONTHS = "January February March April June July August September October November December".split()
WORDS = "two three four five six seven eight nine ten twelve twenty".split()
Edit = Callable[[str, random.Random, list[str]], str | None]


class NoEmbedder:
    """For the passages, which are not searched here."""

    identity = ModelIdentity("none", "0" * 64)
    dim, max_tokens = 4, 254

    def load(self) -> None: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def tokenizer_json(self) -> None: ...

    def embed_query(self, query: str) -> Vectors:  # noqa: ARG002
        return np.array([1, 0, 0, 0], dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.array([[1, 0, 0, 0]], dtype=np.float32), (len(texts), 1))

    def query_tokens(self, query: str) -> Vectors:
        return self.embed_passages(query.split())

    def sentence_tokens(self, sentences: Sequence[str], contexts: Sequence[str]) -> list[Vectors]:  # noqa: ARG002
        return [self.query_tokens(sentence) for sentence in sentences]


def number(text: str, random_: random.Random, _: list[str]) -> str | None:
    spots = list(re.finditer(r"(?<![\w.,/–-])\d{1,3}(?:\.\d)?(?![\w,/–-]|\.\d)", text))
    spots = [match for match in spots if not _labelled(text, match.start())]
    spots += list(re.finditer(rf"\b(?:{'|'.join(WORDS)})\b(?! of )", text))
    if not spots:
        return None
    spot = random_.choice(spots)
    if spot[0][0].isdigit():
        value = float(spot[0])
        new = value * random_.choice((2, 3, 5, 10)) + (1 if value < 1 else 0)
        return text[: spot.start()] + (f"{new:.1f}" if "." in spot[0] else f"{new:.0f}") + text[spot.end() :]
    return text[: spot.start()] + random_.choice([word for word in WORDS if word != spot[0]]) + text[spot.end() :]


def _labelled(text: str, start: int) -> bool:
    """A number that is a name, such as "stage 3" or "Fig. 2", is no measure; nor is one in brackets of a reference."""
    before = text[:start]
    return bool(
        re.search(r"(?:[A-Z][a-z]+|[Ff]ig\.?|stage|grade|type|phase|table|group|chapter|level|class|part|[\[(#,-])\s?$", before)
    )


def unit(text: str, random_: random.Random, _: list[str]) -> str | None:
    spots = [m for m in re.finditer(r"(?<=\d )(\w+)\b|(?<=\d)(mg|g|mm|cm|km|kg|ml|ms)\b", text) if m[0] in UNIT_SWAPS]
    if not spots:
        return None
    spot = random_.choice(spots)
    return text[: spot.start()] + UNIT_SWAPS[spot[0]] + text[spot.end() :]


def date(text: str, random_: random.Random, _: list[str]) -> str | None:
    months = "|".join(MONTHS)
    spots = list(re.finditer(r"(?<=\b(?:in|by|of) )(?:1[6-9]|20)\d\d\b(?!–|-)", text))
    spots += list(re.finditer(rf"\b(?:{months})(?= \d{{1,2}}, \d{{4}}| \d{{4}})", text))
    if not spots:
        return None
    spot = random_.choice(spots)
    other_months = [month for month in MONTHS if month != spot[0]]
    new = str(int(spot[0]) + random_.choice((-9, -4, -1, 1, 3))) if spot[0].isdigit() else random_.choice(other_months)
    return text[: spot.start()] + new + text[spot.end() :]


def negation(text: str, random_: random.Random, _: list[str]) -> str | None:
    if text.count(" not ") == 1:
        return text.replace(" not ", " ")
    spots = list(re.finditer(r"\b(?:is|are|was|were|can|will|should|could|has been|have been)\b(?= [a-z])(?! not)", text))
    if not spots or re.search(r"\b(?:no|not|never|neither|nor)\b", text):
        return None
    end = random_.choice(spots[:1]).end()
    return f"{text[:end]} not{text[end:]}"


def name(text: str, random_: random.Random, names: list[str]) -> str | None:
    whole = r"(?<=\b(?:by|is|as|in|at) )(?!The|A )[A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})?(?=[ .,;])(?! [A-Z0-9])"  # no part of a name
    spots = list(re.finditer(whole, text))
    spots = [
        m
        for m in spots
        if re.search(r"\b(?:(?:is|was|were|by|(?<!such )(?<!well )as|named|called)|\w+ed (?:in|at)|born in) $", text[: m.start()])
    ]
    spots = [m for m in spots if m[0] not in MONTHS]
    if not spots:
        return None
    spot = random_.choice(spots)
    new = random_.choice([other for other in names if not set(other.split()) & set(spot[0].split())])
    return text[: spot.start()] + new + text[spot.end() :]


EDITS: dict[str, Edit] = {"number": number, "unit": unit, "date": date, "negation": negation, "name": name}


def framed(text: str, random_: random.Random) -> str:
    first = text.split()[0]
    lower = first in (
        "The",
        "A",
        "An",
        "In",
        "It",
        "This",
        "These",
        "Most",
        "Many",
        "Some",
        "All",
        "There",
        "After",
        "If",
        "When",
    )
    return random_.choice(FRAMES) + (text[0].lower() + text[1:] if lower else text)


def reordered(text: str, _: random.Random) -> str:
    """A clause from the beginning put at the end, or from the end at the beginning."""
    if match := re.fullmatch(
        r"((?:In|During|After|Before|For|At|On|Within|By|When|If|Because|Although) [^,]{4,70}), ([^;:]+)\.", text
    ):
        clause, rest = match.groups()
        return f"{rest[0].upper()}{rest[1:]} {clause[0].lower()}{clause[1:]}."
    if match := re.fullmatch(r"([^,;:]+) ((?:in|during|after|before|within|by|at|when|because|although) [^,;:]{4,60})\.", text):
        rest, clause = match.groups()
        starts = rest.split()[0] in ("The", "A", "An", "It", "This", "These", "Most", "Many", "Some", "All", "There")
        return f"{clause[0].upper()}{clause[1:]}, {rest[0].lower() + rest[1:] if starts else rest}."
    return text


def reworded(text: str, _: random.Random) -> str:
    words = [match for match in re.finditer(r"[A-Za-z]+", text) if match[0] in SYNONYMS]
    for match in words[:1]:
        text = text[: match.start()] + SYNONYMS[match[0]] + text[match.end() :]
    return text


PARAPHRASES: dict[str, Callable[[str, random.Random], str]] = {
    "none": lambda text, _: text, "framed": framed, "reordered": reordered, "reworded": reworded,
    "framed and reworded": lambda text, random_: framed(reworded(text, random_), random_),
}  # fmt: skip


def written_otherwise(text: str, random_: random.Random) -> str:
    """The same numbers in other notations: words, decimal commas, other units."""
    text = re.sub(r"(?<![-–] )(?<!-)\b(two|three|four|five|six)\b", lambda m: str(WORDS.index(m[0]) + 2), text, count=1)
    text = re.sub(r"(?<![\w.,])(\d+)\.(\d)(?=[ %])", r"\1,\2", text, count=1)
    text = re.sub(r"(?<!to )(?<![–-])\b(\d+) weeks\b", lambda m: f"{int(m[1]) * 7} days", text, count=1)
    text = re.sub(r"(\d+)%", r"\1 percent", text, count=1)
    text = re.sub(r"(?<![\d,])(\d{1,3}),(\d{3})\b(?!,)", r"\1\2", text, count=1)
    return (
        re.sub(r"(?<!to )(?<![–-])\b(\d+) years\b", lambda m: f"{int(m[1]) * 12} months", text, count=1)
        if random_.random() < 0.5
        else text
    )


def documents_of(files: list[Path], most: int, random_: random.Random) -> Iterator[tuple[str, str, str]]:
    """Name, title and text; of each file a sample."""
    for path in sorted((ROOT / "corpus").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        yield path.stem, text.splitlines()[0].lstrip("# "), text
    for file in files:
        rows = [json.loads(line) for line in file.open(encoding="utf-8")]
        for row in random_.sample(rows, min(most, len(rows))):
            title = row.get("title", "") or row["_id"]
            yield f"{file.parent.name}-{re.sub(r'[^A-Za-z0-9]+', '-', row['_id'])}", title, f"# {title}\n\n{row['text']}\n"


def index_of(folder: Path) -> Index:
    update_index(folder / "corpus", folder / "index", Recipe(NoEmbedder(), PassageSettings()))
    return load_index(live_build(folder / "index"))


def planted(folder: Path, index: Index, wanted: int, random_: random.Random) -> dict[bytes, tuple[bytes, str, str, str, str]]:
    """Writes the edited documents; key of each edited sentence: the original's key, kind, paraphrase, both texts."""
    sentences = [s for entry in index.entries.values() for s in stated_in(index, entry) if s.kind == "paragraph"]
    sentences = [s for s in sentences if SHORTEST <= len(s.location.quote.split()) <= LONGEST and s.location.quote.endswith(".")]
    random_.shuffle(sentences)
    names = sorted(
        {m[0] for s in sentences for m in re.finditer(r"(?<=by )[A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})?", s.location.quote)}
    )
    names = [name for name in names if not {*name.split()} & {*MONTHS}]
    truth: dict[bytes, tuple[bytes, str, str, str, str]] = {}
    left = {kind: wanted // len(EDITS) for kind in EDITS}
    texts: dict[str, list[str]] = {}
    others = [" ".join(s.location.quote.split()) for s in sentences[-500:]]
    for stated in sentences:
        text = " ".join(stated.location.quote.split())
        for kind in sorted(EDITS, key=lambda kind: left[kind], reverse=True):
            edited = EDITS[kind](text, random_, names) if left[kind] else None
            if edited and edited != text:
                paraphrase = random_.choice(sorted(PARAPHRASES))
                new = PARAPHRASES[paraphrase](edited, random_)
                truth[key_of(new)] = (stated.key, kind, paraphrase if new != edited else "none", text, new)
                texts.setdefault(stated.location.title, []).append(f"{new} {random_.choice(others)}")
                left[kind] -= 1
                break
        else:
            new = PARAPHRASES[random_.choice(sorted(PARAPHRASES))](written_otherwise(text, random_), random_)
            if new != text and len(texts.get(stated.location.title, [])) < PER_DOCUMENT:
                texts.setdefault(stated.location.title, []).append(new)
        if not any(left.values()):
            break
    for number_, (title, lines) in enumerate(sorted(texts.items())):
        (folder / "corpus" / f"leaflet-{number_}.md").write_text(
            f"# {title}: leaflet\n\n" + "\n\n".join(lines) + "\n", encoding="utf-8"
        )
    return truth


def report(findings: Findings, truth: dict[bytes, tuple[bytes, str, str, str, str]], show: int) -> None:
    found: set[bytes] = set()
    wrong: list[Conflict] = []
    kinds: Counter[str] = Counter()
    for conflict in findings.conflicts:
        keys = [key_of(side.quote) for side in (conflict.first, conflict.second)]
        match = next(
            (key for key, other in ((keys[0], keys[1]), (keys[1], keys[0])) if key in truth and truth[key][0] == other), None
        )
        if match is None:
            wrong.append(conflict)
        else:
            found.add(match)
            kinds[truth[match][1]] += truth[match][1] == conflict.kind
    print(f"recall {len(found) / len(truth):.3f} ({len(found)} of {len(truth)})")
    print(f"precision {len(found) / max(1, len(found) + len(wrong)):.3f} ({len(wrong)} found that were not planted)")
    for what, column in (("kind", 1), ("paraphrase", 2)):
        for value in sorted({str(row[column]) for row in truth.values()}):
            here = [key for key, row in truth.items() if row[column] == value]
            print(f"  {what} {value}: recall {sum(key in found for key in here) / len(here):.3f} of {len(here)}")
    print(f"  kind named right: {sum(kinds.values()) / max(1, len(found)):.3f}")
    for key in [key for key in truth if key not in found][:show]:
        print("MISSED", " ".join(truth[key][1:3]), "\n  ", truth[key][3], "\n  ", truth[key][4])
    for conflict in wrong[:show]:
        print("FALSE", conflict.summary, "\n  ", conflict.first.quote, "\n  ", conflict.second.quote)


def claims(folder: Path) -> None:
    """The share of supporting and of contradicting sentences that are found to contradict their claim."""
    queries = {row["_id"]: row["text"] for row in map(json.loads, (folder / "queries.jsonl").open(encoding="utf-8"))}
    texts = {row["_id"]: row["text"] for row in map(json.loads, (folder / "corpus.jsonl").open(encoding="utf-8"))}
    counts: Counter[tuple[str, bool]] = Counter()
    for row in map(json.loads, (folder / "answers.jsonl").open(encoding="utf-8")):
        for span in row["answers"]:
            sentence = texts[span["doc_id"]][span["start"] :][: len(span["text"])]
            counts[span["label"], difference(queries[row["query_id"]], sentence) is not None] += 1
    for (label, found), count in sorted(counts.items()):
        print(f"{label}: {'contradiction found' if found else 'none found'}: {count}")


def neighbours(index: Index, embedder: ModelEmbedder, wanted: int, seed: int) -> None:
    """Prints a sample of sentences with their nearest neighbour, and whether the two are called a conflict."""
    sentences = list({s.key: s for entry in index.entries.values() for s in stated_in(index, entry)}.values())
    random_ = random.Random(seed)
    random_.shuffle(sentences)
    sentences = sentences[: 20 * wanted]
    vectors = embedder.embed_passages([s.location.quote for s in sentences])
    cosines = vectors @ vectors.T - np.eye(len(vectors))
    pairs = sorted({(min(i, j), max(i, j)) for i, j in enumerate(cosines.argmax(1).tolist())}, key=lambda pair: -cosines[pair])
    for i, j in pairs[:wanted]:
        one, other = sentences[i].location, sentences[j].location
        print(f"{cosines[i, j]:.2f} {difference(one.quote, other.quote)}\n   {one.quote}\n   {other.quote}")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("files", nargs="*", type=Path)
    arguments.add_argument("--edits", type=int, default=1000)
    arguments.add_argument("--documents", type=int, default=400)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--show", type=int, default=0)
    arguments.add_argument("--claims", type=Path)
    arguments.add_argument("--pairs", type=int, default=0)
    asked = arguments.parse_args()
    if asked.claims:
        claims(asked.claims)
        return
    random_, embedder = random.Random(asked.seed), ModelEmbedder(EmbeddingSettings())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "corpus").mkdir()
        for name_, _, text in documents_of(asked.files, asked.documents, random_):
            (folder / "corpus" / f"{name_}.md").write_text(text, encoding="utf-8")
        index = index_of(folder)
        if asked.pairs:
            neighbours(index, embedder, asked.pairs, asked.seed)
            return
        truth = planted(folder, index, asked.edits, random_)
        index = index_of(folder)
        started = time.monotonic()
        findings = find_conflicts(index, embedder, folder / "index")
        seconds = time.monotonic() - started
        print(
            f"{findings.documents} documents, {findings.sentences} sentences, {seconds:.0f} s, {len(findings.versions)} versions"
        )
        report(findings, truth, asked.show)


if __name__ == "__main__":
    main()
