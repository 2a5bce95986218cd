"""Documents to passages: structure, size, context, and the laws of their spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.models.embedder import ModelEmbedder
from rag.records import Passage
from rag.text.passages import embedded_text, split_passages
from tests.conftest import WordEmbedder

LIMIT = 40


def split(name: str, text: str, limit: int = LIMIT) -> list[Passage]:
    return split_passages(load_document(name, text.encode()), count_tokens=WordEmbedder().count_tokens, limit=limit)


def test_a_heading_starts_a_passage_and_is_context_for_its_section() -> None:
    passages = split("a.md", "# Nerves\n\n## Cuts\n\n" + "The nerve was cut with a knife. " * 8 + "\n\n## Burns\n\nBurns hurt.\n")
    assert [passage.headings for passage in passages] == [("Cuts",), ("Cuts",), ("Burns",)]
    assert passages[0].text.startswith("# Nerves\n\n## Cuts\n\nThe nerve")
    assert embedded_text(passages[1]).startswith("Nerves > Cuts\nThe nerve was cut")
    assert embedded_text(passages[2]) == "Nerves > Burns\nBurns hurt."


def test_the_passages_of_a_section_are_about_equally_long() -> None:
    passages = split("a.md", "# N\n\n" + "The nerve was cut by glass today. " * 6)
    assert [len(passage.sentences) for passage in passages] == [4, 3]  # the first also contains the heading


def test_a_question_stays_with_its_answer() -> None:
    passages = split("faq.txt", "Is it safe?\nYes. It is safe.\nDoes it hurt?\nNo.\n")
    assert [passage.text for passage in passages] == ["Is it safe?\nYes. It is safe.", "Does it hurt?\nNo."]
    assert passages[0].headings == ("Is it safe?",)
    assert [sentence.quotable for sentence in passages[0].sentences] == [False, True, True]


def test_sentences_exclude_the_markers_of_headings_items_and_rows() -> None:
    text = "# T\n\n* **one** item\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n1. first\n"
    (passage,) = split("a.md", text)
    assert [sentence.span.of(text) for sentence in passage.sentences] == [
        "T",
        "**one** item",
        "a | b",
        "1 | 2",
        "first",
    ]
    assert [sentence.quotable for sentence in passage.sentences] == [False, True, False, True, True]


def test_table_rows_stay_whole() -> None:
    rows = "".join(f"| row {i} | " + "word " * 8 + "|\n" for i in range(9))
    for passage in split("t.md", "| a | b |\n|---|---|\n" + rows):
        assert passage.text.startswith("|") and passage.text.endswith("|")


def test_a_sentence_over_the_limit_is_cut_at_words_and_marked_as_cut() -> None:
    text = "word " * 100 + "end."
    passages = split("a.txt", text)
    assert all(passage.cut for passage in passages)
    assert " ".join(passage.text for passage in passages) == text
    assert not any(passage.cut for passage in split("b.txt", "A short one."))


def test_long_code_is_cut_at_line_ends() -> None:
    passages = split("a.md", "# T\n\n```\n" + "one two three four five = six\n" * 30 + "```\n")
    assert len(passages) > 3
    assert all(passage.text.endswith(("= six", "```")) and not passage.cut for passage in passages)


def test_a_meaningless_file_name_is_not_embedded() -> None:
    assert embedded_text(split("000_c546f6.txt", "Ferns are green.")[0]) == "Ferns are green."


def test_ids_depend_on_position_and_content() -> None:
    first, second = split("a.txt", "Is it?\nYes.\nIs it?\nYes.")
    assert first.id != second.id
    assert first.id == split("a.txt", "Is it?\nYes.\nIs it?\nYes.")[0].id != split("b.txt", "Is it?\nYes.\nIs it?\nYes.")[0].id


parts = st.sampled_from(
    ["# Head\n\n", "## Sub\n\n", "Why is it so?\n", "- item one\n", "| a | b |\n|---|---|\n| c | d |\n\n", "A sentence. ", "İß ﬁ 😀e\u0301. ",
     "word " * 50, "\n\n", "\r\n", "Dr. No \u00ad came. ", "x" * 300, "```\ncode\n```\n", "> quoted text.\n", "1. one\n", "---\n"]
)  # fmt: skip


@given(
    st.lists(parts, min_size=1, max_size=25).map("".join),
    st.sampled_from(["a.md", "a.txt"]),
    st.sampled_from([12, 40, 200]),
)
def test_passages_obey_the_laws(text: str, name: str, limit: int) -> None:
    try:
        document = load_document(name, text.encode())
    except UnreadableFile:
        return
    count = WordEmbedder().count_tokens
    passages = split_passages(document, count_tokens=count, limit=limit)
    outside = list(document.text)
    end = 0
    for passage in passages:
        assert passage.text == passage.span.of(document.text)
        assert passage.span.start >= end
        assert count([embedded_text(passage)])[0] <= limit
        outside[passage.span.start : passage.span.end] = " " * len(passage.text)
        inner = passage.span.start
        for sentence in passage.sentences:
            assert inner <= sentence.span.start < sentence.span.end <= passage.span.end
            inner = sentence.span.end
        end = passage.span.end
    for block in document.blocks:
        assert not "".join(outside[block.span.start : block.span.end]).strip()


@pytest.mark.slow
def test_passages_fit_the_real_model(embedder: ModelEmbedder) -> None:
    text = "# Ünïcode – “quotes” 😀\n\n" + "".join(
        f"The {i}th µ-fibre’s naïve İ–ß ﬁn costs 5 %, i.e. {'ab' * i}. " for i in range(120)
    )
    document = load_document("a.md", text.encode())
    for passage in split_passages(document, count_tokens=embedder.count_tokens, limit=embedder.max_tokens):
        assert embedder.count_tokens([embedded_text(passage)])[0] <= embedder.max_tokens


def test_text_that_is_not_content_gets_into_no_passage() -> None:
    text = (
        "# T\n\nOne sentence.\n\n<!-- "
        + "word " * 300
        + "-->\n\nTwo sentences.\n\n"
        + "".join(f"[l{i}]: http://x.y/{i}\n" for i in range(60))
    )
    passages = split("a.md", text)
    assert [passage.text for passage in passages] == ["# T\n\nOne sentence.", "Two sentences."]


def test_embedded_headings_have_no_markdown() -> None:
    passages = split("a.md", "# The *nerve* root\n\nOne.\n\n## [Link](http://x.y) `head` ##\n\nTwo.\n")
    assert [embedded_text(passage) for passage in passages] == ["The nerve root\nOne.", "The nerve root > Link head\nTwo."]
