"""Receipts: saved answers are verified against the files as they are now; exports show hostile text as text."""

import json
import re
import tempfile
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from rag.errors import ReceiptError
from rag.loading.corpus import FolderCorpus
from rag.receipts import (
    conversation_html,
    conversation_markdown,
    load_receipt,
    receipt_values,
    save_receipt,
    to_html,
    to_markdown,
    verify,
)
from rag.records import Answer, Citation, Location, QuotedSentence, Span
from rag.word_export import conversation_word
from tests.conftest import ReadHere
from tests.test_answering import ask

TEXT = "Nerves regrow slowly. About one millimetre ********** a day. That is all."


@pytest.fixture
def answer(tmp_path: Path) -> Answer:
    (tmp_path / "corpus").mkdir()
    return ask(tmp_path / "corpus", {"a.txt": TEXT, "b.md": "# B\n\nSome *** other thing entirely."}, limit=1)[0]


def saved(answer: Answer, folder: Path) -> Answer:
    save_receipt(folder / "r.json", answer, model="m", reader="r")
    return load_receipt(folder / "r.json")


def states(receipt: Answer, folder: Path) -> list[tuple[str, tuple[int, int] | None]]:
    checks = verify(receipt.citations, FolderCorpus(folder / "corpus"))
    return [(check.state, (check.now.start, check.now.end) if check.now else None) for check in checks]


def test_an_unchanged_source_is_valid(answer: Answer, tmp_path: Path) -> None:
    (citation,) = answer.citations
    assert states(saved(answer, tmp_path), tmp_path) == [("valid", (citation.span.start, citation.span.end))]


def test_a_changed_source_tells_where_the_quote_is_now(answer: Answer, tmp_path: Path) -> None:
    receipt = saved(answer, tmp_path)
    quote = answer.citations[0].quote
    (tmp_path / "corpus" / "a.txt").write_text(f"{quote}\n\nNew first line. {TEXT}")
    start = len(quote) + 2 + len("New first line. ") + TEXT.index(quote)
    # The old position is nearer to the first occurrence than to the second.
    assert states(receipt, tmp_path) == [("source changed", (0, len(quote)))]
    (tmp_path / "corpus" / "a.txt").write_text(f"New first line. {TEXT}")
    start = len("New first line. ") + TEXT.index(quote)
    assert states(receipt, tmp_path) == [("source changed", (start, start + len(quote)))]
    (tmp_path / "corpus" / "a.txt").write_text(TEXT.replace("one", "two"))
    assert states(receipt, tmp_path) == [("source changed", None)]


def test_a_missing_or_unreadable_source_is_reported(answer: Answer, tmp_path: Path) -> None:
    receipt = saved(answer, tmp_path)
    (tmp_path / "corpus" / "a.txt").write_text("")
    (checked,) = verify(receipt.citations, FolderCorpus(tmp_path / "corpus"))
    assert (checked.state, checked.reason) == ("source missing", "it contains no text")
    (tmp_path / "corpus" / "a.txt").unlink()
    (checked,) = verify(receipt.citations, FolderCorpus(tmp_path / "corpus"))
    assert (checked.state, checked.reason) == ("source missing", "no such file")


def forged(receipt: Answer, **changes: Any) -> Answer:
    return replace(receipt, citations=(replace(receipt.citations[0], **changes),))


def test_a_quote_that_the_file_never_contained_is_reported(answer: Answer, tmp_path: Path) -> None:
    receipt = saved(answer, tmp_path)
    forgeries: list[dict[str, Any]] = [
        {"quote": "Nerves regrow fast."},
        {"span": Span(1, 4)},
        {"span": Span(-3, -1)},
        {"quote": "", "span": Span(0, 0)},
    ]
    for changes in forgeries:
        assert states(forged(receipt, **changes), tmp_path) == [("not in the source", None)]


def test_no_file_outside_the_corpus_is_read(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("A secret sentence.")
    receipt = saved(answer, tmp_path)
    for name in ("../secret.txt", str(tmp_path / "secret.txt"), "./a.txt/../../secret.txt", "", "."):
        assert states(forged(receipt, document_id=name), tmp_path) == [("source missing", None)]


def test_an_edited_receipt_is_refused(answer: Answer, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    save_receipt(path, answer, model="m", reader="r")
    path.write_text(path.read_text().replace("slowly", "fast").replace("millimetre", "metre"))
    with pytest.raises(ReceiptError, match="changed after it was written"):
        load_receipt(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"receipt": 1, "citations": 3, "digest": ""}', '{"citations": [{}], "digest": ""}', "\udcff"],
)
def test_files_that_are_not_receipts_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReceiptError, match="is not a receipt"):
        load_receipt(tmp_path / "r.json")
    with pytest.raises(ReceiptError, match="is not a receipt"):
        load_receipt(tmp_path / "absent.json")


def test_values_of_the_wrong_type_are_refused(answer: Answer, tmp_path: Path) -> None:
    values = receipt_values(answer, model="m", reader="r")
    values["citations"][0]["start"] = "0"
    (tmp_path / "r.json").write_text(json.dumps(values))
    with pytest.raises(ReceiptError, match="citations.0.start"):
        load_receipt(tmp_path / "r.json")


def test_a_receipt_of_another_format_is_refused(answer: Answer, tmp_path: Path) -> None:
    values = receipt_values(answer, model="m", reader="r") | {"receipt": 2}
    (tmp_path / "r.json").write_text(json.dumps(values))
    with pytest.raises(ReceiptError, match="format 2"):
        load_receipt(tmp_path / "r.json")


