import re
from html import unescape
from typing import Any

from rag.records import Answer, Citation, Hit, Passage, QuotedSentence, Span
from rag.ui.answer_view import answer_html, error_html, question_html
from rag.ui.documents_view import chip_html
from rag.ui.jobs import JobState

HOSTILE = '<img src=x onerror="alert(1)"> </q></p><script>x</script> ${x} {{y}} **bold** $z$ \u202e & "quotes"'


def answer(*quotes: str, context: bool = False) -> Answer:
    citations = tuple(
        Citation(n, f"dir/{HOSTILE}.md", HOSTILE, Span(0, len(quote)), quote, 2, (HOSTILE,), "a" * 64)
        for n, quote in enumerate(quotes, 1)
    )
    sentences = tuple(QuotedSentence(quote, n, context and n == 1) for n, quote in enumerate(quotes, 1))
    return Answer("q", "q", sentences, citations, confidence=0.5, index="f" * 64, timings_ms={"total": 12.3})


def texts(html: str) -> list[str]:
    """The text of each quoted sentence as a browser would show it."""
    paragraphs = re.findall(r"<p[^>]*>(<q>.*?)<button", html, re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", paragraph)) for paragraph in paragraphs]


def test_quotes_are_shown_exactly() -> None:
    for quote in (HOSTILE, "word", "Two words.", "line\nend here.", "x" * 200, "ends with space-like\u00a0end."):
        assert texts(answer_html(answer(quote))) == [quote]


def test_nothing_of_a_document_becomes_markup() -> None:
    html = answer_html(answer(HOSTILE, "Second."))
    assert re.findall(r"<(\w+)", re.sub(r"</\w+>", "", html)) == [
        "div", *["p", "q", "span", "q", "button", "span"] * 2, "ul", "li", "span", "span", "span", "p"
    ]  # fmt: skip
    assert "onerror=" not in re.sub(r'"[^"]*"', "", html).replace("onerror=&quot;", "")
    assert "<script" not in question_html(HOSTILE) + error_html(HOSTILE)


def test_each_sentence_has_its_number_and_reference() -> None:
    html = answer_html(answer("One.", "Two."))
    assert re.findall(r'value="(a{64}:\d+:\d+):', html) == [f"{'a' * 64}:0:4"] * 2
    assert re.findall(r"</span>(\d)</button>", html) == ["1", "2"]


def test_sentences_of_one_place_share_a_row() -> None:
    assert '<span class="numbers">1, 2</span>' in answer_html(answer("One.", "Two."))


def test_context_is_marked() -> None:
    assert answer_html(answer("One.", "Two.", context=True)).count('class="context"') == 1


def test_an_abstention_says_why_and_marks_the_nearest_as_no_answer() -> None:
    hit = Hit(Passage("a.md", Span(0, 3), "abc", ("Part",)), 0.5, 1)
    html = answer_html(Answer("q", "q", reason="not_in_documents", nearest=(hit,)))
    assert "The documents do not answer this" in html
    assert "which are no answer" in html and "a.md › Part" in html
    assert "button" not in html


def test_state() -> None:
    held: dict[str, Any] = {"documents": 1, "passages": 5, "digest": "d" * 64}
    assert "1 document · 5 passages · up to date" in chip_html(**held, changed=0, job=JobState())
    assert "3 files changed since" in chip_html(**held, changed=3, job=JobState())
    elsewhere = chip_html(**held, changed=3, job=JobState(), building=" (embedding 3 of <9>)")
    assert "being rebuilt (embedding 3 of &lt;9&gt;)" in elsewhere
    assert "being rebuilt, 33 %" in chip_html(**held, changed=3, job=JobState(running=True, done=3, total=9))
