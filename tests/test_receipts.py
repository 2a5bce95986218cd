"""Answers that were kept, checked against the files as they are now."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import ReceiptError
from rag.loading.corpus import FolderCorpus
from rag.receipts import load_receipt, receipt_values, save_receipt, to_html, to_markdown, verify
from rag.records import Answer
from tests.conftest import ReadHere
from tests.test_answering import ask

TEXT = "Nerves regrow slowly. About one millimetre ********** a day. That is all."


@pytest.fixture
def answer(tmp_path: Path) -> Answer:
    (tmp_path / "corpus").mkdir()
    return ask(tmp_path / "corpus", {"a.txt": TEXT, "b.md": "# B\n\nSome *** other thing entirely."}, limit=1)[0]


def kept(answer: Answer, folder: Path) -> dict[str, Any]:
    save_receipt(folder / "r.json", answer, model="m", reader="r")
    return load_receipt(folder / "r.json")


def states(receipt: dict[str, Any], folder: Path) -> list[tuple[str, tuple[int, int] | None]]:
    checked = verify(receipt, FolderCorpus(folder / "corpus"))
    return [(one.state, (one.now.start, one.now.end) if one.now else None) for one in checked]


def test_what_has_not_changed_is_valid(answer: Answer, tmp_path: Path) -> None:
    (citation,) = answer.citations
    assert states(kept(answer, tmp_path), tmp_path) == [("valid", (citation.span.start, citation.span.end))]


def test_a_changed_source_says_where_the_words_are_now(answer: Answer, tmp_path: Path) -> None:
    receipt = kept(answer, tmp_path)
    quote = answer.citations[0].quote
    (tmp_path / "corpus" / "a.txt").write_text(f"{quote}\n\nNew first line. {TEXT}")
    start = len(quote) + 2 + len("New first line. ") + TEXT.index(quote)
    # The old place is nearer to the first of the two than to the second.
    assert states(receipt, tmp_path) == [("source changed", (0, len(quote)))]
    (tmp_path / "corpus" / "a.txt").write_text(f"New first line. {TEXT}")
    start = len("New first line. ") + TEXT.index(quote)
    assert states(receipt, tmp_path) == [("source changed", (start, start + len(quote)))]
    (tmp_path / "corpus" / "a.txt").write_text(TEXT.replace("one", "two"))
    assert states(receipt, tmp_path) == [("source changed", None)]


def test_a_missing_or_unreadable_source(answer: Answer, tmp_path: Path) -> None:
    receipt = kept(answer, tmp_path)
    (tmp_path / "corpus" / "a.txt").write_text("")
    (checked,) = verify(receipt, FolderCorpus(tmp_path / "corpus"))
    assert (checked.state, checked.reason) == ("source missing", "it contains no text")
    (tmp_path / "corpus" / "a.txt").unlink()
    (checked,) = verify(receipt, FolderCorpus(tmp_path / "corpus"))
    assert (checked.state, checked.reason) == ("source missing", "no such file")


def forged(receipt: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**receipt, "citations": [{**receipt["citations"][0], **changes}]}


def test_a_quote_that_the_file_never_held(answer: Answer, tmp_path: Path) -> None:
    receipt = kept(answer, tmp_path)
    for changes in (
        {"quote": "Nerves regrow fast."},
        {"start": 1, "end": 4},
        {"start": -3, "end": -1},
        {"quote": "", "start": 0, "end": 0},
    ):
        assert states(forged(receipt, **changes), tmp_path) == [("not in the source", None)]


def test_no_file_outside_of_the_corpus_is_read(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("A secret sentence.")
    receipt = kept(answer, tmp_path)
    for name in ("../secret.txt", str(tmp_path / "secret.txt"), "./a.txt/../../secret.txt", "", "."):
        assert states(forged(receipt, document_id=name), tmp_path) == [("source missing", None)]


def test_a_receipt_that_was_edited_is_refused(answer: Answer, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save_receipt(path, answer, model="m", reader="r")
    path.write_text(path.read_text().replace("slowly", "fast").replace("millimetre", "metre"))
    with pytest.raises(ReceiptError, match="changed after it was written"):
        load_receipt(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"citations": 3, "digest": ""}', '{"citations": [{}], "digest": ""}', "\udcff"]
)
def test_what_is_no_receipt(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReceiptError, match="is no receipt"):
        load_receipt(tmp_path / "r.json")
    with pytest.raises(ReceiptError, match="is no receipt"):
        load_receipt(tmp_path / "absent.json")


def test_wrong_kinds_of_values_are_refused(answer: Answer, tmp_path: Path) -> None:
    values = receipt_values(answer, model="m", reader="r")
    (tmp_path / "r.json").write_text(json.dumps(forged(values, start="0")))
    with pytest.raises(ReceiptError, match="not of its kind"):
        load_receipt(tmp_path / "r.json")


def test_an_abstention_can_be_kept_too(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    answer, _ = ask(tmp_path / "corpus", {"a.txt": TEXT}, query="which Pulsars", minimum=1.0)
    assert states(kept(answer, tmp_path), tmp_path) == []
    values = receipt_values(answer, model="m", reader="r")
    assert "Pulsars" in to_markdown(answer, values) and "Pulsars" in to_html(answer, values)


def test_the_same_answer_gives_the_same_bytes(answer: Answer, tmp_path: Path) -> None:
    for name in ("one.json", "two.json", "one.md", "two.md", "one.html", "two.html"):
        save_receipt(tmp_path / name, answer, model="m", reader="r")
    for end in ("json", "md", "html"):
        assert (tmp_path / f"one.{end}").read_bytes() == (tmp_path / f"two.{end}").read_bytes()


HOSTILE = [
    "<script>alert(1)</script> *******",
    "```\n# no heading ``` *******",
    "**bold** [link](javascript:x) ***",
    "İß ﬁ 😀 e\u0301 \u202e *******",
]


def test_exports_show_hostile_text_as_text(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    files = {f"{i}.txt": f"{text} and more." for i, text in enumerate(HOSTILE)}
    answer, _ = ask(tmp_path / "corpus", files, limit=4, query="what are <b>they</b>")
    assert len(answer.citations) >= 4
    values = receipt_values(answer, model="m", reader="r")
    page, markdown = to_html(answer, values), to_markdown(answer, values)
    assert "<script" not in page and "<b>" not in page
    from selectolax.lexbor import LexborHTMLParser

    shown = [node.text() for node in LexborHTMLParser(page).css("blockquote p")]
    assert shown == [citation.quote for citation in answer.citations]
    from markdown_it import MarkdownIt

    fences = [token.content for token in MarkdownIt().parse(markdown) if token.type == "fence"]
    assert fences == [f"{citation.quote}\n" for citation in answer.citations]


pieces = st.lists(
    st.sampled_from(["Nerve grows *. ", "It is so **. ", "İß 😀. ", "\n\n", "Two  spaces ***. ", "e\u0301\u00ad x *. "]),
    max_size=10,
)


@settings(max_examples=60)
@given(pieces.map("".join), pieces.map("".join))
def test_what_is_said_to_stand_somewhere_stands_there(old: str, new: str) -> None:
    """Whatever a file becomes: valid means the same slice, and a place that is named holds the words."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        answer, _ = ask(corpus, {"a.txt": old})
        receipt = kept(answer, Path(folder))
        (corpus / "a.txt").write_text(new, encoding="utf-8")
        for checked, citation in zip(verify(receipt, ReadHere(corpus)), answer.citations, strict=True):
            assert checked.state != "not in the source"
            if checked.now:
                assert checked.now.of(new) == citation.quote
            elif new.strip():
                assert citation.quote not in new
