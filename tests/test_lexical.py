import tempfile
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.index import lexical
from rag.index.lexical import K1, B, LexicalIndex, save_merged
from rag.text.terms import terms

DOCUMENTS = [["nerve", "injury", "nerve"], ["muscle", "injury"], ["muscle", "muscle", "weak", "nerve"], []]


def test_scores_of_a_worked_example() -> None:
    """N = 4, mean length 9/4; "weak" occurs once, in the third document, of length 4: idf = ln(1 + 3.5/1.5)."""
    index = LexicalIndex.build(DOCUMENTS)
    norm = 0.6 * (1 - 0.6 + 0.6 * 4 / 2.25)
    expected = np.log(1 + 3.5 / 1.5) * 1.6 / (1 + norm)
    assert index.scores(["weak"]).tolist() == pytest.approx([0, 0, expected, 0])


words = st.sampled_from(["a", "b", "c", "d", "e"])
corpora = st.lists(st.lists(words, min_size=1, max_size=8), min_size=2, max_size=12)


@given(corpora, st.lists(words, min_size=1, max_size=4, unique=True))
def test_scores_equal_those_of_bm25s(documents: list[list[str]], query: list[str]) -> None:
    known = {word for document in documents for word in document}
    query = [word for word in query if word in known]
    if not query:
        return
    reference = bm25s.BM25(method="lucene", k1=K1, b=B)
    reference.index(documents, show_progress=False)
    ours = LexicalIndex.build(documents).scores(query)
    # bm25s omits the constant factor k1 + 1, like Lucene; it does not affect the order.
    assert ours / (K1 + 1) == pytest.approx(reference.get_scores(query), abs=1e-5)


def test_a_loaded_index_scores_like_the_saved_one(tmp_path: Path) -> None:
    index = LexicalIndex.build(DOCUMENTS)
    index.save(tmp_path, "terms")
    loaded = LexicalIndex.load(tmp_path, "terms")
    assert list(loaded.vocabulary()) == list(index.vocabulary()) == [b"injury", b"muscle", b"nerve", b"weak"]
    for query in (["nerve"], ["muscle", "weak"], ["unknown"], []):
        assert loaded.scores(query).tobytes() == index.scores(query).tobytes()


def test_no_documents_and_no_terms() -> None:
    assert LexicalIndex.build([]).scores(["nerve"]).shape == (0,)
    assert LexicalIndex.build([[], []]).scores(["nerve"]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the meaning of this?", ["mean"]),
        ("Nerves and nerve", ["nerv", "nerv"]),
        ("S1-nerve", ["s1-nerv", "s1", "nerv"]),
        ("ner\u00advous", ["nervous"]),
        ("ﬁbre", ["fibr"]),
        ("Straße STRASSE", ["strass", "strass"]),
        ("Cannon's law", ["cannon", "cannon", "law"]),
        ("", []),
        ("£52,300.50", ["52", "300.50", "300", "50", "52300.5", "52300"]),
        ("52300.50", ["52300.50", "52300", "50"]),
        ("12,000", ["12", "000", "12000"]),
        ("25³ of 10⁸", ["25", "3", "10", "8"]),
        ("CO₂ in cm³ of water³", ["co2", "cm3", "water", "3"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@given(
    st.lists(st.lists(words, max_size=6), max_size=10),
    st.lists(st.integers(0, 2), min_size=10, max_size=10),
    st.lists(st.lists(words, min_size=1, max_size=6), max_size=4),
    st.integers(1, 30),
)
def test_merged_parts_equal_an_index_built_at_once(
    documents: list[list[str]], part_of: list[int], gone: list[list[str]], block: int
) -> None:
    """Equal bytes however the rows are divided into parts, whatever else these hold, and however small the blocks are."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        parts = []
        for number in range(3):
            rows = [row for row in range(len(documents)) if part_of[row] == number]
            parts.append((Path(folder, str(number)), np.array(rows + [-1] * len(gone), dtype=np.int64)))
            parts[-1][0].mkdir()
            LexicalIndex.build([documents[row] for row in rows] + gone).save(parts[-1][0], "terms")
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        ours.mkdir()
        theirs.mkdir()
        patch.setattr(lexical, "BLOCK", block)
        save_merged(parts, ours, "terms")
        LexicalIndex.build(documents).save(theirs, "terms")
        assert {path.name: path.read_bytes() for path in ours.iterdir()} == {
            path.name: path.read_bytes() for path in theirs.iterdir()
        }
