"""The page's views: what they show, and that no text of a document, user or run becomes markup."""

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from rag.accounts.conversations import SavedConversation
from rag.evaluation.measures import summarise
from rag.evaluation.question_sets import GoldSpan, Question
from rag.evaluation.run_comparison import Difference
from rag.evaluation.runs import Outcome, Run
from rag.index.changes import BuildRecord, Changes
from rag.index.file_listing import ListedFile
from rag.index.manifest import Failure
from rag.records import Answer, Citation, Hit, Location, Passage, QuotedSentence, Span
from rag.templates import render
from rag.ui.answer_actions import Shown
from rag.ui.answer_view import answer_html, failed_answer_html, question_html
from rag.ui.conversation_view import conversations_html, document_choice_html
from rag.ui.documents_view import (
    AddedFile,
    added_files_html,
    build_changes_html,
    files_html,
    index_state_html,
    job_html,
    no_index_html,
)
from rag.ui.evaluation_view import (
    ChangedQuestion,
    question_detail_html,
    question_sets_html,
    questions_html,
    run_comparison_html,
    runs_html,
)
from rag.ui.jobs import JobState

HOSTILE = (
    '"><img src=x onerror="alert(1)"> \'><b> </q></p></textarea></script><script>x</script> '
    "${window.x()} {{7*7}} {% raw %} **bold** $z$ &lt; \u202e & \"quotes\" 'single' `tick`"
)


def answer(*quotes: str, context: bool = False) -> Answer:
    citations = tuple(
        Citation(n, f"dir/{HOSTILE}.md", HOSTILE, Span(0, len(quote)), quote, 2, (HOSTILE,), "a" * 64)
        for n, quote in enumerate(quotes, 1)
    )
    sentences = tuple(QuotedSentence(quote, n, context and n == 1) for n, quote in enumerate(quotes, 1))
    return Answer("q", "q", sentences, citations, confidence=0.5, index="f" * 64, timings_ms={"total": 12.3})


