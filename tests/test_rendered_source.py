"""The rendered source: it reads as the document does, and its text is the document's, to the character."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from rag.loading.loader import load_document
from rag.records import Document, Span
from rag.ui.rendered_source import Mark, rendered, without_overlaps
from tests.conftest import ROOT

ADVERSARIAL = [
    "# Title\n\nA **bold** word, *one* in italics, `code`, a [link](http://example.org \"t\") and \\*stars\\*.\n",
    "Setext\n======\n\n- one\n- two **x\n  - nested\n\n1. first\n2. second\n",
    "| a | b |\n|---|:-:|\n| x \\| y | **z** |\n| 1 | 2 |\n\nText | with a bar.\n",
    "> A quotation\n> of two lines.\n\n```python\nx = '<b>'\n```\n\n~~~\n# no heading\n~~~\n",
    "<script>alert(1)</script> <img src=x onerror=alert(1)> {{ 7 * 7 }} ${x} &amp; &lt;\n\n</mark></p></div>\n",
    "İß ﬁ 😀 e\u0301 \u202edeliah\u202c zero\u200bwidth soft\u00adhyphen \u00a0nbsp.\n\n* * *\n\n_ _ ** ** __init__ a_b_c 2*3*4\n",
    "---\ntitle: x\n---\n\n# H\n\n[ref]: http://example.org\n\nText with [ref][ref] and ![image](x.png).\n",
    "Line one.  \nLine two.\\\nLine three.\n\n\n\n  indented\n\n\ttab\n",
    "Unclosed **bold and `code and [link](\n\n***all*** **a*b*c** `` ` `` \n",
]  # fmt: skip


def document_of(text: str, name: str = "a.md") -> Document:
    return load_document(name, text.encode("utf-8"))


def tree_of(document: Document, part: Span, *marks: Mark) -> LexborNode:
    html = rendered(document, part, without_overlaps(marks[0] if marks else None, marks[1:]))
    node = LexborHTMLParser(f'<div id="all">{html!s}</div>').css_first("#all")
    assert node is not None
    return node


def text_of(nodes: list[LexborNode]) -> str:
    return "".join(node.text() for node in nodes)


def check(document: Document, part: Span, span: Span) -> None:
    """The law: all text is the document's, and the marked text is the slice."""
    node = tree_of(document, part, Mark(span, "active", "r"))
    assert node.text() == part.of(document.text)
    seen = Span(max(span.start, part.start), min(span.end, part.end))
    assert text_of(node.css("mark.active")) == seen.of(document.text)
    assert {child.tag for child in node.css("*")} <= {"div", "p", "ul", "li", "span", "mark", "pre"}


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.csv", "a.html"])
@pytest.mark.parametrize("text", ADVERSARIAL)
def test_the_marked_text_is_the_slice_whatever_the_document_holds(text: str, name: str) -> None:
    document = document_of(text, name)
    size = len(document.text)
    for start in range(0, size, 3):
        for length in (1, 7, 40):
            if start + length <= size:
                check(document, Span(0, size), Span(start, start + length))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_part_of_any_mixture_is_the_slice(data: st.DataObject) -> None:
    text = "\n".join(data.draw(st.lists(st.sampled_from(ADVERSARIAL), min_size=1, max_size=4)))
    document = document_of(text, data.draw(st.sampled_from(["a.md", "a.txt"])))
    points = st.integers(0, len(document.text))
    first, start, end, last = sorted(data.draw(st.tuples(points, points, points, points)))
    if start < end:
        check(document, Span(first, last), Span(start, end))


def test_code_that_begins_with_a_line_break_keeps_it() -> None:
    """HTML drops a line break right after <pre>."""
    document = document_of(ADVERSARIAL[3])
    start = document.text.index("\n# no heading")
    check(document, Span(start, start + 2), Span(start + 1, start + 2))


