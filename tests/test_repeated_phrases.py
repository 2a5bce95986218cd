"""Phrases that a text repeats, and the abbreviations in questions that they spell out."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.config import Settings
from rag.conversation import Chat
from rag.followups.corrected_words import MOST_SEARCHED, corrected_words
from rag.index.phrases import RepeatedPhrases
from rag.models.embedder import ModelEmbedder
from rag.text.repeated_phrases import MOST_INITIALS, repeated_phrases
from rag.text.spelling import with_corrections
from tests.conftest import index_of, updated


@pytest.mark.parametrize(
    ("texts", "initials", "phrases"),
    [
        (["Power supply units hum.", "The power supply units are new."], "PSU", {"power supply units": 2}),
        (["Radial nerve palsy heals.", "Radial nerve palsy hurts.", "A radial sign."], "RNP", {"radial nerve palsy": 2}),
        (["Horner nerve block.", "Horner nerve block."], "HNB", {"Horner nerve block": 2}),
        (["long QT syndrome", "Long QT syndrome"], "LQTS", {"long QT syndrome": 2}),
        (["DNA repair enzyme", "DNA repair enzyme", "a file of dna"], "DNARE", {"DNA repair enzyme": 2}),
        (["the post-void residual", "a post-void residual"], "PVR", {"post-void residual": 2}),
        (["terms of use apply", "the terms of use"], "TU", {}),
        (["board of general directors met", "the board of general directors"], "BGD", {"board of general directors": 2}),
        (["síndrome del túnel carpiano", "el síndrome del túnel carpiano"], "STC", {"síndrome del túnel carpiano": 2}),
        (["one two three", "one, two, three"], "OTT", {}),
        (["red green blue"], "RGB", {}),
        (["the motor that is used", "the motor that is used"], "MTIU", {}),
        (["a 3 phase motor", "a 3 phase motor"], "3PM", {}),
        ([], "ABC", {}),
    ],
)
def test_phrases_that_occur_twice_are_found_by_their_initials(texts: list[str], initials: str, phrases: dict[str, int]) -> None:
    assert repeated_phrases(texts, "en").get(initials, {}) == phrases


@given(st.lists(st.lists(st.sampled_from("alpha beta gamma delta".split()), max_size=9).map(" ".join), max_size=5))
def test_counts_equal_those_of_an_exhaustive_search(texts: list[str]) -> None:
    counts: Counter[str] = Counter()
    for words in map(str.split, texts):
        runs = ((start, start + size) for size in range(3, MOST_INITIALS + 1) for start in range(len(words) - size + 1))
        counts.update(" ".join(words[start:end]) for start, end in runs)
    counted = {phrase: count for phrases in repeated_phrases(texts, "en").values() for phrase, count in phrases.items()}
    assert counted == {phrase: count for phrase, count in counts.items() if count > 1}


TEXTS = {
    "boards.md": (
        "# Boards\n\nThe power supply unit is sealed. Never open a power supply unit.\n\nThe mean time between failures (MTBF) is long. "
        "The main tube base factor is short; the main tube base factor counts.\n"
    ),
    "cells.md": "# Cells\n\nEvery red blood cell bends. A red blood cell has no core.\n\nA rapid brake check helps; no rapid brake check harms.\n",
    "masts.md": "# Masts\n\nThe mast arm pivot turns. Grease every mast arm pivot.\n",
    "valves.md": (
        "# Valves\n\nThe valve seat pin shines. A valve seat pin wears. The valve seat pin size fits. A valve seat pin size varies.\n"
    ),
    "law.md": "# Law\n\nThe general court order binds. A general court order ends. The GCO office is closed.\n",
}


def written(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Can I open the PSU?", {"PSU": "power supply unit"}),
        ("Are the PSUs sealed?", {"PSUs": "power supply unit"}),
        ("can i open the psu", {"psu": "power supply unit"}),
        ("PSU?", {"PSU": "power supply unit"}),
        ("What is the MTBF?", {}),  # explained
        ("What is an RBC?", {}),  # "red blood cell" or "rapid brake check"
        ("What does the GCO do?", {}),  # a word of the documents
        ("Is the XQZ sealed?", {}),
        ("A non-PSU part", {}),
        ("What is the PSU's lid?", {"PSU": "power supply unit"}),
        ("CAN I OPEN THE PSU", {"PSU": "power supply unit"}),
        ("IS THE MAP IN A BOX", {}),  # an everyday word, although in capitals like all others
        ("Is the MAP sealed?", {"MAP": "mast arm pivot"}),
        ("MAP?", {"MAP": "mast arm pivot"}),
        ("Psu lid", {"Psu": "power supply unit"}),
        ("What did Mr Psu say?", {}),  # a name
        ("What does psu.md say?", {}),
        ("Who reads boards/psu.md, www.psu.org or psu@example.org?", {}),
        ("Is the PSU/RBC sealed?", {"PSU": "power supply unit"}),
        ("Are the VSPs tight?", {"VSPs": "valve seat pin"}),  # also what "valve seat pin size" is
        ("la tension et les moteurs sont graves avec ces psu", {}),  # any unknown French word
        ("la tension et les moteurs sont graves avec le PSU", {"PSU": "power supply unit"}),
        ("", {}),
    ],
)
def test_unknown_abbreviations_are_spelled_out(tmp_path: Path, question: str, wanted: dict[str, str]) -> None:
    assert corrected_words(question, index_of(written(tmp_path, TEXTS))) == wanted


def test_file_names_are_searched_as_typed_next_to_the_abbreviation(tmp_path: Path) -> None:
    question = "Does psu.md or a@psu.org say that the psu is sealed, and is the psu."
    corrected = corrected_words(question, index_of(written(tmp_path, TEXTS)))
    expected = "Does psu.md or a@psu.org say that the power supply unit is sealed, and is the power supply unit."
    assert with_corrections(question, corrected) == expected


def test_only_a_few_unknown_words_of_a_text_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search reads a file of all documents; a word is looked up once, however often it is repeated."""
    index = index_of(written(tmp_path, TEXTS))
    searched: list[str] = []
    monkeypatch.setattr(RepeatedPhrases, "phrase_for", lambda _, short: searched.append(short))
    unknown = [f"{first}q{last}z" for first in "xzjkvw" for last in "xzjkvw"]
    corrected_words(" ".join(unknown * 10), index)
    assert searched == unknown[:MOST_SEARCHED]


def test_an_update_adds_the_phrases_of_new_documents(tmp_path: Path) -> None:
    corpus, index = written(tmp_path / "corpus", TEXTS), tmp_path / "index"
    assert corrected_words("RPM", updated(corpus, index)[0]) == {}
    written(corpus, {"motor.md": "# Motor\n\nThe rotor pole magnet is new. A rotor pole magnet lasts.\n"})
    assert corrected_words("RPM and PSU", updated(corpus, index)[0]) == {"RPM": "rotor pole magnet", "PSU": "power supply unit"}


@pytest.mark.slow
def test_the_handbook_answers_a_question_in_abbreviations(handbook: Settings, embedder: ModelEmbedder) -> None:
    chat = Chat(handbook, embedder)
    answer = chat.ask("PVR cutoff suspicious for CES?")
    assert answer.corrected == {"PVR": "post-void residual", "CES": "cauda equina syndrome"}
    assert "200 ml" in answer.sentences[0].text
    assert chat.ask("PVR cutoff suspicious for CES?", correct=False).corrected == {}
