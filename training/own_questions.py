"""The questions that we wrote on public texts; the repository holds no text of the sources, only where it is."""

from pathlib import Path

from rag.text.sentences import split_sentences
from training.examples import Example, lines


def own_questions(data: Path, path: Path) -> list[Example]:
    """Our own questions; training/questions.jsonl says of which source, document and sentences, and holds no text of it."""
    texts = _source_texts(data)
    examples = []
    for row in lines(path):
        title, text = texts[row["source"], row["document"]]
        spans = split_sentences(text)[row["first"] : row["first"] + row["count"]]
        offset = spans[0].start
        sentences = [[s.start - offset, s.end - offset] for s in spans]
        phrases = []
        if row["phrase"]:
            start = text.index(row["phrase"], spans[row["sentences"][0]].start) - offset
            phrases = [[start, start + len(row["phrase"])]]
        examples.append(
            Example(
                "ours",
                row["question"],
                title,
                text[offset : spans[-1].end],
                sentences,
                sorted(row["sentences"]),
                phrases,
                "sentences" if row["sentences"] else "none",
                row["document"],
            )
        )
    return examples


def _source_texts(data: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(source, document) -> (title, text with its white space folded)."""
    texts: dict[tuple[str, str], tuple[str, str]] = {}
    for row in lines(data / "train" / "retrieval_pairs.jsonl.gz"):
        name = {"medquad-nonneuro": "medquad", "openstax-nonnerve-term": "openstax"}.get(row["source"])
        if name:
            document = row["group"] + (f"#{row['query']}" if name == "openstax" else "")
            for key in ((name, document), (name, f"{row['group']}#{row['query']}")):
                texts.setdefault(key, (row["title"], " ".join(row["positive"].split())))
    for name in ("scifact", "covidqa", "feedbackqa", "squadshift_newwiki", "clapnq"):
        for page in lines(data / name / "corpus.jsonl"):
            texts[name, page["_id"]] = (page["title"], " ".join(page["text"].split()))
    return texts