class Elements(HTMLParser):
    """The elements of a page with their attributes, and all text: what a browser makes of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(str(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def shape(self) -> list[tuple[str, set[str]]]:
        return [(tag, set(attributes)) for tag, attributes in self.elements]


def quoted(html: str) -> list[str]:
    """The text of each quoted sentence as a browser would show it."""
    paragraphs = re.findall(r"<p[^>]*>(<q>.*?)<button", html, re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", paragraph)) for paragraph in paragraphs]


def test_quotes_are_shown_exactly() -> None:
    for quote in (HOSTILE, "word", "Two words.", "line\nend here.", "x" * 200, "ends with space-like\u00a0end."):
        assert quoted(answer_html(answer(quote))) == [quote]


def test_the_answer_phrase_is_emphasised_across_both_parts_of_a_sentence() -> None:
    """The last word is set apart from the rest, and the phrase may begin before it and end within it."""
    citation = Citation(1, "a.md", "A", Span(10, 24), "two weeks, Anna", 1, (), "a" * 64, answer_phrase=Span(14, 22))
    html = answer_html(Answer("q", "q", (QuotedSentence("two weeks, Anna", 1),), (citation,)))
    assert re.findall("<strong>(.*?)</strong>", html) == ["weeks, ", "A"]
    assert quoted(html) == ["two weeks, Anna"]


def test_messages_have_no_line_breaks_between_elements() -> None:
    """Gradio shows messages with white-space: pre-line."""
    for shown in (None, Shown(0, True, ["a.md"], [1], "helpful", ["Next?"])):
        assert "\n" not in answer_html(answer("One.", "Two."), shown)
        assert "\n" not in answer_html(Answer("q", "other", reason="not_in_documents", readings=("One?",)), shown)


def test_nothing_of_a_document_becomes_markup() -> None:
    html = answer_html(answer(HOSTILE, "Second."))
    assert [tag for tag, _ in Elements(html).elements] == [
        "div", *["p", "q", "span", "q", "button", "span"] * 2, "ul", "li", "span", "span", "span", "p"
    ]  # fmt: skip
    assert Elements(question_html(HOSTILE)).elements == []
    assert Elements(question_html(HOSTILE)).text == HOSTILE
    assert [tag for tag, _ in Elements(failed_answer_html(HOSTILE)).elements] == ["div", "p"]


def everywhere(text: str) -> dict[str, str]:
    """Every view with one text wherever a document, a user, a question or a run has one."""
    place = Location("a.md", text, Span(0, 3), text, 1, (text,), "b" * 64)
    citation = Citation(1, text, text, Span(0, 9), text, 1, (text,), "a" * 64, Span(2, 5), (place,), (2,))
    hit = Hit(Passage(text, Span(0, 3), text, (text,)), 0.5, 1)
    shown = Shown(0, True, [text], [1], "helpful", [text])
    listed = ListedFile(text, text, text, 1, 1, 0.0, "same as", text)
    changes = Changes(
        added=[text], changed=[text], removed=[text], unchanged=[], failed=[Failure(text, text)], duplicates=[], embedded=1
    )
    question = Question(text, text, answers=(GoldSpan("a.md", Span(0, 3), text),), history=({"speaker": text, "text": text},))
    outcome = Outcome(text, Answer(text, text, (), (citation,)), False, 0.5, (text,), {"total": 1.0}, hits=(hit,))
    run = Run(text, {}, summarise(text, {}, [question], {text: outcome}, {}), {})
    difference = Difference(text, 0.1, 0.2, 0.1, 0.5, (0.0, 0.2), 1, 0, 0)
    return {
        "answer": answer_html(
            Answer("q", text, (QuotedSentence(text, 1),), (citation,), readings=(text,), index=text), shown
        ),
        "abstention": answer_html(
            Answer("q", text, reason="near_miss", nearest=(hit,), looked_for=(text,), unknown=(text,), readings=(text,)), shown
        ),
        "error": failed_answer_html(text),
        "question": question_html(text),
        "conversations": conversations_html([SavedConversation("1", text, text)], text),
        "documents to choose from": document_choice_html([text], {text}, ""),
        "state": index_state_html(documents=1, passages=1, digest=text, changed=0, job=JobState(), building=text),
        "no index": no_index_html(text),
        "job": job_html(JobState(running=True, what=text, done=1, total=2)),
        "result": job_html(JobState(result=text, failed=True)),
        "files": files_html([listed], page=0, sort="name", descending=False, may_curate=True, prefix="/p"),
        "added": added_files_html([AddedFile(text, "failed", text)]),
        "changes": build_changes_html(BuildRecord(changes, text, 1.0)),
        "sets": question_sets_html([(text, text)]),
        "runs": runs_html([run], text, text),
        "comparison": run_comparison_html(run, [difference], [ChangedQuestion(text, text, text)]),
        "questions": questions_html([question], {text: outcome}, page=0),
        "detail": question_detail_html(question, outcome, {text: "c" * 64}),
        "facts": render("page/facts.html", facts={text: text}),
        "signed in": render("login.html", user=SimpleNamespace(name=text, role=text), prefix=""),
        "sign in": render("login.html", user=None, problem=text, prefix=""),
    }  # fmt: skip


@pytest.mark.parametrize("view", everywhere("x"))
def test_hostile_text_makes_no_element_or_attribute_in_any_view(view: str) -> None:
    """The page has the same elements and attributes as with a harmless text, and shows the hostile one literally."""
    shown, harmless = Elements(everywhere(HOSTILE)[view]), Elements(everywhere(re.sub(r"\S", "x", HOSTILE))[view])
    assert shown.shape == harmless.shape
    values = "\0".join(str(value) for _, attributes in shown.elements for value in attributes.values())
    assert HOSTILE in shown.text or HOSTILE in values
    assert "49" not in shown.text and "49" not in values


def test_each_sentence_has_its_number_and_reference() -> None:
    html = answer_html(answer("One.", "Two."))
    assert re.findall(r'value="(a{64}:\d+:\d+):', html) == [f"{'a' * 64}:0:4"] * 2
    assert re.findall(r"</span>(\d)</button>", html) == ["1", "2"]


def test_sentences_of_one_place_share_a_row() -> None:
    assert '<span class="numbers">1, 2</span>' in answer_html(answer("One.", "Two."))


def test_context_is_marked() -> None:
    assert answer_html(answer("One.", "Two.", context=True)).count('class="context"') == 1


def test_an_abstention_gives_its_reason_and_says_that_the_closest_passages_are_no_answer() -> None:
    hit = Hit(Passage("a.md", Span(0, 3), "abc", ("Part",)), 0.5, 1)
    html = answer_html(Answer("q", "q", reason="not_in_documents", nearest=(hit,)))
    assert "There is nothing about this in the documents" in html
    assert "Closest passages (not an answer)" in html and "a.md › Part" in html
    assert "button" not in html


@pytest.mark.parametrize(
    ("answer_of", "buttons"),
    [
        (lambda: answer("One."), ["copy:3", "save:3:md", "save:3:html", "save:3:json", "again:3", "edit:3",
                                  "judge:3:helpful", "choose:3", "judge:3:wrong", "judge:3:nothing"]),
        (lambda: Answer("q", "q", reason="near_miss"), ["copy:3", "save:3:md", "save:3:html", "save:3:json", "again:3", "edit:3",
                                                        "choose:3", "judge:3:nothing"]),
        (lambda: Answer("hi", "hi", reason="greeting"), ["again:3", "edit:3"]),
        (lambda: Answer("q", "longer q", reason="near_miss", readings=("One?",)),
         ["query:3", "written:3", "ask:One?", "copy:3", "save:3:md", "save:3:html", "save:3:json", "again:3", "edit:3", "choose:3",
          "judge:3:nothing"]),
    ],
    ids=["answer", "abstention", "small talk", "rewritten"],
)  # fmt: skip
def test_buttons_of_an_answer(answer_of: Callable[[], Answer], buttons: list[str]) -> None:
    def values(shown: Shown) -> list[Any]:
        elements = Elements(answer_html(answer_of(), shown)).elements
        return [attributes["value"] for tag, attributes in elements if tag == "button" and "act" in str(attributes["class"])]

    assert values(Shown(3, latest=True)) == buttons
    for_latest = ("query", "written", "ask", "again", "edit")
    assert values(Shown(3)) == [value for value in buttons if not value.startswith(for_latest)]


def test_state_of_the_index() -> None:
    state = partial(index_state_html, documents=1, passages=5, digest="d" * 64)
    assert "1 document · 5 passages · up to date" in state(changed=0, job=JobState())
    assert "3 files changed" in state(changed=3, job=JobState())
    elsewhere = state(changed=3, job=JobState(), building=" (embedding 3 of <9>)")
    assert "updating (embedding 3 of &lt;9&gt;)" in elsewhere
    assert "updating, 33%" in state(changed=3, job=JobState(running=True, done=3, total=9))