def test_a_receipt_restores_the_answer_without_timings(answer: Answer, tmp_path: Path) -> None:
    assert saved(answer, tmp_path) == replace(answer, nearest=(), looked_for=(), unknown=(), timings_ms={})


def test_an_abstention_has_a_receipt_too(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    answer, _ = ask(tmp_path / "corpus", {"a.txt": TEXT}, query="which Pulsars", minimum=1.0)
    assert states(saved(answer, tmp_path), tmp_path) == []
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
    shown = [node.text() for node in LexborHTMLParser(page).css("blockquote p")]
    assert shown == [citation.quote for citation in answer.citations]
    fences = [token.content for token in MarkdownIt().parse(markdown) if token.type == "fence"]
    assert fences == [f"{citation.quote}\n" for citation in answer.citations]


INJECTIONS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "{{ 7 * 7 }}{% raw %}{# #}",
    "<!-- ",
    "\x00\x0b\u2028",
]


def tree_of(page: str) -> list[tuple[str | None, tuple[str, ...]]]:
    """The tags of a page in order, with the names of their attributes."""
    return [(node.tag, tuple(sorted(node.attributes))) for node in LexborHTMLParser(page).css("*")]


def hostile_answer(text: str) -> Answer:
    other = Location(text, text, Span(0, 1), text, None, (text,), text)
    citation = Citation(1, text, text, Span(0, 9), text, 3, (text, text), text, also=(other,), differs=(2,))
    return Answer(text, text, (QuotedSentence(text, 1, context=True),), (citation,), index=text, measured_on=text)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_an_answer_changes_the_structure_of_the_page(text: str) -> None:
    def page(of: str) -> str:
        return conversation_html(of, [(hostile_answer(of), of, of), (Answer(of, of, unknown=(of,)), of, of)])

    assert tree_of(page(text)) == tree_of(page("plain"))


@pytest.mark.parametrize("text", [*INJECTIONS, "**bold** _it_ [link](javascript:x) ![i](x) `code` # head | cell ~~x~~"])
def test_no_text_of_an_answer_is_markup_in_the_markdown(text: str) -> None:
    answers = [(hostile_answer(text), text, text), (Answer(text, text, unknown=(text,), reason="near_miss"), text, text)]
    markdown = conversation_markdown(text, answers)
    tokens = MarkdownIt("commonmark").parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in tokens} & {"html_block", "table_open"} == set()
    assert {child.type for child in inline} <= {"text", "text_special", "softbreak", "strong_open", "strong_close"}
    bold = [inline[at + 1].content for at, child in enumerate(inline) if child.type == "strong_open"]
    assert bold == ["[1]"]
    heading = next(tokens[at + 1] for at, token in enumerate(tokens) if token.type == "heading_open")
    assert "".join(child.content for child in heading.children or ()) == " ".join(text.split()).replace("\x00", "\ufffd")


pieces = st.lists(
    st.sampled_from(["Nerve grows *. ", "It is so **. ", "İß 😀. ", "\n\n", "Two  spaces ***. ", "e\u0301\u00ad x *. "]),
    max_size=10,
)


@settings(max_examples=60)
@given(pieces.map("".join), pieces.map("".join))
def test_a_reported_position_holds_the_quote(old: str, new: str) -> None:
    """Whatever becomes of the file: if a position is reported, the quote is there, and if none is, it is nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        answer, _ = ask(corpus, {"a.txt": old})
        receipt = saved(answer, Path(folder))
        (corpus / "a.txt").write_text(new, encoding="utf-8")
        for checked, citation in zip(verify(receipt.citations, ReadHere(corpus)), answer.citations, strict=True):
            assert checked.state != "not in the source"
            if checked.now:
                assert checked.now.of(new) == citation.quote
            elif new.strip():
                assert citation.quote not in new


def test_a_page_for_people_has_titles_and_numbered_sources_but_no_hashes(answer: Answer) -> None:
    values = receipt_values(answer, model="m", reader="r")
    for text in (to_html(answer, values), to_markdown(answer, values)):
        assert answer.citations[0].title in text.replace("\\", "") and "rag verify" in text.replace("\\", "")
        assert not re.search(r"[0-9a-f]{64}", text) and "trust:" not in text
    page = LexborHTMLParser(conversation_html("Ferns", [(answer, "m", "r")], "30 November 2026"))
    assert [node.text() for node in page.css("blockquote sup")] == [node.text() for node in page.css("dl > dt")]
    assert "30 November 2026" in (page.css_first(".date") or page.css("body")[0]).text()


WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@pytest.mark.parametrize("text", [*HOSTILE, *INJECTIONS, "two\nlines\ttab"])
def test_a_word_document_has_each_quote_with_its_source_in_a_footnote(text: str) -> None:
    given = replace(hostile_answer(text), sentences=(QuotedSentence(text, 1),))
    data = conversation_word(text, [given, Answer(text, text, reason="near_miss")], "foot", "today")
    shown = re.sub("[\0\x0b]", "\ufffd", text)
    document = Document(BytesIO(data))
    assert [paragraph.text for paragraph in document.paragraphs].count(shown) >= 3  # title, question, quote
    with zipfile.ZipFile(BytesIO(data)) as archive:
        footnotes = etree.fromstring(archive.read("word/footnotes.xml"))
        body = etree.fromstring(archive.read("word/document.xml"))
    used = [node.get(f"{WORD}id") for node in body.iter(f"{WORD}footnoteReference")]
    notes = {note.get(f"{WORD}id"): "".join(note.itertext()) for note in footnotes}
    assert used == ["1"] and set(notes) == {"-1", "0", "1"}
    assert shown in notes["1"]
