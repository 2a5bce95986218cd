"""Abbreviations: found when the index is built, explained when asked for, searched by either form."""

from pathlib import Path

import pytest

from rag.answering.lookups import look_up
from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.retrieval import retrieve
from rag.text.short_forms import abbreviations_in
from tests.conftest import WordEmbedder, index_of, updated
from tests.test_table_lookup import NoReader

FILES = {
    "reliability.md": "# Reliability\n\nThe mean time between failures (MTBF) of the pump is 4,000 hours.\n\n"
    "An MTTR (mean time to repair) of two hours is usual.\n\nThe MTBF falls with heat.\n",
    "clinic.md": "# Clinic\n\nEMG: electromyography, a test of muscles.\n\nALS stands for amyotrophic lateral sclerosis.\n\n"
    "Magnetic resonance imaging (MRI; also called a scan) takes half an hour.\n",
    "rescue.md": "# Rescue\n\nIn advanced life support (ALS), a doctor is called.\n\n| Short | Long form |\n|---|---|\n"
    "| AED | automated external defibrillator |\n| CPR | cardiopulmonary resuscitation |\n",
    "notes.md": "# Notes\n\nThe GPS (see page 4) is broken. The UFO was seen (twice) at night. It (IT) helps.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("abbreviations")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return index_of(folder, WordEmbedder())


def found(query: str, index: Index, documents: list[str] | None = None) -> list[str]:
    lookup = look_up(query, index, documents, NoReader())
    return [choice.scored.phrase or "" for choice in lookup.choices if not choice.context] if lookup else []


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        # From Schwartz and Hearst 2003 and the papers that it cites.
        ("heat shock transcription factor (HSF)", [("HSF", "heat shock transcription factor")]),
        ("Gcn5-related N-acetyltransferase (GNAT)", [("GNAT", "Gcn5-related N-acetyltransferase")]),
        ("we use ADA (adenosine deaminase) here", [("ADA", "adenosine deaminase")]),
        ("the World Health Organization (WHO) and the IOC (International Olympic Committee)",
         [("WHO", "World Health Organization"), ("IOC", "International Olympic Committee")]),
        ("standard operating procedures (SOPs)", [("SOPs", "standard operating procedures")]),
        ("personal protective equipment (PPE)", [("PPE", "personal protective equipment")]),
        ("PPE, short for personal protective equipment, is worn.", [("PPE", "personal protective equipment")]),
        ("ROM – read-only memory", [("ROM", "read-only memory")]),
        ("the results (Table 2) of 12 patients (see Fig. 3)", []),
        ("He left (IN A HURRY) at ten.", []),
        ("Price (EUR)", []),
        ("a", []),
        ("", []),
    ],
)  # fmt: skip
def test_pairs_of_short_and_long_forms(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(found.short, found.long.of(text)) for found in abbreviations_in(text)] == pairs


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("What does MTBF stand for?", ["mean time between failures"]),
        ("what does mtbf stand for", ["mean time between failures"]),
        ("What is MTTR short for?", ["mean time to repair"]),
        ("What does EMG stand for?", ["electromyography"]),
        ("What is the full form of MRI?", ["Magnetic resonance imaging"]),
        ("Please tell me what AED stands for.", ["automated external defibrillator"]),
        ("What does the abbreviation CPR mean?", ["cardiopulmonary resuscitation"]),
        ("What does ALS stand for?", ["amyotrophic lateral sclerosis", "advanced life support"]),  # two meanings
        ("What is the abbreviation for mean time between failures?", ["MTBF"]),
        ("How is magnetic resonance imaging abbreviated?", ["MRI"]),
        ("What does GPS stand for?", []),  # not explained
        ("What does UFO stand for?", []),
        ("What does XYZ stand for?", []),
        ("What does the mayor stand for?", []),
    ],
)
def test_what_an_abbreviation_stands_for(query: str, phrases: list[str], index: Index) -> None:
    assert found(query, index) == phrases


def test_only_the_documents_asked_explain(index: Index) -> None:
    assert found("What does ALS stand for?", index, ["rescue.md"]) == ["advanced life support"]


def test_either_form_finds_the_other(index: Index) -> None:
    def best(query: str) -> set[str]:
        settings = RetrievalSettings(dense_weight=0.0)
        hits = retrieve(index, query, WordEmbedder().embed_query(query), settings, k=2)
        return {hit.passage.document_id for hit in hits if hit.score > 0}

    assert index.abbreviations.other_forms("Is the MTBF long?") == ["mean time between failures"]
    assert index.abbreviations.other_forms("the mean time between failures") == ["MTBF"]
    assert index.abbreviations.other_forms("ALS") == []  # two meanings
    assert "rescue.md" in best("cardiopulmonary resuscitation")
    assert "rescue.md" in best("CPR")


def test_an_updated_index_has_the_same_abbreviations_and_none_of_removed_documents(tmp_path: Path) -> None:
    """Laws 5 and 10."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, text in FILES.items():
        (corpus / name).write_text(text, encoding="utf-8")
    updated(corpus, tmp_path / "index")
    (corpus / "reliability.md").unlink()
    (corpus / "clinic.md").write_text("# Clinic\n\nThe intensive care unit (ICU) is upstairs.\n", encoding="utf-8")
    index, _ = updated(corpus, tmp_path / "index")
    rebuilt, _ = updated(corpus, tmp_path / "other")
    assert index.abbreviations.definitions == rebuilt.abbreviations.definitions
    assert [definition.short for definition in index.abbreviations.definitions] == ["ICU", "ALS", "AED", "CPR"]
    files = [path for path in (tmp_path / "index").rglob("*") if path.is_file()]
    assert not any(b"between failures" in path.read_bytes() for path in files)