@pytest.mark.slow
def test_the_handbook_is_rendered_to_the_character() -> None:
    corpus = FolderCorpus(ROOT / "corpus")
    for file in corpus.read(corpus.names()):
        assert isinstance(file, LoadedFile)
        (document,) = file.documents
        check(document, Span(0, len(document.text)), document.blocks[-1].span)


def shown(text: str, name: str = "a.md") -> LexborNode:
    document = document_of(text, name)
    return tree_of(document, Span(0, len(document.text)))


def visible(node: LexborNode) -> str:
    """What a reader sees: markup is hidden by the style sheet."""
    html = re.sub(r'<span class="[^"]*syntax[^"]*">[^<]*</span>', "", node.html or "")
    read = LexborHTMLParser(html).body
    assert read is not None
    return " ".join(read.text().split())


def test_markdown_reads_as_headings_lists_emphasis_and_links() -> None:
    node = shown(ADVERSARIAL[0])
    heading = node.css_first("[role=heading]")
    assert heading is not None and visible(heading) == "Title" and heading.attributes["aria-level"] == "3"
    assert visible(node) == "Title A bold word, one in italics, code, a link and *stars*."
    assert [text_of(node.css(f".{style}")) for style in ("strong", "emphasis", "code", "link")] == ["bold", "one", "code", "link"]
    assert node.css("a") == [] and "example.org" not in visible(node)
    items = shown(ADVERSARIAL[1]).css("ul > li")
    assert [visible(item) for item in items] == ["one", "two **x", "nested", "1. first", "2. second"]


def test_a_table_reads_as_a_table_and_its_row_is_marked_as_a_whole() -> None:
    document = document_of(ADVERSARIAL[2])
    row = next(block.span for block in document.blocks if "x \\| y" in block.span.of(document.text))
    sentence = Span(row.start + 2, row.end - 2)
    node = tree_of(document, Span(0, len(document.text)), Mark(sentence, "active", "r"))
    assert [visible(cell) for cell in node.css("[role=columnheader]")] == ["a", "b"]
    assert [visible(cell) for cell in node.css("[role=cell]")] == ["x | y", "z", "1", "2"]
    (mark,) = node.css("mark")
    assert mark.attributes["id"] == "source-mark" and mark.text() == sentence.of(document.text)
    assert [visible(cell) for cell in mark.css("[role=cell]")] == ["x | y", "z"]


def test_code_is_not_interpreted_and_unseen_characters_are_named() -> None:
    assert visible(shown(ADVERSARIAL[3])) == "A quotation of two lines. x = '<b>' # no heading"
    titles = [node.attributes["title"] for node in shown(ADVERSARIAL[5]).css(".unseen")]
    assert titles == [f"invisible character U+{code}" for code in ("202E", "202C", "200B")]


def test_plain_text_is_shown_as_it_is() -> None:
    assert visible(shown("A **bold** claim, `x`.\n", "a.txt")) == "A **bold** claim, `x`."


def test_other_citations_are_marked_with_their_numbers_and_the_active_one_wins() -> None:
    document = document_of("First sentence here. Second sentence here. Third one.", "a.txt")
    first, second, both = Span(0, 20), Span(21, 42), Span(10, 30)
    node = tree_of(document, Span(0, 53), Mark(second, "active", "s"), Mark(first, "other", "f", 1), Mark(both, "other", "b", 7))
    assert [(mark.text(), mark.attributes.get("data-number")) for mark in node.css("mark")] == [
        ("First sentence here.", "1"), ("Second sentence here.", None),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_marks_never_overlap(places: list[tuple[int, int]]) -> None:
    marks = [Mark(Span(start, start + length), "other", str(number)) for number, (start, length) in enumerate(places)]
    active = Mark(Span(20, 30), "active")
    kept = without_overlaps(active, marks)
    assert active in kept
    assert all(left.span.end <= right.span.start for left, right in zip(kept, kept[1:], strict=False))
